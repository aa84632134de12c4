import RelayCore

extension SourceReading {
    /// The oplog no longer reaches back to the position: does what ``HistoryLostPolicy`` says, and goes on by returning.
    func historyLost() async throws {
        guard let position else { return }
        let lost = LostHistory(connection, endpoint: endpoint)
        var gap = try await lost.gap(behind: position)
        let options = source.options
        source.status.update { $0.historyGap = .init(from: gap.from.seconds, to: gap.to.seconds) }
        source.logger.error(
            "the oplog no longer reaches back to the checkpoint",
            metadata: [
                "gap.from": "\(gap.from)", "gap.to": "\(gap.to)", "policy": "\(options.onHistoryLost.rawValue)",
            ])
        if options.onHistoryLost == .halt {
            throw RelayError(
                .historyLost,
                "the oplog no longer reaches back to the checkpoint: what was written to \(source.namespace) from "
                    + "\(LostHistory.text(gap.from)) to \(LostHistory.text(gap.to)) cannot be read from the stream any "
                    + "more. " + options.historyLostAdvice)
        }
        // What was there at the first start can still be read, from where the scan has come to, as it is now: only what
        // changed until then is lost.
        if options.onHistoryLost == .skip, position.backlog != nil { gap.to = gap.now }
        try await lost.record(gap, of: options.pipeline, policy: options.onHistoryLost)
        let next = Self.position(behind: gap, position, options)
        let batch = try await queue.checkOut(behind: next)
        submit(batch, at: next, sourceTime: nil, isLevel: false)
    }

    private static func position(
        behind gap: LostHistory.Gap, _ position: Checkpoint, _ options: MongoSource.Options
    ) -> Checkpoint {
        var next = position
        next.token = nil
        next.invalidated = false
        next.options = options.fingerprint
        if options.onHistoryLost == .skip {
            next.clusterTime = gap.to
            next.backlog?.snapshot = gap.to
            next.backlog?.catchingUpTo = nil
            return next
        }
        // Where settled documents are removed or marked, all others are owed. A backlog was not read to its end. And an
        // aggregate's age says nothing of that of the events in it.
        let all = options.isCleanedUp || position.backlog != nil || options.kind == .embedded
        next.clusterTime = gap.now
        next.backlog = BacklogPosition(snapshot: gap.now)
        next.backlog?.rescan = .init(
            since: all ? nil : Int64(gap.from.seconds) * 1000 - Int64(options.rescanSlack / .milliseconds(1)),
            // A mark says that every pipeline has settled the event, this one too once its backlog was read: what the
            // queue has dropped since, or a webhook has taken, is not looked up anywhere else.
            leavesOutMarked: options.isCleanedUp && options.kind == .outbox && position.backlog == nil)
        return next
    }
}
