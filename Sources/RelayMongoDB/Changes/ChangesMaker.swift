import Crypto
import RelayCore

/// Events of all changes of documents: `<collection>.created`, `.updated`, `.replaced`, `.deleted`.
final class ChangesMaker: EventMaker {
    let shape: StreamShape
    private let payload: ChangePayload
    private let collection: String?

    private enum Field: Int, CaseIterable {
        case documentKey, updateDescription, ns, lsid, txnNumber, fullDocumentBeforeChange
    }

    init(_ options: MongoSource.Options) {
        var shape = StreamShape(
            watched: options.watched, operations: ["insert", "update", "replace", "delete"],
            options: options.images.options)
        shape.fields = Field.allCases.map { "\($0)" }.filter {
            $0 != "fullDocumentBeforeChange" || options.images == .preAndPost
        }
        shape.identity = "documentKey"
        self.shape = shape
        collection = shape.collection
        payload = ChangePayload(style: options.mapping.style, images: options.images)
    }

    func take(_ change: ChangeEvent, into batch: EventBatch) throws {
        func field(_ field: Field) -> BSONRawValue? { change.field(field.rawValue) }
        guard let key = field(.documentKey)?.document, let id = try key.value("_id"),
            let collection = try collection ?? field(.ns)?.document?.value("coll")?.string
        else { throw BSONError(.truncated, offset: 0) }
        let arena = batch.arena
        var record = EventRecord()
        record.occurredAt = change.committedAt
        record.committedAt = change.committedAt
        record.id = Self.appendID(of: change.token, to: arena)
        record.topic = arena.appended(collection)
        record.type = arena.appended(collection + "." + change.operation.verb)
        let fixed = arena.count
        do {
            record.key = try arena.appending { try BSONIdentifier.append(id, to: arena) }
            let before = shape.fields.count == Field.allCases.count ? field(.fullDocumentBeforeChange) : nil
            var transaction: ChangePayload.Transaction?
            if let session = field(.lsid)?.document, let number = field(.txnNumber)?.int64 {
                transaction = .init(
                    session: try session.value("id"), number: number,
                    order: ResumeToken.transactionIndex(of: change.token) ?? 0)
            }
            record.payload = try arena.appending {
                record.payloadRefusedByJSONB = try !payload.append(
                    .init(
                        operation: change.operation.verb, collection: collection, key: key, after: change.document,
                        before: before, description: field(.updateDescription)?.document, transaction: transaction,
                        isTruncated: change.isTruncated),
                    to: arena)
            }
            batch.append(record)
        } catch {
            // A document may hold bytes that are no UTF-8; everything else of the stream is the server's own.
            arena.truncate(to: fixed)
            record.key = arena.appended("")
            record.payload = .none
            record.document = arena.appended(change.whole.bytes)
            batch.append(record, poison: Poison(.invalidDocument, "\(error)"))
        }
    }

    func take(
        existing document: BSONView, of collection: String, time: Int64, mayRepeat: Bool, into batch: EventBatch
    ) {
        let arena = batch.arena
        var record = EventRecord()
        record.mayRepeat = mayRepeat
        record.occurredAt = time
        guard let id = (try? document.value("_id")) ?? nil else { return }
        record.id = Self.appendID(ofExisting: id, in: collection, to: arena)
        record.topic = arena.appended(collection)
        record.type = arena.appended(collection + "." + ChangeEvent.Operation.insert.verb)
        let fixed = arena.count
        do {
            record.key = try arena.appending { try BSONIdentifier.append(id, to: arena) }
            record.payload = try arena.appending {
                record.payloadRefusedByJSONB = try !payload.append(
                    existing: document, of: collection, id: id, to: arena)
            }
            batch.append(record)
        } catch {
            arena.truncate(to: fixed)
            record.key = arena.appended("")
            record.payload = .none
            record.document = arena.appended(document.bytes)
            batch.append(record, poison: Poison(.invalidDocument, "\(error)"))
        }
    }

    func decode(kept document: UnsafeRawBufferPointer, into batch: EventBatch) async throws {
        // What was damaged once is damaged for ever: no mapping makes an event of it.
        var record = EventRecord()
        record.document = batch.arena.appended(document)
        batch.append(record, poison: Poison(.invalidDocument, "the change holds text that is not UTF-8"))
    }

    /// An event's id: 128 bits of the resume token's SHA-256, so the same after every restart, as hexadecimal digits.
    private static func appendID(of token: String, to arena: ByteArena) -> ByteRange {
        var token = token
        var hash = SHA256()
        token.withUTF8 { hash.update(bufferPointer: UnsafeRawBufferPointer($0)) }
        return append(hash, to: arena)
    }

    private static func append(_ hash: SHA256, to arena: ByteArena) -> ByteRange {
        arena.appending {
            hash.finalize().withUnsafeBytes { digest in
                var sink = JSONSink(arena, reserving: 32)
                sink.put(hex: digest.baseAddress!, count: 16)
                sink.commit()
            }
        }
    }

    /// The id of the event that publishes a document which was there already.
    private static func appendID(
        ofExisting id: BSONRawValue, in collection: String, to arena: ByteArena
    ) -> ByteRange {
        var hash = SHA256()
        hash.update(data: Array(collection.utf8) + [0, id.type.rawValue])
        hash.update(bufferPointer: id.bytes)
        return append(hash, to: arena)
    }
}

extension ChangeEvent.Operation {
    /// The last word of the event's type.
    var verb: String {
        switch self {
        case .insert: "created"
        case .update: "updated"
        case .replace: "replaced"
        case .delete: "deleted"
        }
    }
}
