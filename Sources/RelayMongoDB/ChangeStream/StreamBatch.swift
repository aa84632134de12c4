import RelayCore

/// One answer of a cursor, taken apart without copying its documents.
struct StreamBatch {
    /// The documents' array.
    let documents: BSONView
    let cursorID: Int64
    /// The token behind the batch.
    let postBatchToken: String?
    /// The server's newest time when it answered.
    let operationTime: ClusterTime?
    /// The snapshot's time, of a snapshot read.
    let snapshotTime: ClusterTime?

    /// - Throws: ``BSONError`` when the reply is not a cursor's.
    init(_ reply: BSONView) throws {
        guard let cursor = try reply.value("cursor")?.document else { throw BSONError(.truncated, offset: 0) }
        guard let batch = try (cursor.value("nextBatch") ?? cursor.value("firstBatch"))?.array else {
            throw BSONError(.truncated, offset: 0)
        }
        documents = batch
        cursorID = try cursor.value("id")?.int64 ?? 0
        postBatchToken = try cursor.value("postBatchResumeToken")?.document?.value("_data")?.string
        operationTime = try reply.value("operationTime")?.timestamp.map { ClusterTime($0) }
        snapshotTime = try cursor.value("atClusterTime")?.timestamp.map { ClusterTime($0) }
    }
}

extension ClusterTime {
    /// The same time as BSON holds it.
    init(_ timestamp: BSONTimestamp) {
        self.init(seconds: timestamp.seconds, increment: timestamp.increment)
    }

    /// The same time for a command.
    var bson: BSONValue { .timestamp(BSONTimestamp(seconds: seconds, increment: increment)) }
}
