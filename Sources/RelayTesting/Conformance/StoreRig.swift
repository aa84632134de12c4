import RelayCore
import RelayMongoDB

/// One pipeline's state in a database of its own, and what a conformance suite needs of it.
package protocol StoreRig: Sendable {
    /// The store of another relay for the same pipeline. It is not prepared.
    func open() -> any StateStore

    /// What commands do with the state.
    var administration: any DestinationAdministration { get }

    /// Writes a checkpoint through `store`, as the pipeline does, with what `write` says.
    func write(
        _ write: ConformanceWrite, to store: any StateStore, after state: StoredState, under grant: LeaseGrant
    ) async throws -> StoredState

    /// Breaks every connection that stores have open.
    func loseConnections() async throws
}

/// What one write stores.
package struct ConformanceWrite: Sendable {
    package var end = Checkpoint()
    /// Events that are settled, and documents that become dead letters.
    package var events = 0
    package var deadLetters = 0

    /// A write of a checkpoint at `token`.
    package init(_ token: String, events: Int = 1, deadLetters: Int = 0) {
        end.token = token
        end.clusterTime = ClusterTime(seconds: 1_700_000_000, increment: 1)
        self.events = events
        self.deadLetters = deadLetters
    }

    /// The batch whose delivery is the write.
    package func batch() -> EventBatch {
        let batch = EventBatch(end: end)
        for number in 0..<events { batch.append(SampleEvent("event-\(end.token ?? "")-\(number)").record(in: batch)) }
        for number in 0..<deadLetters {
            var sample = SampleEvent("poison-\(end.token ?? "")-\(number)")
            // The document { _id: "x" }, as a source keeps it.
            sample.document = [16, 0, 0, 0, 2, 95, 105, 100, 0, 2, 0, 0, 0, 120, 0, 0]
            batch.append(
                sample.record(in: batch), poison: Poison(.missingField, "the field 'type' is missing, says a test"))
        }
        return batch
    }

    /// The same as a settlement from `state` on.
    package func settlement(after state: StoredState) -> Settlement {
        let batch = batch()
        var settlement = Settlement()
        settlement.checkpoint = (end, state.position + Int64(events))
        settlement.deadLetters = batch.records.indices.filter { batch.records[$0].outcome == .poison }.map { index in
            NewDeadLetter(
                EventReference(batch, index: index, position: state.position + Int64(events)),
                batch.poison[Int(batch.records[index].note)])
        }
        return settlement
    }
}

/// An event for tests, by the bytes of its fields.
package struct SampleEvent: Sendable {
    package var id: [UInt8]
    package var topic: [UInt8] = Array("order".utf8)
    package var type: [UInt8] = Array("Noted".utf8)
    package var key: [UInt8]
    package var payload: [UInt8] = Array("{\"n\":1}".utf8)
    package var payloadIsBinary = false
    package var headers: [UInt8]?
    package var schemaVersion: [UInt8]?
    package var traceparent: [UInt8]?
    package var document: [UInt8]?
    package var documentText: [UInt8]?
    package var occurredAt: Int64 = .min
    package var committedAt: Int64 = .min

    /// A small event.
    package init(_ id: String, key: String = "k") {
        self.id = Array(id.utf8)
        self.key = Array(key.utf8)
    }

    /// The event in a batch of its own.
    package func reference(at position: Int64) -> EventReference {
        let batch = EventBatch(end: Checkpoint(), capacity: payload.count + 256)
        batch.append(record(in: batch))
        return EventReference(batch, index: 0, position: position)
    }

    /// Puts the event's bytes into `batch`; the record is still to be appended.
    package func record(in batch: EventBatch) -> EventRecord {
        func range(_ bytes: [UInt8]?) -> ByteRange {
            guard let bytes else { return .none }
            let start = batch.arena.count
            bytes.withUnsafeBytes { batch.arena.append($0) }
            return ByteRange(offset: start, length: bytes.count)
        }
        var record = EventRecord()
        record.id = range(id)
        record.topic = range(topic)
        record.type = range(type)
        record.key = range(key)
        record.payload = range(payload)
        record.payloadIsBinary = payloadIsBinary
        record.headers = range(headers)
        record.schemaVersion = range(schemaVersion)
        record.traceparent = range(traceparent)
        record.document = range(document)
        record.documentText = range(documentText)
        record.occurredAt = occurredAt
        record.committedAt = committedAt
        return record
    }

    /// The key that the event is delivered in order with.
    package var eventKey: EventKey { key.withUnsafeBytes { EventKey(of: $0) } }

    /// The event as one to park.
    package func parked(at position: Int64, redelivery: String? = nil) -> ParkedEvent {
        ParkedEvent(reference(at: position), key: eventKey, redelivery: redelivery)
    }
}

/// Says what is wrong, where something is.
/// - Throws: ``TestingError`` with `what` unless `condition` holds.
func expect(_ condition: Bool, _ what: @autoclosure () -> String, line: Int = #line, file: String = #fileID) throws {
    if !condition { throw TestingError("\(what()) (\(file):\(line))") }
}

/// The error that `body` throws.
/// - Throws: ``TestingError`` when it throws none, or another one.
@discardableResult
func expectFailure(
    _ what: String, line: Int = #line, file: String = #fileID, isolation: isolated (any Actor)? = #isolation,
    _ body: () async throws -> Void
) async throws -> RelayError {
    do {
        try await body()
    } catch let error as RelayError {
        return error
    }
    throw TestingError("\(what) (\(file):\(line))")
}
