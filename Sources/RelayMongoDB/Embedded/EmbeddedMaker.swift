import Logging
import RelayCore

/// Events in an array within aggregate documents: each element is one, by its own id.
final class EmbeddedMaker: EventMaker {
    let shape: StreamShape
    private let path: String
    private let mapping: OutboxMapping
    private let collection: String?
    private var decoders: [String: OutboxDecoder] = [:]
    private let references: PayloadReferences
    private let history: EmbeddedHistory
    private let growth: GrowthWarning
    private var owed: [Owed] = []
    private var lengths = ArrayLengths()
    /// Changes up to this time may have been seen already: a document was read as it was then, not as it was when the
    /// change that was looked into was made.
    private var doubtfulUntil: ClusterTime?

    /// Elements that were made events of at one cluster time: all writes of a transaction share one, and what a read at
    /// that time shows has been written by any of them.
    private var recent: (time: ClusterTime, elements: Set<[UInt8]>, unclear: Set<[UInt8]>)?

    /// A place in a batch that is held for elements which are to be found out.
    private struct Owed {
        var index: Int
        var collection: String
        var id: BSONValue
        var clusterTime: ClusterTime
        var committedAt: Int64
        /// The array as the change says it is; nil when it has to be read as well.
        var array: [UInt8]?
    }

    private enum Field: Int, CaseIterable {
        case documentKey, updateDescription, ns
    }

    /// Reads that are outstanding at most.
    private static let mostOwed = 32

    init(_ options: MongoSource.Options, connection: MongoConnection, logger: Logger?) {
        var shape = StreamShape(watched: options.watched, operations: ["insert", "update", "replace"])
        shape.fields = Field.allCases.map { "\($0)" }
        shape.identity = "documentKey"
        self.shape = shape
        path = options.eventsPath
        mapping = options.mapping
        collection = shape.collection
        references = PayloadReferences(
            connection, database: options.endpoint.database, style: options.mapping.style)
        history = EmbeddedHistory(connection, database: options.endpoint.database, path: options.eventsPath)
        growth = GrowthWarning(path: options.eventsPath, logger: logger)
    }

    func take(_ change: ChangeEvent, into batch: EventBatch) throws {
        func field(_ field: Field) -> BSONRawValue? { change.field(field.rawValue) }
        guard let id = try field(.documentKey)?.document?.value("_id"),
            let collection = try collection ?? field(.ns)?.document?.value("coll")?.string
        else { throw BSONError(.truncated, offset: 0) }
        if recent?.time != change.clusterTime { recent = (change.clusterTime, [], []) }
        let owner = OutboxDecoder.Owner(id: id, collection: collection)
        let document = change.document?.document
        switch change.operation {
        case .delete: return
        case .insert:
            guard let document else { return owe(owner, change, nil, batch) }
            guard let array = try? document.value(atPath: path)?.array else { return }
            growth.note(document, array, in: collection)
            lengths.note(array, of: Self.key(owner))
            take(array, of: owner, change, into: batch)
        case .replace:
            lengths.forget(Self.key(owner))
            guard let document else { return owe(owner, change, nil, batch) }
            guard let array = try? document.value(atPath: path)?.array, !array.isEmpty else { return }
            growth.note(document, array, in: collection)
            owe(owner, change, array, batch)
        case .update:
            guard let description = field(.updateDescription)?.document else { return owe(owner, change, nil, batch) }
            let update = try EmbeddedUpdate(description, path: path)
            let isAppended = lengths.follow(update, of: Self.key(owner))
            switch update {
            case .untouched, .nothing: return
            case .replaced(let array): owe(owner, change, array.array, batch)
            case .unclear: owe(owner, change, nil, batch)
            case .pushed(let elements):
                // What is read for an unclear write of the same transaction brings these as well.
                if recent!.unclear.contains(Self.key(owner)) { return }
                for element in elements {
                    growth.note(place: element.index, in: collection)
                    take(element.value, of: owner, change, mayRepeat: !isAppended && isAlone, into: batch)
                }
            }
        }
    }

    /// Whether ids of elements belong to one collection only, so that the state store can be asked by them.
    private var isAlone: Bool { shape.collection != nil }

    func take(
        existing document: BSONView, of collection: String, time: Int64, mayRepeat: Bool, into batch: EventBatch
    ) {
        guard let id = (try? document.value("_id")) ?? nil, let array = try? document.value(atPath: path)?.array else {
            return
        }
        growth.note(document, array, in: collection)
        let owner = OutboxDecoder.Owner(id: id, collection: collection)
        var elements = array.elements
        while let element = try? elements.next() {
            decode(element.value, of: owner, .min, fallbackTime: time, mayRepeat: mayRepeat, into: batch)
        }
    }

    var isFull: Bool { owed.count >= Self.mostOwed || references.isFull }

    func complete(_ batch: EventBatch) async throws {
        // Payloads first: their places move when others are filled.
        if !references.isEmpty { try await references.complete(batch) }
        let all = owed
        owed = []
        // From the last on, so that the places of those before stay.
        for owed in all.reversed() {
            let found = try await elements(of: owed)
            let made = EventBatch(end: batch.end, arena: batch.arena)
            let owner = found.id
            try owner.withUnsafeValue { id in
                let owner = OutboxDecoder.Owner(id: id, collection: owed.collection)
                for element in found.elements {
                    try element.withUnsafeValue {
                        decode(
                            $0, of: owner, owed.committedAt, fallbackTime: owed.committedAt, mayRepeat: true, into: made
                        )
                    }
                }
            }
            if !references.isEmpty { try await references.complete(made) }
            batch.replace(at: owed.index, with: made)
        }
    }

    func decode(kept document: UnsafeRawBufferPointer, into batch: EventBatch) async throws {
        let view = try BSONView(document)
        guard let id = try view.value("documentId"), let element = try view.value("element"),
            let collection = try view.value("collection")?.string
        else { throw BSONError(.truncated, offset: 0) }
        decode(
            element, of: OutboxDecoder.Owner(id: id, collection: collection), .min, fallbackTime: .min,
            mayRepeat: false, into: batch)
        if !references.isEmpty { try await references.complete(batch) }
    }

    // MARK: - Elements

    private func take(
        _ array: BSONView, of owner: OutboxDecoder.Owner, _ change: ChangeEvent, into batch: EventBatch
    ) {
        var elements = array.elements
        while let element = try? elements.next() { take(element.value, of: owner, change, into: batch) }
    }

    private func take(
        _ element: BSONRawValue, of owner: OutboxDecoder.Owner, _ change: ChangeEvent, mayRepeat: Bool = false,
        into batch: EventBatch
    ) {
        let isDoubtful = mayRepeat || doubtfulUntil.map { change.clusterTime <= $0 } ?? false
        recent!.elements.insert(Self.key(owner, element, idPath: mapping.id))
        decode(
            element, of: owner, change.committedAt, fallbackTime: change.committedAt, mayRepeat: isDoubtful, into: batch
        )
    }

    private func decode(
        _ element: BSONRawValue, of owner: OutboxDecoder.Owner, _ committedAt: Int64, fallbackTime: Int64,
        mayRepeat: Bool, into batch: EventBatch
    ) {
        let decoder: OutboxDecoder
        if let known = decoders[owner.collection] {
            decoder = known
        } else {
            decoder = OutboxDecoder(mapping, collection: owner.collection)
            decoders[owner.collection] = decoder
        }
        decoder.decode(
            element.bytes, fallbackTime: fallbackTime, committedAt: committedAt, owner: owner,
            isDocument: element.document != nil, references: references, mayRepeat: mayRepeat, into: batch)
    }

    private func owe(
        _ owner: OutboxDecoder.Owner, _ change: ChangeEvent, _ array: BSONView?, _ batch: EventBatch
    ) {
        // Of an array that is known, what the transaction pushes later is no part.
        if array == nil { recent!.unclear.insert(Self.key(owner)) }
        owed.append(
            Owed(
                index: batch.records.count, collection: owner.collection, id: BSONValue(owner.id),
                clusterTime: change.clusterTime, committedAt: change.committedAt,
                array: array.map { Array($0.bytes) }))
        // A place, which is taken out again before the batch is handed over.
        var place = EventRecord()
        place.outcome = .filtered
        batch.append(place)
    }

    /// What a change has added: what is in the array right after it and was not right before.
    private func elements(of owed: Owed) async throws -> (id: KeptValue, elements: [KeptValue]) {
        let seen = recent?.time == owed.clusterTime ? recent!.elements : []
        let before = try await history.elementIDs(
            of: owed.id, in: owed.collection, before: owed.clusterTime, idPath: mapping.id)
        let after: [KeptValue]
        if let array = owed.array {
            after = try array.withUnsafeBytes { bytes in try KeptValue.elements(of: BSONView(bytes)) }
        } else {
            let found = try await history.elements(of: owed.id, in: owed.collection, at: owed.clusterTime)
            after = found.elements
            if let time = found.readAt { doubtfulUntil = max(time, doubtfulUntil ?? time) }
        }
        let id = KeptValue(owed.id)
        var new: [KeptValue] = []
        for element in after {
            let key = try element.withUnsafeValue { element in
                try id.withUnsafeValue {
                    Self.key(OutboxDecoder.Owner(id: $0, collection: owed.collection), element, idPath: mapping.id)
                }
            }
            let elementID = try element.withUnsafeValue { EmbeddedHistory.elementID($0, idPath: mapping.id) }
            if let elementID, before.contains(elementID) { continue }
            if seen.contains(key) { continue }
            if recent?.time == owed.clusterTime { recent!.elements.insert(key) }
            new.append(element)
        }
        return (id, new)
    }

    private static func key(_ owner: OutboxDecoder.Owner) -> [UInt8] {
        Array(owner.collection.utf8) + [0, owner.id.type.rawValue] + owner.id.bytes
    }

    private static func key(_ owner: OutboxDecoder.Owner, _ element: BSONRawValue, idPath: String) -> [UInt8] {
        key(owner) + (EmbeddedHistory.elementID(element, idPath: idPath) ?? Array(element.bytes))
    }
}
