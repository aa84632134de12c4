import Foundation
import RelayCore

extension MongoStateStore {
    public func settle(_ settlement: Settlement, after state: StoredState, under grant: LeaseGrant) async throws
        -> StoredState
    {
        guard let writer = writer.withLock({ $0 }) else { throw StateFailure.moved }
        guard writer.grant == grant else { throw StateFailure.fenced }
        guard writer.revision == state.revision else { throw StateFailure.moved }
        let fence = try Fence(settlement, writer: writer, pipeline: options.pipeline)
        let database = database
        do {
            let written = try await call(data, doing: "writing the state of \(options.pipeline)") { connection in
                if SettlementCommands.isPlain(settlement) { return try connection.writePlain(fence, on: database) }
                return try connection.writeWhole(settlement, after: writer, fence, on: database)
            }
            note(written.time)
            return try finish(written, settlement, after: state, writer)
        } catch {
            // What is stored now is not known; until it was read, nothing is written.
            if (error as? RelayError)?.code != .fenced { self.writer.withLock { $0 = nil } }
            throw error
        }
    }

    private func finish(
        _ written: WrittenSettlement, _ settlement: Settlement, after state: StoredState, _ writer: Writer
    ) throws -> StoredState {
        var next = state
        next.revision += 1
        if let checkpoint = settlement.checkpoint {
            next.checkpoint = checkpoint.end
            next.position = checkpoint.position
        }
        // What others may have written meanwhile is taken from the document.
        next.paused = written.document["paused"]?.string
        next.stoppedMilliseconds = written.document["stoppedMilliseconds"]?.int64 ?? next.stoppedMilliseconds
        guard written.document["revision"]?.int64 == next.revision else { throw StateFailure.moved }
        self.writer.withLock {
            $0 = writer
            $0?.revision = next.revision
            $0?.lastDeadLetter += Int64(settlement.deadLetters.count)
            $0?.large += written.changes.large
        }
        return next
    }
}

/// What became of a settlement that was written.
struct WrittenSettlement: Sendable {
    /// Some fields of the checkpoint's document.
    var document: BSONDocument
    var changes = SettlementCommands.Changes()
    /// When it was written, on the cluster's clock.
    var time: BSONTimestamp?
}

extension MongoConnection {
    /// A settlement that changes nothing but the checkpoint's document is one command.
    fileprivate func writePlain(_ fence: Fence, on database: String) throws -> WrittenSettlement {
        let command = fence.command().appending("writeConcern", MongoStateStore.majority).appending("maxTimeMS", 10_000)
        let reply = try write(command, on: database, inSession: true)
        guard let document = reply["value"]?.document else {
            throw fence.refusal(try first(fence.look, on: database))
        }
        return WrittenSettlement(document: document, time: reply["operationTime"]?.timestamp)
    }

    /// Any other is a transaction.
    fileprivate func writeWhole(
        _ settlement: Settlement, after writer: MongoStateStore.Writer, _ fence: Fence, on database: String
    ) throws -> WrittenSettlement {
        var largestField = SettlementCommands.largestField(of: settlement)
        while true {
            do {
                let commands = try SettlementCommands(
                    settlement, after: writer, pipeline: fence.pipeline, database: database, largestField: largestField
                ) { try write($0.appending("writeConcern", MongoStateStore.majority), on: database) }
                return try retrying(commands, fence, on: database)
            } catch let failure as MongoFailure where failure.isTooLargeForCache && largestField > 512 {
                // A small server, or very many events: only what identifies them is left in the transaction.
                largestField = 512
            }
        }
    }

    /// What breaks a transaction without a commit is tried again a few times.
    private func retrying(_ commands: SettlementCommands, _ fence: Fence, on database: String) throws
        -> WrittenSettlement
    {
        let end = ContinuousClock.now + .seconds(5)
        var pause = 0.005
        while true {
            do {
                return try transaction(commands, fence, on: database)
            } catch let failure as MongoFailure where failure.isTransient && ContinuousClock.now < end {
                try Task.checkCancellation()
                // The thread is this connection's own.
                Thread.sleep(forTimeInterval: pause * Double.random(in: 0.5...1.5))
                pause = min(pause * 2, 0.2)
            }
        }
    }

    private func transaction(_ commands: SettlementCommands, _ fence: Fence, on database: String) throws
        -> WrittenSettlement
    {
        try startTransaction()
        let changes: SettlementCommands.Changes
        let document: BSONDocument?
        do {
            changes = try commands.send(on: self)
            // Last, so that its lock is held for the moment until the commit and no longer.
            document = try write(fence.command(changes), on: database, inSession: true)["value"]?.document
        } catch {
            // Who broke it off does not wait for a server; the session's end undoes it as well.
            if !Task.isCancelled { try? abortTransaction() }
            throw error
        }
        guard let document else {
            try? abortTransaction()
            throw fence.refusal(try first(fence.look, on: database))
        }
        let reply = try commitTransaction()
        return WrittenSettlement(
            document: document, changes: changes, time: reply.document["operationTime"]?.timestamp)
    }
}
