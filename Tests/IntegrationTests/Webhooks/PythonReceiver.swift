import Foundation

@testable import RelayTesting

/// The receiver in `python/`: it verifies every delivery with the libraries that receivers use, which have nothing in
/// common with the relay. It ends with the last reference at the latest.
///
/// Whatever delivers can be pointed at ``url(_:)``: it answers 204 to what is right and 400, with the reason, to what is
/// not.
final class PythonReceiver: Sendable {
    /// What it found.
    struct Summary: Decodable {
        var requests: Int
        /// Requests that were right, and those that were not, with the first reasons.
        var verified: Int
        var failed: Int
        var reasons: [String]
        /// Distinct events, and those that came again without a redelivery header.
        var events: Int
        var duplicates: Int
        var duplicateIDs: [String]
        var redeliveries: Int
        /// First arrivals of events behind a later one of their key.
        var orderErrors: Int
        var firstOrderErrors: [String]
        /// Verified requests by format.
        var formats: [String: Int]
        var compressed: Int
        /// Requests whose altered copies every key refused.
        var alteredRefused: Int
        /// Events that the JSON schema of CloudEvents was applied to; 0 without a schema.
        var schemaChecks: Int
        var schema: String
    }

    /// There is no Python with the packages, and none can be had.
    struct Unavailable: Error { let reason: String }

    private let child: ChildProcess
    private let output: String
    private let log: String
    let port: UInt16

    private init(child: ChildProcess, output: String, log: String, port: UInt16) {
        (self.child, self.output, self.log, self.port) = (child, output, log, port)
    }

    /// Where to deliver events in a format.
    func url(_ format: String) -> String { "http://127.0.0.1:\(port)/\(format)" }

    /// The JSON schema of CloudEvents: `CLOUDEVENTS_SCHEMA`, else the one beside the checkout; nil where there is none.
    static let schema: String? = {
        let named = ProcessInfo.processInfo.environment["CLOUDEVENTS_SCHEMA"]
        let beside = "\(checkout)/../shared/conformance/cloudevents.schema.json"
        return [named, beside].compactMap { $0 }.first { FileManager.default.isReadableFile(atPath: $0) }
    }()

    /// Starts a receiver.
    /// - Parameters:
    ///   - secrets: `whsec_…` and `whpk_…`, in the order of the sender's secrets.
    ///   - source: what every event must name as its source; nil for any.
    ///   - expected: a file that tells what must arrive (`record.py`); nil for anything that is well-formed.
    /// - Throws: ``Unavailable`` when the packages cannot be installed, ``TestingError`` for everything else.
    static func start(
        in folder: TestFolder, secrets: [String], source: String? = nil, expected: String? = nil
    ) async throws -> PythonReceiver {
        let name = "receiver-\(UInt32.random(in: 0 ... .max))"
        let (output, log) = (folder.path("\(name).out"), folder.path("\(name).log"))
        // -B: no compiled files in the checkout. -s: nothing of the user's own.
        var arguments = ["-B", "-s", "\(checkout)/Tests/IntegrationTests/Webhooks/python/receiver.py"]
        for secret in secrets { arguments += ["--secret", secret] }
        if let source { arguments += ["--source", source] }
        if let expected { arguments += ["--expected", expected] }
        if let schema { arguments += ["--schema", schema] }
        var launch = Launch(
            program: try await python(), arguments: arguments,
            environment: ["PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8"])
        (launch.output, launch.error) = (.file(output), .file(log))
        let child = try await ChildProcess(launch)
        let port = try await waiting(for: "the Python receiver to listen", within: .seconds(60)) { () -> UInt16? in
            if let status = child.status {
                throw GivingUp(TestingError("the Python receiver ended with \(status).\(logNote(log))"))
            }
            guard let data = FileManager.default.contents(atPath: output), data.last == UInt8(ascii: "\n") else {
                return nil
            }
            return UInt16(String(decoding: data.dropLast(), as: UTF8.self))
        }
        return PythonReceiver(child: child, output: output, log: log, port: port)
    }

    /// What it found so far.
    func summary() async throws -> Summary {
        let answer = try await HTTPGet.run(port: port, path: "/", within: .seconds(20))
        return try JSONDecoder().decode(Summary.self, from: Data(answer.body.utf8))
    }

    /// Ends it and asks what it found.
    func finish() async throws -> Summary {
        let status = await child.end(by: SIGTERM, within: .seconds(30))
        let errors = tail(of: log)
        guard status == .code(0), errors.isEmpty,
            let last = FileManager.default.contents(atPath: output)?.split(separator: UInt8(ascii: "\n")).last
        else { throw TestingError("the Python receiver ended with \(status).\(logNote(log))") }
        return try JSONDecoder().decode(Summary.self, from: Data(last))
    }

    private static var checkout: String {
        var path = #filePath as NSString
        for _ in 0..<4 { path = path.deletingLastPathComponent as NSString }
        return path as String
    }

    private static func python() async throws -> String {
        let result = try await Command.run("\(checkout)/scripts/verify-webhooks-setup", within: .seconds(900))
        if result.exitCode == 69 { throw Unavailable(reason: result.error) }
        guard result.exitCode == 0 else {
            throw TestingError("scripts/verify-webhooks-setup failed (\(result.status)): \(result.error)")
        }
        return result.output.trimmingCharacters(in: .whitespacesAndNewlines)
    }
}
