import RelayCore

/// Events of the outbox that are read again: what lies in the collection now, with majority read concern.
extension MongoSource {
    public func replay(_ selection: ReplaySelection, from cursor: String?) async throws -> ReplayPage {
        guard options.kind == .outbox else {
            throw RelayError(
                .unsupported,
                "only an outbox collection keeps its events for a replay, and SOURCE_KIND is \(options.kind.rawValue)")
        }
        let scan = OutboxScan(options.mapping, endpoint: options.endpoint)
        do {
            return try await withTaskCancellationHandler {
                switch selection {
                case .ids(let ids): return try await scan.page(of: ids, from: cursor, on: replays)
                case .times(let since, let until):
                    return try await scan.page(from: cursor, since: since, until: until, on: replays)
                }
            } onCancel: {
                replays.interrupt()
            }
        } catch let failure as MongoFailure {
            await replays.reset()
            throw failure.described(doing: "replaying \(namespace)", needing: grant)
        } catch let error as BSONError {
            throw RelayError(.refused, "MongoDB sent an answer that cannot be read: \(error)", isRetriable: true)
        }
    }
}

/// Reads the outbox collection in pages, in the order of `_id`.
package struct OutboxScan: Sendable {
    private let mapping: OutboxMapping
    private let endpoint: MongoEndpoint

    /// Documents in one page at most, and bytes at which one is full.
    private static let documents = 250
    private static let bytes = 2 << 20
    /// Ids looked up for one page at most.
    private static let idsAtOnce = 100

    /// A scan of `endpoint`'s collection.
    package init(_ mapping: OutboxMapping, endpoint: MongoEndpoint) {
        self.mapping = mapping
        self.endpoint = endpoint
    }

    private var decoder: OutboxDecoder { OutboxDecoder(mapping, collection: endpoint.collection) }
    private static let majority: BSONValue = ["level": "majority"]

    /// Payloads that lie elsewhere are read as well.
    private func references(_ connection: MongoConnection) -> PayloadReferences {
        PayloadReferences(connection, database: endpoint.database, style: mapping.style)
    }

    // MARK: - By id

    func page(of ids: [String], from cursor: String?, on connection: MongoConnection) async throws -> ReplayPage {
        let batch = EventBatch(end: Checkpoint())
        let references = self.references(connection)
        var missing: [String] = []
        var index = cursor.flatMap { Int($0) } ?? 0
        let end = min(ids.count, index + Self.idsAtOnce)
        while index < end, batch.byteCount < Self.bytes {
            let before = batch.records.count
            try await find(ids[index], references, into: batch, on: connection)
            if batch.records.count == before { missing.append(ids[index]) }
            index += 1
        }
        try await references.complete(batch)
        return ReplayPage(batch: batch, next: index < ids.count ? "\(index)" : nil, missing: missing)
    }

    /// Appends the event whose id goes out as `id`: what its field holds may be of several types.
    private func find(
        _ id: String, _ references: PayloadReferences, into batch: EventBatch, on connection: MongoConnection
    ) async throws {
        let (decoder, mapping) = (decoder, mapping)
        let reply = try await connection.run(
            [
                "find": .string(endpoint.collection),
                "filter": .document([mapping.id: ["$in": .array(IDCandidates.values(of: id))]]), "limit": 2,
                "singleBatch": true, "readConcern": Self.majority,
            ], on: endpoint.database)
        let answer = try StreamBatch(reply.unsafeView())
        var documents = answer.documents.elements
        while let document = try documents.next()?.value.document {
            // Equal to the server and another text is another event: 5.0 is no 5.
            guard try Self.text(of: document, at: mapping.id) == id else { continue }
            decoder.decode(
                document.bytes, fallbackTime: BacklogOrder(sequence: nil).time(of: document), references: references,
                into: batch)
            break
        }
        withExtendedLifetime(reply) {}
    }

    private static func text(of document: BSONView, at path: String) throws -> String? {
        guard let value = try document.value(atPath: path) else { return nil }
        let arena = ByteArena(capacity: 64)
        try BSONIdentifier.append(value, to: arena)
        return String(decoding: arena.bytes, as: UTF8.self)
    }

    // MARK: - By time

    func page(from cursor: String?, since: Int64, until: Int64, on connection: MongoConnection) async throws
        -> ReplayPage
    {
        let batch = EventBatch(end: Checkpoint())
        let filter = timeFilter(since: since, until: until)
        let field = mapping.time
        let references = self.references(connection)
        func take(_ document: BSONView, _ decoder: OutboxDecoder, _ made: Int64) throws {
            let hasOwn = try field.flatMap { try document.value(atPath: $0) }.map { !$0.isNull } ?? false
            // An ObjectId knows whole seconds.
            let first = hasOwn ? since : since / 1000 * 1000
            if !hasOwn, made == .min || made < first || made >= until { return }
            if hasOwn {
                let probe = EventBatch(end: Checkpoint())
                decoder.decode(document.bytes, fallbackTime: made, into: probe)
                if let record = probe.records.first, record.outcome == .event,
                    record.occurredAt < first || record.occurredAt >= until
                {
                    return
                }
            }
            decoder.decode(document.bytes, fallbackTime: made, references: references, into: batch)
        }
        let next = try await page(
            behind: cursor, matching: filter, on: connection, while: { batch.byteCount < Self.bytes }, each: take)
        try await references.complete(batch)
        return ReplayPage(batch: batch, next: next)
    }

    /// Walks through documents behind `cursor` until there are enough.
    /// - Parameters:
    ///   - each: gets a document, a decoder, and the time of its ObjectId in milliseconds (or `Int64.min`).
    /// - Returns: the cursor behind the last one taken; nil at the end of the collection.
    func page(
        behind cursor: String?, matching filter: BSONDocument? = nil, limit: Int = OutboxScan.documents,
        on connection: MongoConnection, while hasRoom: (() -> Bool)? = nil,
        each: (BSONView, OutboxDecoder, Int64) throws -> Void
    ) async throws -> String? {
        let order = BacklogOrder(sequence: nil)
        var command = order.find(in: endpoint.collection, behind: cursor)
        if let filter { command = command.appending("filter", .document(filter)) }
        command = command.appending("limit", .integer(limit + 1)).appending("singleBatch", true)
            .appending("batchSize", .integer(limit + 1)).appending("readConcern", Self.majority)
        let reply = try await connection.run(command, on: endpoint.database)
        let answer = try StreamBatch(reply.unsafeView())
        let decoder = decoder
        var documents = answer.documents.elements
        var (last, count, isNew) = (cursor, 0, false)
        while let document = try documents.next()?.value.document {
            guard hasRoom?() ?? true || !isNew else { return last }
            count += 1
            let key = order.key(of: document)
            // The bound of the index scan is inclusive.
            if count == 1, key == cursor { continue }
            try each(document, decoder, order.time(of: document))
            (last, isNew) = (key, true)
        }
        withExtendedLifetime(reply) {}
        // A full answer may have been cut off by its size as well.
        return isNew ? last : nil
    }

    /// Lets through what may lie between the times; what exactly does is seen when it is decoded.
    private func timeFilter(since: Int64, until: Int64) -> BSONDocument {
        let (first, last) = (BSONObjectID(earliestAt: since), BSONObjectID(earliestAt: until + 1000))
        let byID: BSONDocument = ["_id": ["$gte": .objectID(first), "$lte": .objectID(last)]]
        guard let field = mapping.time else { return byID }
        func between(_ first: BSONValue, _ last: BSONValue) -> BSONValue {
            .document([field: ["$gte": first, "$lt": last]])
        }
        func timestamp(_ milliseconds: Int64) -> BSONValue {
            .timestamp(BSONTimestamp(seconds: UInt32(clamping: milliseconds / 1000), increment: 0))
        }
        return [
            "$or": [
                between(.date(since), .date(until)), between(.int64(since), .int64(until)),
                between(timestamp(since), timestamp(until + 1000)), .document([field: ["$type": "string"]]),
                .document([field: nil, "_id": byID["_id"]!]),
            ]
        ]
    }
}
