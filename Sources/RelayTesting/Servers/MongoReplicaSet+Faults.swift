import RelayMongoDB

extension MongoReplicaSet {
    /// The member that is primary now.
    /// - Throws: ``TestingError`` when there is none in time.
    package func primary(within limit: Duration = .seconds(30)) async throws -> MongoServer {
        try await waiting(for: "a primary of the replica set", within: limit) {
            for member in members where member.isRunning {
                let hello = try? await member.run(["hello": 1])
                if hello?["isWritablePrimary"]?.bool == true { return member }
            }
            return nil
        }
    }

    /// Waits until there is a primary and every running member is primary or secondary.
    package func waitUntilComplete(within limit: Duration = .seconds(60)) async throws {
        try await waiting(for: "all members of the replica set to be in step", within: limit) {
            let primary = try await primary(within: .seconds(5))
            let states = try await primary.run(["replSetGetStatus": 1])["members"]?.array ?? []
            let good = states.filter { [1, 2].contains($0.document?["state"]?.int) }
            return good.count >= members.filter(\.isRunning).count ? true : nil
        }
    }

    /// Makes the primary step down, and waits for the next one; a set of one member elects the same one again.
    /// - Parameter seconds: how long the old primary may not be elected.
    package func stepDown(seconds: Int = 5) async throws {
        let old = try await primary()
        // The member closes its connections when it steps down: no answer is an answer.
        let catchUp = max(1, seconds - 1)
        _ = try? await old.run([
            "replSetStepDown": .integer(seconds), "secondaryCatchUpPeriodSecs": .integer(catchUp), "force": true,
        ])
        _ = try await primary()
    }

    /// Kills the primary by SIGKILL.
    /// - Returns: the killed member, to be started again.
    package func killPrimary() async throws -> MongoServer {
        let member = try await primary()
        await member.kill()
        return member
    }

    /// Makes commands fail on the primary, by the server's `failCommand` fail point.
    /// - Parameters:
    ///   - commands: the commands' names, such as `getMore`.
    ///   - times: how many of them fail; nil means all until ``healCommands()``.
    ///   - errorCode: the error that they answer.
    ///   - closesConnection: whether the server hangs up instead.
    ///   - blocksFor: how long the server waits before it fails (or, without an error, before it works).
    ///   - namespace: only commands on this `database.collection`.
    package func failCommands(
        _ commands: [String], times: Int? = nil, errorCode: Int? = nil, closesConnection: Bool = false,
        blocksFor: Duration? = nil, namespace: String? = nil
    ) async throws {
        var data: [(String, BSONValue)] = [
            ("failCommands", .array(commands.map { .string($0) })), ("failInternalCommands", false),
        ]
        if let errorCode { data.append(("errorCode", .integer(errorCode))) }
        if closesConnection { data.append(("closeConnection", true)) }
        if let blocksFor {
            data += [("blockConnection", true), ("blockTimeMS", .integer(Int(blocksFor / .milliseconds(1))))]
        }
        if let namespace { data.append(("namespace", .string(namespace))) }
        let mode: BSONValue = times.map { ["times": .integer($0)] } ?? "alwaysOn"
        let command: BSONDocument = [
            "configureFailPoint": "failCommand", "mode": mode, "data": .document(BSONDocument(data)),
        ]
        try await primary().run(command)
    }

    /// Ends what ``failCommands(_:times:errorCode:closesConnection:blocksFor:namespace:)`` began, on every member.
    package func healCommands() async throws {
        for member in members where member.isRunning {
            try await member.run(["configureFailPoint": "failCommand", "mode": "off"])
        }
    }
}
