import Foundation

/// Where the servers' programs are.
package enum ServerPrograms {
    /// The path of `mongod`: `MONGOD`, else one on the `PATH`, else the one that `scripts/fetch-mongod` keeps, which is
    /// run if there is none yet.
    /// - Throws: ``TestingError`` when there is none and none can be had.
    package static func mongod() async throws -> String {
        let environment = ProcessInfo.processInfo.environment
        if let path = environment["MONGOD"], !path.isEmpty {
            guard isProgram(path) else { throw TestingError("MONGOD is \(path), which is no program") }
            return path
        }
        if let path = onPath("mongod") { return path }
        let cache = environment["XDG_CACHE_HOME"] ?? environment["HOME"].map { "\($0)/.cache" }
        if let kept = cache.map({ "\($0)/outbox-relay/mongod-6.0.5" }), isProgram(kept) { return kept }
        let script = "\(checkout)/scripts/fetch-mongod"
        guard isProgram(script) else {
            throw TestingError("there is no mongod: put one on the PATH, or its path into the variable MONGOD")
        }
        let result = try await Command.run(script, within: .seconds(900))
        let path = result.output.trimmingCharacters(in: .whitespacesAndNewlines)
        guard result.exitCode == 0, isProgram(path) else {
            throw TestingError("scripts/fetch-mongod brought no mongod (\(result.status)): \(result.error)")
        }
        return path
    }

    /// The folder of PostgreSQL's server programs: `PG_BIN`, else what `pg_config` names, else Debian's newest.
    /// - Throws: ``TestingError`` when there is none.
    package static func postgres() async throws -> String {
        if let folder = ProcessInfo.processInfo.environment["PG_BIN"], !folder.isEmpty {
            guard holdsPostgres(folder) else {
                throw TestingError("PG_BIN is \(folder), which holds no initdb and postgres")
            }
            return folder
        }
        if let program = onPath("pg_config"), let result = try? await Command.run(program, ["--bindir"]) {
            let folder = result.output.trimmingCharacters(in: .whitespacesAndNewlines)
            if holdsPostgres(folder) { return folder }
        }
        let versions = (try? FileManager.default.contentsOfDirectory(atPath: "/usr/lib/postgresql")) ?? []
        for version in versions.compactMap({ Int($0) }).sorted(by: >) {
            let folder = "/usr/lib/postgresql/\(version)/bin"
            if holdsPostgres(folder) { return folder }
        }
        throw TestingError("there is no PostgreSQL server: install Debian's postgresql, or name its folder in PG_BIN")
    }

    /// The relay's own program: `OUTBOX_RELAY_BINARY`, else `outbox-relay` beside this program, else the release build of
    /// this checkout.
    /// - Throws: ``TestingError`` when it has not been built.
    package static func relay() throws -> String {
        if let path = ProcessInfo.processInfo.environment["OUTBOX_RELAY_BINARY"], !path.isEmpty {
            guard isProgram(path) else { throw TestingError("OUTBOX_RELAY_BINARY is \(path), which is no program") }
            return path
        }
        var places = ["\(checkout)/.build/release/outbox-relay"]
        if let own = try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe") {
            places.insert("\((own as NSString).deletingLastPathComponent)/outbox-relay", at: 0)
        }
        guard let path = places.first(where: isProgram) else {
            throw TestingError("there is no program \(places.joined(separator: " and no ")): build it first")
        }
        return path
    }

    /// The folder of `Package.swift`, as it was when this was built.
    private static var checkout: String {
        var path = #filePath as NSString
        for _ in 0..<4 { path = path.deletingLastPathComponent as NSString }
        return path as String
    }

    private static func holdsPostgres(_ folder: String) -> Bool {
        isProgram("\(folder)/initdb") && isProgram("\(folder)/postgres")
    }

    private static func isProgram(_ path: String) -> Bool {
        var isFolder = ObjCBool(false)
        return FileManager.default.fileExists(atPath: path, isDirectory: &isFolder) && !isFolder.boolValue
            && FileManager.default.isExecutableFile(atPath: path)
    }

    private static func onPath(_ name: String) -> String? {
        let folders = (ProcessInfo.processInfo.environment["PATH"] ?? "").split(separator: ":")
        return folders.map { "\($0)/\(name)" }.first(where: isProgram)
    }
}
