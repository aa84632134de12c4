/// Values that are right each by itself and cannot hold together.
enum Contradictions {
    static func problems(in review: SettingsReview) -> [ConfigurationProblem] {
        source(review) + relay(review) + compensation(review)
            + review.settings.destinations.flatMap { destination($0, review) }
    }

    private static func source(_ review: SettingsReview) -> [ConfigurationProblem] {
        typealias Table = ConfigurationTable.Source
        let source = review.settings.source
        let kind = Table.kind.variable
        return review.conflict(
            Table.collections.variable, kind, if: source.kind == .outbox && source.collections.count > 1,
            "names several collections, of which an outbox has one")
            + review.conflict(
                Table.collections.variable, kind, if: source.kind != .changes && source.watchesWholeDatabase,
                "can be `*` only for `changes`")
            + review.conflict(
                Table.capture.variable, kind, if: source.capture == .poll && source.kind == .changes,
                "cannot be `poll`, since changes are seen by a stream only")
            + review.conflict(
                Table.capture.variable, Table.cleanup.variable,
                if: source.capture == .poll && source.kind != .changes && source.cleanup == .none,
                "`poll` needs settled documents to be deleted or marked, or it would read all of them again and again")
            + review.conflict(
                Table.cleanup.variable, kind, if: source.cleanup == .mark && source.kind == .embedded,
                "`mark` needs documents of the events' own; settled elements of an array can only be deleted")
            + review.conflict(
                Table.onHistoryLost.variable, kind, if: source.onHistoryLost == .rescan && source.kind == .changes,
                "cannot be `rescan`, since no collection holds the changes that were missed")
    }

    private static func relay(_ review: SettingsReview) -> [ConfigurationProblem] {
        typealias Table = ConfigurationTable.Relay
        return review.conflict(
            Table.batchBytes.variable, Table.bufferBytes.variable,
            if: review.settings.batchBytes > review.settings.bufferBytes, "is more than all pipelines may hold")
    }

    private static func compensation(_ review: SettingsReview) -> [ConfigurationProblem] {
        typealias Table = ConfigurationTable.Compensation
        let compensation = review.settings.compensation
        let isWatched = compensation.collection.map(review.settings.source.collections.contains) == true
        return review.conflict(
            Table.collection.variable, ConfigurationTable.Source.collections.variable, if: isWatched,
            "would feed the source with its own dead letters")
            + review.conflict(
                Table.event.variable, ConfigurationTable.Destination.names.variable,
                if: compensation.event && review.settings.destinations.count < 2,
                "needs a second destination to send to")
    }

    private static func destination(
        _ destination: DestinationSettings, _ review: SettingsReview
    ) -> [ConfigurationProblem] {
        typealias Queue = ConfigurationTable.Queue
        let hasStatement = destination.sql != nil
        return review.conflict(
            Queue.engine.variable, Queue.sql.variable, destination,
            if: destination.kind == .postgresql && destination.queue == .sql && !hasStatement,
            "`sql` needs the statement")
            + review.conflict(
                Queue.retention.variable, Queue.retentionMax.variable, destination,
                if: destination.retention > destination.retentionMax, "is longer than events are kept at most")
            + review.conflict(
                ConfigurationTable.Destination.claimCheck.variable, ConfigurationTable.Source.cleanup.variable,
                destination, if: destination.claimCheck != nil && review.settings.source.cleanup == .delete,
                "sends references to documents that `delete` removes")
            + review.conflict(
                ConfigurationTable.Destination.claimCheck.variable, ConfigurationTable.Source.kind.variable,
                destination, if: destination.claimCheck != nil && review.settings.source.kind != .outbox,
                "sends references to documents of an outbox; no other document holds an event as it was")
            + webhook(destination, review)
    }
}
