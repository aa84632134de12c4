import Foundation

/// What a program that ran to its end left behind.
package struct CommandResult: Sendable {
    /// How it ended.
    package let status: ExitStatus
    /// What it wrote to standard output, and to standard error.
    package let output: String
    package let error: String

    /// The exit code; -1 when a signal ended it.
    package var exitCode: Int32 { status.exitCode ?? -1 }
}

/// Programs that are run to their end.
package enum Command {
    /// Runs a program and waits for its end.
    /// - Parameters:
    ///   - program: a path, or a name to be looked up in `PATH`.
    ///   - environment: the child's whole environment; that of this process when nil.
    ///   - limit: after this it is killed.
    /// - Throws: ``TestingError`` when it cannot be started or has not ended in time.
    package static func run(
        _ program: String, _ arguments: [String] = [], environment: [String: String]? = nil, as user: String? = nil,
        within limit: Duration = .seconds(60)
    ) async throws -> CommandResult {
        // Files and not pipes: nobody has to read while the program runs. tmpfile(3) is removed when it is closed.
        guard let output = tmpfile() else { throw TestingError("no temporary file can be made") }
        defer { fclose(output) }
        guard let error = tmpfile() else { throw TestingError("no temporary file can be made") }
        defer { fclose(error) }
        var launch = Launch(
            program: program, arguments: arguments,
            environment: environment ?? ProcessInfo.processInfo.environment)
        launch.output = .descriptor(fileno(output))
        launch.error = .descriptor(fileno(error))
        launch.user = user
        let child = try await ChildProcess(launch)
        guard let status = await child.exit(within: limit) else {
            await child.end(by: SIGKILL, within: .zero)
            let lines = [contents(of: output), contents(of: error)].joined().suffix(2000)
            throw TestingError("\(program) had not ended after \(limit). Its output:\n\(lines)")
        }
        if status == .code(127), contents(of: error).contains("failed to execute") {
            throw TestingError("\(program) cannot be started: \(contents(of: error))")
        }
        return CommandResult(status: status, output: contents(of: output), error: contents(of: error))
    }

    private static func contents(of file: UnsafeMutablePointer<FILE>) -> String {
        rewind(file)
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 64 << 10)
        while true {
            let count = fread(&chunk, 1, chunk.count, file)
            if count == 0 { break }
            bytes += chunk[..<count]
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}
