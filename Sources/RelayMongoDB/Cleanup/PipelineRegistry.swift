import RelayCore

/// The commands of the registry: one document for each pipeline and source, and one for each source that counts its
/// changes.
///
/// No transactions, so that it works wherever the source does. Instead every change of who has settled what is followed
/// by a new generation, and cleaning happens only while the generation is that which was read before the pipelines.
struct PipelineRegistry: Sendable {
    /// `{_id: {source, pipeline}, settled, paused, reporter, holder, registeredAt, updatedAt}` and
    /// `{_id: {source, cleanup: true}, generation}`.
    static let collection = "outbox_relay_pipelines"
    private static let name: BSONValue = .string(collection)
    private static let writeConcern: BSONValue = ["w": "majority", "wtimeout": 4000]

    /// What is reported of a pipeline.
    struct Report: Sendable, Equatable {
        var settled: ClusterTime?
        var paused: String?

        init(_ state: StoredState) {
            // Nothing is settled before the backlog is: its documents come in an order of their own.
            if let checkpoint = state.checkpoint, checkpoint.backlog == nil { settled = checkpoint.clusterTime }
            paused = state.paused
        }
    }

    static func id(_ pipeline: String, _ source: String) -> BSONValue {
        ["source": .string(source), "pipeline": .string(pipeline)]
    }

    static func generationID(_ source: String) -> BSONValue { ["source": .string(source), "cleanup": true] }

    /// Makes a pipeline known that has settled nothing as far as is known, and leaves what is reported of it alone.
    static func register(_ pipeline: String, _ source: String, holder: String) -> BSONValue {
        upsert(
            pipeline, source,
            [
                ("settled", ["$ifNull": ["$settled", nil]]), ("holder", ["$literal": .string(holder)]),
            ])
    }

    /// Says exactly where a pipeline stands, and who may report from now on.
    static func begin(
        _ pipeline: String, _ source: String, _ report: Report, reporter: String, holder: String
    ) -> BSONValue {
        upsert(
            pipeline, source,
            [
                ("settled", report.settled.map { ["$literal": $0.bson] } ?? nil),
                ("paused", report.paused.map { ["$literal": .string($0)] } ?? "$$REMOVE"),
                ("reporter", ["$literal": .string(reporter)]), ("holder", ["$literal": .string(holder)]),
            ])
    }

    /// Reports progress: never backwards, and only while nobody else has begun.
    static func report(_ pipeline: String, _ source: String, _ report: Report, reporter: String) -> BSONValue {
        let fields: BSONDocument = [
            // Null counts as less.
            "settled": ["$max": ["$settled", report.settled.map { ["$literal": $0.bson] } ?? nil]],
            "paused": report.paused.map { ["$literal": .string($0)] } ?? "$$REMOVE",
            "updatedAt": "$$NOW",
        ]
        return [
            "q": ["_id": id(pipeline, source), "reporter": .string(reporter)],
            "u": [["$set": .document(fields)]],
        ]
    }

    /// As ``report(_:_:_:reporter:)`` of an entry that nobody reports for, from now on by `reporter`.
    static func claim(_ pipeline: String, _ source: String, _ report: Report, reporter: String) -> BSONValue {
        let fields: BSONDocument = [
            "settled": report.settled.map { ["$literal": $0.bson] } ?? nil,
            "paused": report.paused.map { ["$literal": .string($0)] } ?? "$$REMOVE",
            "reporter": ["$literal": .string(reporter)], "updatedAt": "$$NOW",
        ]
        return [
            "q": ["_id": id(pipeline, source), "reporter": ["$in": [nil, .string(reporter)]]],
            "u": [["$set": .document(fields)]],
        ]
    }

    /// Says that a relay runs the pipeline.
    static func renew(_ pipeline: String, _ source: String) -> BSONValue {
        ["q": ["_id": id(pipeline, source)], "u": ["$currentDate": ["updatedAt": true]]]
    }

    /// A new generation of a source: whoever cleans has to look again.
    static func nextGeneration(of source: String) -> BSONValue {
        ["q": ["_id": generationID(source)], "u": ["$inc": ["generation": .int64(1)]], "upsert": true]
    }

    private static func upsert(_ pipeline: String, _ source: String, _ fields: [(String, BSONValue)]) -> BSONValue {
        let times: [(String, BSONValue)] = [
            ("registeredAt", ["$ifNull": ["$registeredAt", "$$NOW"]]), ("updatedAt", "$$NOW"),
        ]
        return [
            "q": ["_id": id(pipeline, source)], "u": [["$set": .document(BSONDocument(fields + times))]],
            "upsert": true,
        ]
    }

    /// The command for such updates.
    static func update(_ updates: [BSONValue]) -> BSONDocument {
        ["update": name, "updates": .array(updates), "maxTimeMS": 2000, "writeConcern": writeConcern]
    }

    /// The command that finds the generation of a source.
    static func findGeneration(of source: String) -> BSONDocument { find(["_id": generationID(source)]) }

    /// The command that finds pipelines.
    static func find(_ filter: BSONDocument) -> BSONDocument {
        [
            "find": name, "filter": .document(filter), "batchSize": 10_000,
            "projection": [
                "settled": 1, "paused": 1, "generation": 1, "silence": ["$subtract": ["$$NOW", "$updatedAt"]],
            ], "readConcern": ["level": "majority"], "maxTimeMS": 5000,
        ]
    }

    /// The command that removes documents.
    static func delete(_ filter: BSONDocument) -> BSONDocument {
        [
            "delete": name, "deletes": [["q": .document(filter), "limit": 0]], "maxTimeMS": 4000,
            "writeConcern": writeConcern,
        ]
    }
}

extension MongoConnection {
    /// Sends updates of the registry; those that insert are tried again when another has inserted first.
    /// - Returns: how many documents they met or made.
    func updateRegistry(_ updates: [BSONValue], on database: String) throws -> Int {
        for attempt in 1... {
            do {
                return try write(PipelineRegistry.update(updates), on: database)["n"]?.int ?? 0
            } catch let failure as MongoFailure where failure.code == MongoFailure.duplicateKey && attempt < 5 {
                continue
            }
        }
        return 0
    }
}
