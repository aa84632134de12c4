import RelayCore

/// Payloads that an outbox document only refers to: `payloadRef: {collection, id, version?}`. They are read with
/// majority read concern, a few at once, and put in the places that were held for them.
final class PayloadReferences {
    /// Where a payload lies.
    struct Reference {
        var collection: String
        var id: BSONValue
        /// What the document's field `version` has to be, where the reference names it.
        var version: BSONValue?
    }

    private struct Owed {
        var index: Int
        var reference: Reference
        /// The outbox document, for a dead letter.
        var document: [UInt8]
    }

    private let connection: MongoConnection
    private let database: String
    private let style: JSONStyle
    private var owed: [Owed] = []
    /// How many are read at once follows from how large they were.
    private var sizer = ReplySizer(target: 1 << 20, most: 256)

    init(_ connection: MongoConnection, database: String, style: JSONStyle) {
        self.connection = connection
        self.database = database
        self.style = style
    }

    var isEmpty: Bool { owed.isEmpty }
    var isFull: Bool { owed.count >= sizer.batchSize }

    /// Notes that the record at `index` has its payload elsewhere.
    func add(_ reference: Reference, at index: Int, document: [UInt8]) {
        owed.append(Owed(index: index, reference: reference, document: document))
    }

    /// Reads what is owed. When it throws nothing is owed any more: the batch is not handed over.
    func complete(_ batch: EventBatch) async throws {
        let all = owed
        owed = []
        var start = 0
        while start < all.count {
            let end = min(all.count, start + sizer.batchSize)
            for (collection, part) in Dictionary(grouping: all[start..<end], by: \.reference.collection) {
                try await find(part, of: collection, in: batch)
            }
            start = end
        }
    }

    /// Why no document can be looked up so, as far as that can be told without the server; nil where one can.
    static func problem(collection: String, id: BSONRawValue) -> String? {
        if collection.utf8.contains(0) || collection.contains("$") || collection.hasPrefix("system.")
            || collection.hasPrefix(".") || collection.utf8.count > 200
        {
            return "the field 'payloadRef.collection' is no collection that a payload can lie in"
        }
        var fields = id.document?.elements
        let isOperator = ((try? fields?.next()) ?? nil)?.name.hasPrefix("$") == true
        switch id.type {
        case .array, .regex, .undefined: return "the field 'payloadRef.id' is of a type that no _id has"
        case .document where isOperator:
            return
                "the field 'payloadRef.id' begins with an operator, as Extended JSON does; it has to be the _id itself"
        default: return nil
        }
    }

    /// What the server answers to a question that it will never like, however often it is asked: BadValue,
    /// FailedToParse, Unauthorized, TypeMismatch, InvalidNamespace, CommandNotSupportedOnView,
    /// OptionNotSupportedOnView, InvalidViewDefinition, InvalidPipelineOperator.
    private static let refusals: Set<Int> = [2, 9, 13, 14, 73, 166, 167, 182, 168]

    /// Looks for documents of one collection. Where the server refuses, the one is found that it refuses: a bad
    /// reference must not hold up what is around it.
    private func find(_ part: [Owed], of collection: String, in batch: EventBatch) async throws {
        do {
            try await complete(part, of: collection, in: batch)
        } catch let failure as MongoFailure where failure.isFromServer && Self.refusals.contains(failure.code) {
            guard part.count > 1 else {
                let sentence =
                    failure.code == MongoFailure.unauthorized
                    ? "the relay's user may not read \(collection), which payloadRef names: grant it `find` there, "
                        + "then retry this dead letter"
                    : "MongoDB refuses to look up what payloadRef names in \(collection) (error \(failure.code))"
                for owed in part { reject(owed, .invalidField, sentence, in: batch) }
                return
            }
            let middle = part.count / 2
            try await find(Array(part[..<middle]), of: collection, in: batch)
            try await find(Array(part[middle...]), of: collection, in: batch)
        }
    }

    private func complete(_ part: [Owed], of collection: String, in batch: EventBatch) async throws {
        let wanted = Dictionary(grouping: part) { Self.key($0.reference.id) }
        var found: Set<BSONValue> = []
        var reply = try await connection.run(
            [
                "find": .string(collection), "filter": ["_id": ["$in": .array(part.map(\.reference.id))]],
                "readConcern": ["level": "majority"], "batchSize": .integer(part.count + 1),
            ], on: database, inSession: true)
        while true {
            let answer = try StreamBatch(reply.unsafeView())
            var documents = answer.documents.elements
            var count = 0
            while let document = try documents.next()?.value.document {
                guard let id = try document.value("_id").map({ Self.key(BSONValue($0)) }) else { continue }
                count += 1
                found.insert(id)
                for owed in wanted[id] ?? [] { put(document, for: owed, in: batch) }
            }
            sizer.note(bytes: reply.byteCount, documents: count)
            let cursor = answer.cursorID
            withExtendedLifetime(reply) {}
            if cursor == 0 { break }
            reply = try await connection.run(
                ["getMore": .int64(cursor), "collection": .string(collection)], on: database, inSession: true)
        }
        for (id, owners) in wanted where !found.contains(id) {
            for owed in owners {
                reject(owed, .referenceGone, "the document that payloadRef names in \(collection) is gone", in: batch)
            }
        }
    }

    private func put(_ document: BSONView, for owed: Owed, in batch: EventBatch) {
        if let version = owed.reference.version {
            let actual = (try? document.value("version")).flatMap { $0 }.map { BSONValue($0) }
            guard Self.isSame(actual, version) else {
                return reject(
                    owed, .referenceChanged,
                    "the document that payloadRef names in \(owed.reference.collection) has another version by now",
                    in: batch)
            }
        }
        let start = batch.arena.count
        do {
            let facts = try BSONJSON.append(document, style: style, to: batch.arena)
            batch.update(at: owed.index) { record in
                record.payload = ByteRange(offset: start, length: batch.arena.count - start)
                record.payloadRefusedByJSONB = !facts.fitsJSONB
            }
        } catch {
            reject(owed, .invalidDocument, "the document that payloadRef names is damaged: \(error)", in: batch)
        }
    }

    /// An id as it is looked up: for the server, 5 is 5 whichever type it has.
    private static func key(_ id: BSONValue) -> BSONValue { id.int64.map { .int64($0) } ?? id }

    /// Numbers are compared as numbers: services write one version as int32 here and as int64 or double there.
    private static func isSame(_ left: BSONValue?, _ right: BSONValue) -> Bool {
        if let left = left?.int64, let right = right.int64 { return left == right }
        return left == right
    }

    private func reject(_ owed: Owed, _ reason: Poison.Reason, _ message: String, in batch: EventBatch) {
        let start = batch.arena.count
        owed.document.withUnsafeBytes { batch.arena.append($0) }
        let text = batch.arena.count
        owed.document.withUnsafeBytes { bytes in
            guard let view = try? BSONView(bytes) else { return }
            _ = try? BSONJSON.append(view, style: .canonical, to: batch.arena)
        }
        batch.update(at: owed.index) { record in
            record.document = ByteRange(offset: start, length: text - start)
            if batch.arena.count > text {
                record.documentText = ByteRange(offset: text, length: batch.arena.count - text)
            }
        }
        batch.reject(at: owed.index, Poison(reason, message))
    }
}
