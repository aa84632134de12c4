import RelayCore

/// Makes an event of an outbox document: one pass over the raw bytes, every field appended to the batch's arena.
///
/// What is no event becomes poison with the whole document and the reason. Nothing that a service may have
/// written makes it fail otherwise.
final class OutboxDecoder {
    private let mapping: OutboxMapping
    private let collection: String
    private let matcher: BSONFieldMatcher
    private let values: BSONFieldValues
    /// The owner of the element that is being decoded.
    private var owner: Owner?

    /// An aggregate document with embedded events.
    struct Owner {
        let id: BSONRawValue
        let collection: String
    }

    private enum Field: Int {
        case id, topic, key, type, payload, headers, time, schemaVersion, traceparent, payloadRef, deliverAfter
    }

    init(_ mapping: OutboxMapping, collection: String) {
        self.mapping = mapping
        self.collection = collection
        matcher = BSONFieldMatcher(mapping.fields)
        values = BSONFieldValues(for: matcher)
    }

    /// Appends the event, or the poison, that `bytes` is.
    /// - Parameters:
    ///   - bytes: a BSON document.
    ///   - fallbackTime: milliseconds since 1970, for an event that does not say when it happened.
    ///   - committedAt: when it was committed, in milliseconds since 1970; `Int64.min` when unknown.
    ///   - owner: the aggregate document that an embedded event lies in.
    ///   - isDocument: false when `bytes` are an embedded value of another type.
    ///   - references: takes note of a payload that lies elsewhere; nil where there is none to be read.
    ///   - mayRepeat: whether the event may have been settled before.
    func decode(
        _ bytes: UnsafeRawBufferPointer, fallbackTime: Int64, committedAt: Int64 = .min,
        owner: Owner? = nil, isDocument: Bool = true, references: PayloadReferences? = nil, mayRepeat: Bool = false,
        into batch: EventBatch
    ) {
        self.owner = owner
        defer { self.owner = nil }
        let arena = batch.arena
        let start = arena.count
        var record = EventRecord()
        record.committedAt = committedAt
        record.mayRepeat = mayRepeat
        do {
            if !isDocument { throw Reject(.invalidField, "an element of the array is no document") }
            let reference = try decode(try BSONView(bytes), fallbackTime, &record, arena)
            batch.append(record)
            if let reference { references?.add(reference, at: batch.records.count - 1, document: kept(bytes)) }
        } catch {
            arena.truncate(to: start)
            let poison = (error as? Reject)?.poison ?? Poison(.invalidDocument, "\(error)")
            var record = EventRecord()
            record.mayRepeat = mayRepeat
            let kept = isDocument ? kept(bytes) : []
            record.document = arena.appended(kept)
            record.occurredAt = fallbackTime
            if isDocument { describe(bytes, &record, arena) }
            let text = arena.count
            if isDocument, let view = try? BSONView(bytes),
                (try? BSONJSON.append(view, style: .canonical, to: arena)) != nil
            {
                record.documentText = ByteRange(offset: text, length: arena.count - text)
            }
            batch.append(record, poison: poison)
        }
    }

    private struct Reject: Error {
        let poison: Poison
        init(_ reason: Poison.Reason, _ message: String) { poison = Poison(reason, message) }
    }

    private func decode(
        _ document: BSONView, _ fallbackTime: Int64, _ record: inout EventRecord, _ arena: ByteArena
    ) throws -> PayloadReferences.Reference? {
        try matcher.match(document, into: values)
        record.id = try identifier(.id, named: mapping.id, arena)
        record.type = try requiredText(.type, named: mapping.type, arena)
        record.topic = try topic(arena)
        record.key = try key(arena) ?? ownerID(arena) ?? record.id
        let reference = values[Field.payload.rawValue] == nil ? try reference() : nil
        if reference == nil { try payload(&record, arena) }
        try headers(&record, arena)
        record.occurredAt = try time() ?? fallbackTime
        try schemaVersion(&record, arena)
        record.deliverAfter = try deliverAfter()
        if let trace = value(.traceparent)?.utf8, trace.count > 0 {
            record.traceparent = try text(trace, named: mapping.traceparent ?? "", arena)
        }
        return reference
    }

    // MARK: - Fields

    private func value(_ field: Field) -> BSONRawValue? {
        guard let value = values[field.rawValue], !value.isNull else { return nil }
        return value
    }

    private func identifier(_ field: Field, named name: String, _ arena: ByteArena) throws -> ByteRange {
        guard let value = value(field) else { throw Reject(.missingField, "the field '\(name)' is missing") }
        let start = arena.count
        if try ownerID(arena) != nil { arena.append(":" as StaticString) }
        let own = arena.count
        try BSONIdentifier.append(value, to: arena)
        if arena.count == own { throw Reject(.invalidField, "the field '\(name)' is empty") }
        return ByteRange(offset: start, length: arena.count - start)
    }

    /// The id of the aggregate document that an embedded event lies in.
    private func ownerID(_ arena: ByteArena) throws -> ByteRange? {
        guard let owner else { return nil }
        return try arena.appending { try BSONIdentifier.append(owner.id, to: arena) }
    }

    /// What a dead letter keeps: the document, or the element with what is needed to make an event of it again.
    private func kept(_ bytes: UnsafeRawBufferPointer) -> [UInt8] {
        guard let owner, let element = try? BSONView(bytes) else { return Array(bytes) }
        var writer = BSONWriter(capacity: bytes.count + 256)
        writer.append("documentId", copying: owner.id)
        writer.append("collection", string: owner.collection)
        writer.append("element", raw: element)
        return writer.finish().bytes
    }

    private func requiredText(_ field: Field, named name: String, _ arena: ByteArena) throws -> ByteRange {
        guard let value = value(field) else { throw Reject(.missingField, "the field '\(name)' is missing") }
        guard let bytes = value.utf8 else { throw Reject(.invalidField, "the field '\(name)' is not a string") }
        if bytes.count == 0 { throw Reject(.invalidField, "the field '\(name)' is empty") }
        return try text(bytes, named: name, arena)
    }

    private func topic(_ arena: ByteArena) throws -> ByteRange {
        guard let value = value(.topic) else { return arena.appended(collection) }
        guard let bytes = value.utf8 else {
            throw Reject(.invalidField, "the field '\(mapping.topic ?? "")' is not a string")
        }
        if bytes.count == 0 { return arena.appended(collection) }
        return try text(bytes, named: mapping.topic ?? "", arena)
    }

    private func key(_ arena: ByteArena) throws -> ByteRange? {
        guard let value = value(.key) else { return nil }
        let start = arena.count
        try BSONIdentifier.append(value, to: arena)
        return arena.count == start ? nil : ByteRange(offset: start, length: arena.count - start)
    }

    private func payload(_ record: inout EventRecord, _ arena: ByteArena) throws {
        // A payload of null is a value: the service says that there is nothing. A missing one is a mistake.
        guard let value = values[Field.payload.rawValue] else {
            throw Reject(.missingField, "the field '\(mapping.payload)' is missing")
        }
        let start = arena.count
        var facts: JSONFacts
        if let text = value.utf8, let already = JSONText.validate(text) {
            arena.append(text)
            facts = already
        } else if mapping.keepsBinaryPayload, let binary = value.binary {
            arena.append(binary.bytes)
            facts = JSONFacts(kind: .string)
            record.payloadIsBinary = true
        } else {
            facts = try BSONJSON.append(value, style: mapping.style, to: arena)
        }
        record.payload = ByteRange(offset: start, length: arena.count - start)
        record.payloadRefusedByJSONB = !facts.fitsJSONB
    }

    /// Where the payload lies, if the document says that it lies elsewhere.
    private func reference() throws -> PayloadReferences.Reference? {
        guard let value = value(.payloadRef) else { return nil }
        guard let document = value.document, let collection = try document.value("collection")?.string,
            !collection.isEmpty, let id = try document.value("id")
        else {
            throw Reject(.invalidField, "the field 'payloadRef' is not {collection, id, version?}")
        }
        if let problem = PayloadReferences.problem(collection: collection, id: id) {
            throw Reject(.invalidField, problem)
        }
        let version = try document.value("version").flatMap { $0.isNull ? nil : BSONValue($0) }
        return PayloadReferences.Reference(collection: collection, id: BSONValue(id), version: version)
    }

    private func headers(_ record: inout EventRecord, _ arena: ByteArena) throws {
        guard let value = value(.headers) else { return }
        guard let document = value.document else {
            throw Reject(.invalidField, "the field '\(mapping.headers ?? "")' is not a document")
        }
        let start = arena.count
        let facts = try BSONJSON.append(document, style: mapping.style, to: arena)
        if !facts.fitsJSONB {
            throw Reject(.unstorable, "the field '\(mapping.headers ?? "")' holds a NUL character")
        }
        record.headers = ByteRange(offset: start, length: arena.count - start)
    }

    private func time() throws -> Int64? {
        guard let value = value(.time) else { return nil }
        if let date = value.date { return date }
        if let timestamp = value.timestamp { return Int64(timestamp.seconds) * 1000 }
        if let milliseconds = value.integral { return milliseconds }
        if let text = value.string, let parsed = RFC3339.milliseconds(text) { return parsed }
        throw Reject(
            .invalidField,
            "the field '\(mapping.time ?? "")' is neither a date nor milliseconds since 1970 nor an RFC 3339 time")
    }

    private func deliverAfter() throws -> Int64 {
        guard let value = value(.deliverAfter) else { return .min }
        if let time = value.date ?? value.string.flatMap({ RFC3339.milliseconds($0) }) { return time }
        throw Reject(.invalidField, "the field 'deliverAfter' is neither a date nor an RFC 3339 time")
    }

    private func schemaVersion(_ record: inout EventRecord, _ arena: ByteArena) throws {
        var number: Int?
        if let value = value(.schemaVersion) {
            if let bytes = value.utf8 {
                record.schemaVersion = try text(bytes, named: mapping.schemaVersion ?? "", arena)
                number = Int(value.string ?? "")
            } else if let integral = value.integral {
                record.schemaVersion = arena.appended(String(integral))
                number = Int(integral)
            } else {
                throw Reject(
                    .invalidField, "the field '\(mapping.schemaVersion ?? "")' is neither a string nor a whole number")
            }
        }
        guard let accepted = mapping.schemaVersions else { return }
        guard let number, accepted.contains(where: { $0.contains(number) }) else {
            throw Reject(
                .schemaVersion,
                "the field '\(mapping.schemaVersion ?? "")' is not among the accepted versions (SOURCE_SCHEMA_VERSIONS)"
            )
        }
    }

    // MARK: - Pieces

    private func text(_ bytes: UnsafeRawBufferPointer, named name: String, _ arena: ByteArena) throws -> ByteRange {
        if let base = bytes.baseAddress, UTF8Check.firstInvalid(from: base, to: base + bytes.count) != nil {
            throw Reject(.invalidDocument, "the field '\(name)' is not valid UTF-8")
        }
        return arena.appended(bytes)
    }

    /// What can be told of a document that is no event, so that a person can find it.
    private func describe(_ bytes: UnsafeRawBufferPointer, _ record: inout EventRecord, _ arena: ByteArena) {
        guard let view = try? BSONView(bytes), (try? matcher.match(view, into: values)) != nil else { return }
        record.id = (try? identifier(.id, named: mapping.id, arena)) ?? .none
        record.type = (try? requiredText(.type, named: mapping.type, arena)) ?? .none
        record.topic = (try? topic(arena)) ?? .none
        record.key = ((try? key(arena)) ?? nil) ?? .none
    }
}
