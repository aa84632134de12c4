import CMongoC
import Foundation
import RelayCore

/// Writes dead letters to a collection of the service's database, for the service to compensate.
public final class MongoCompensation: CompensationSink {
    private let connection: MongoConnection
    private let endpoint: MongoEndpoint
    private let collection: String

    /// How the payload of an event is written.
    private enum Form: CaseIterable {
        /// A JSON object as a document.
        case parsed
        /// As it went out.
        case text
        /// Not at all: it does not fit.
        case left
    }

    /// Bytes of an event that fit into one document beside everything else.
    private static let roomForEvent = 15 << 20

    /// A writer to `collection`.
    public init(_ endpoint: MongoEndpoint, collection: String) {
        self.endpoint = endpoint
        self.collection = collection
        connection = MongoConnection(uri: endpoint.uri, name: "mongo-compensation", socketTimeout: .seconds(20))
    }

    public func write(_ letters: [UncompensatedLetter], of destination: String) async throws {
        for letter in letters { try await write(letter, of: destination) }
    }

    private func write(_ letter: UncompensatedLetter, of destination: String) async throws {
        var failure: MongoFailure?
        for form in Form.allCases {
            do {
                return try await write(letter, of: destination, as: form)
            } catch let error as MongoFailure where error.isFromServer && error.isAboutDocument {
                // Names of fields that no collection takes, or too large: as text, or without.
                failure = error
            } catch let error as MongoFailure {
                await connection.reset()
                throw described(error)
            }
        }
        if let failure { throw described(failure) }
    }

    private func described(_ failure: MongoFailure) -> RelayError {
        failure.described(
            doing: "writing dead letters to \(endpoint.database).\(collection)",
            needing: "role `readWrite` on database \(endpoint.database)")
    }

    private func write(_ letter: UncompensatedLetter, of destination: String, as form: Form) async throws {
        let event = letter.event
        // The same for the same event and destination, so that it is there once.
        let id: BSONValue =
            event.text(\.id).map { ["event": .string($0), "destination": .string(destination)] }
            ?? ["letter": .int64(letter.id), "destination": .string(destination)]
        let update: BSONDocument = [
            "q": ["_id": id], "u": ["$setOnInsert": .document(fields(of: letter, as: form))], "upsert": true,
        ]
        let command: BSONDocument = [
            "update": .string(collection), "updates": [.document(update)],
            "writeConcern": ["w": "majority", "wtimeout": 10_000], "maxTimeMS": 10_000,
        ]
        let database = endpoint.database
        try await connection.perform { _ = try $0.write(command, on: database) }
    }

    private func fields(of letter: UncompensatedLetter, as form: Form) -> BSONDocument {
        let event = letter.event
        let isLarge = event.byteCount > Self.roomForEvent
        var writer = BSONWriter(capacity: min(event.byteCount, 1 << 20) + 1024)
        writer.append("reasonCode", string: letter.reasonCode)
        writer.append("reason", string: letter.reason)
        writer.append("attempts", .integer(letter.attempts))
        if let time = letter.createdAt { writer.append("createdAt", date: time) }
        if let time = letter.firstAttempt { writer.append("firstAttemptAt", date: time) }
        if let time = letter.lastAttempt { writer.append("lastAttemptAt", date: time) }
        for (name, field) in [
            ("topic", \EventRecord.topic), ("type", \.type), ("key", \.key), ("schemaVersion", \.schemaVersion),
            ("traceparent", \.traceparent),
        ] as [(String, KeyPath<EventRecord, ByteRange>)] {
            if let bytes = event.bytes(field) { writer.append(name, text: bytes) }
        }
        if event.record.occurredAt != .min { writer.append("occurredAt", date: event.record.occurredAt) }
        if form == .left || isLarge {
            writer.append("payloadLeftOut", .bool(true))
            return writer.finish()
        }
        if let headers = event.bytes(\.headers) { append("headers", json: headers, as: form, to: &writer) }
        if let payload = event.bytes(\.payload) {
            if event.record.payloadIsBinary {
                writer.append("payload", binary: payload)
            } else {
                append("payload", json: payload, as: form, to: &writer)
            }
        }
        if let document = event.bytes(\.document) {
            if form == .parsed, let whole = try? BSONDocument(Array(document)) {
                writer.append("document", document: whole)
            } else {
                writer.append("document", binary: document)
            }
        }
        return writer.finish()
    }

    /// Appends a JSON object as a document, and anything else as text.
    private func append(
        _ name: String, json: UnsafeRawBufferPointer, as form: Form, to writer: inout BSONWriter
    ) {
        if form == .parsed, let document = ExtendedJSON.document(json) {
            writer.append(name, document: document)
        } else {
            writer.append(name, text: json)
        }
    }
}

extension MongoFailure {
    /// Whether the server refuses what is written and not the writing: BadValue, FailedToParse, DollarPrefixedFieldName,
    /// EmptyFieldName, DottedFieldName, BSONObjectTooLarge and the like.
    fileprivate var isAboutDocument: Bool {
        [2, 9, 22, 52, 56, 57, 10334, 17419, 17420, 17280, 2_000_000].contains(code)
    }
}
