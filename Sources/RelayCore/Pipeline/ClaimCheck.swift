import Crypto

/// Sends a reference instead of a payload that is larger than a limit: whoever needs the payload fetches it from the
/// source by the event's id, and can tell by size and hash that it is the same.
///
/// The payload becomes
/// `{"claimCheck":{"database":"shop","collection":"outbox","id":"…","bytes":1234567,"sha256":"…"}}`, and the event's
/// headers get `outbox-relay-claim-check: true`.
public struct ClaimCheck: Sendable {
    /// The header of an event whose payload is a reference.
    public static let header = "outbox-relay-claim-check"

    private let limit: Int
    private let database: String
    private let collection: String

    /// References to documents of `collection` for payloads of more than `limit` bytes.
    public init(limit: Int, database: String, collection: String) {
        self.limit = limit
        self.database = database
        self.collection = collection
    }

    /// Replaces the payloads of `batch` that are larger than the limit. One that is a reference already is smaller.
    public func apply(to batch: EventBatch) {
        for index in batch.records.indices where batch.records[index].outcome == .event {
            guard batch.records[index].payload.length > limit else { continue }
            check(in: batch, at: index)
        }
    }

    private func check(in batch: EventBatch, at index: Int) {
        let arena = batch.arena
        let record = batch.records[index]
        let hash = SHA256.hash(data: arena[record.payload])
        let id = Array(arena[record.id])
        let start = arena.count
        arena.append("{\"claimCheck\":{\"database\":")
        JSONQuote.append(database.utf8, to: arena)
        arena.append(",\"collection\":")
        JSONQuote.append(collection.utf8, to: arena)
        arena.append(",\"id\":")
        JSONQuote.append(id, to: arena)
        arena.append(",\"bytes\":\(record.payload.length),\"sha256\":\"")
        for byte in hash { for digit in [byte >> 4, byte & 15] { arena.append(JSONQuote.digits[Int(digit)]) } }
        arena.append("\"}}")
        batch.replacePayload(at: index, with: ByteRange(offset: start, length: arena.count - start))
        batch.setHeader(Self.header, to: "true", at: index)
    }
}
