import Logging
import RelayCore
import Synchronization

/// The native queue: a log with consumer groups in PostgreSQL, and this pipeline's state beside it.
///
/// Events and checkpoint commit in one transaction whose first statement compares and sets the checkpoint, so no
/// crash window and no late commit doubles anything.
public final class NativeQueue: Destination, StateStore {
    /// The type of the payload column.
    public enum PayloadType: String, Sendable, CaseIterable {
        case json, jsonb, bytea

        var oid: UInt32 {
            switch self {
            case .json: PGType.json
            case .jsonb: PGType.jsonb
            case .bytea: PGType.bytea
            }
        }
        var arrayOID: UInt32 {
            switch self {
            case .json: PGType.jsonArray
            case .jsonb: PGType.jsonbArray
            case .bytea: PGType.byteaArray
            }
        }
    }

    /// What the queue needs to know.
    public struct Options: Sendable {
        /// A `postgresql://` URI; holds a secret.
        public var url: String
        public var schema: String
        public var payloadType: PayloadType
        /// The pipeline's name: its lease, checkpoint and stream.
        public var pipeline: String
        /// Whether what is missing is created.
        public var createsSchema: Bool
        /// How long events are kept at least, and at most.
        public var retention: Duration
        public var retentionMax: Duration
        /// Whether an event that cannot be stored halts the pipeline.
        public var haltsOnPoison: Bool
        /// A name for people: host and process of this relay.
        public var holder: String

        /// Options for the pipeline `pipeline`.
        public init(
            url: String, schema: String = "outbox_relay", payloadType: PayloadType = .json, pipeline: String,
            createsSchema: Bool = true, retention: Duration = .seconds(7 * 86400),
            retentionMax: Duration = .seconds(30 * 86400), haltsOnPoison: Bool = false, holder: String
        ) {
            self.url = url
            self.schema = schema
            self.payloadType = payloadType
            self.pipeline = pipeline
            self.createsSchema = createsSchema
            self.retention = retention
            self.retentionMax = retentionMax
            self.haltsOnPoison = haltsOnPoison
            self.holder = holder
        }
    }

    let options: Options
    /// The quoted schema.
    let schema: String
    /// Events and checkpoint.
    let data: PGConnection
    /// Lease and requests: never behind a batch.
    let control: PGConnection
    /// Partitions, retention, counts: nothing waits for them.
    let upkeep: PGConnection
    let logger: Logger
    let grant = Mutex<LeaseGrant?>(nil)
    private let copyBuffer = Mutex<SendableArena?>(nil)
    let notifier: QueueNotifier
    /// When the next delayed event is due, in Unix milliseconds.
    let due = Mutex<Int64?>(nil)
    public let clock = StoreClock()

    /// Batches of at least this many events go by `COPY`.
    static let copyThreshold = 500

    /// A queue, not yet connected.
    public init(_ options: Options, logger: Logger) {
        self.options = options
        self.logger = logger
        schema = NativeSchema.quoteIdentifier(options.schema)
        data = PGConnection(url: options.url, name: "pg-data")
        control = PGConnection(url: options.url, name: "pg-control")
        upkeep = PGConnection(url: options.url, name: "pg-upkeep")
        notifier = QueueNotifier(PGConnection(url: options.url, name: "pg-notify"), schema: schema)
    }

    public func cancelInFlight() { data.interrupt() }

    public func cancelUpkeep() { upkeep.interrupt() }

    public func deliver(_ batch: EventBatch, after state: StoredState, under grant: LeaseGrant) async throws -> Delivery
    {
        let before = batch.poison.count
        var withTexts = true
        var hasMadePartitions = false
        Storability.check(batch, payloadType: options.payloadType)
        markDelayed(batch)
        while true {
            if options.haltsOnPoison, batch.poison.count > before, let poison = batch.poison.last {
                throw RelayError(
                    .poison,
                    "an event cannot be stored (\(poison.message)), and SOURCE_ON_POISON=halt. Correct it, or set "
                        + "SOURCE_ON_POISON=deadletter")
            }
            do {
                let delivery = try await write(batch, after: state, under: grant, deadLetterTexts: withTexts)
                if delivery.delivered > 0 { notifier.notify() }
                noteDelayed(batch)
                return delivery
            } catch let error as RelayError where error.code == .poison {
                // The server refuses some event of the batch: find it, and let the others pass.
                let found = try await refused(batch, state)
                if found.isEmpty {
                    // It is a dead letter's own row. What a person reads of it is dropped, its bytes are kept.
                    guard withTexts, batch.count(of: .poison) > 0 else {
                        throw RelayError(.refused, error.message, isRetriable: true)
                    }
                    withTexts = false
                }
                for (index, poison) in found { batch.reject(at: index, poison) }
            } catch let error as RelayError where error.code == .missingPartition && !hasMadePartitions {
                hasMadePartitions = true
                _ = try await data.query(PGStatement("SELECT count(*) FROM \(schema).make_partitions()"))
            }
        }
    }

    private func write(
        _ batch: EventBatch, after state: StoredState, under grant: LeaseGrant, deadLetterTexts: Bool
    ) async throws -> Delivery {
        let indices = batch.records.indices.filter { batch.records[$0].outcome == .event }
        var next = state
        next.position += Int64(indices.count)
        next.revision += 1
        next.checkpoint = batch.end
        let fence = try advance(from: state, to: next, under: grant)
        let rows = EventRows(stream: state.stream, firstPosition: state.position + 1, payloadType: options.payloadType)
        let others =
            deadLetters(of: batch, stream: state.stream, withTexts: deadLetterTexts) + delayed(of: batch)
        if indices.count >= Self.copyThreshold {
            let buffer = copyBuffer.withLock { $0.take() } ?? SendableArena(ByteArena(capacity: 1 << 20))
            buffer.arena.truncate(to: 0)
            rows.writeCopy(batch, to: buffer.arena)
            try await data.copy(
                "COPY \(schema).events (\(EventRows.columns)) FROM STDIN (FORMAT binary)", buffer,
                after: [fence] + others, then: [])
            // One huge event must not hold its memory for ever.
            if buffer.arena.capacity <= 16 << 20 { copyBuffer.withLock { $0 = buffer } }
        } else if indices.isEmpty, others.isEmpty {
            _ = try await data.query(fence)
        } else {
            var statements = [PGStatement("BEGIN"), fence] + others
            if !indices.isEmpty { statements.append(rows.insert(batch, indices, schema: schema)) }
            _ = try await data.pipeline(statements + [PGStatement("COMMIT")])
        }
        var reasons: [Poison.Reason: Int] = [:]
        for record in batch.records where record.outcome == .poison {
            reasons[batch.poison[Int(record.note)].reason, default: 0] += 1
        }
        return Delivery(
            state: next, delivered: indices.count, filtered: batch.count(of: .filtered), deadLettered: reasons)
    }

    /// The fence: one row, or the transaction fails.
    func advance(from state: StoredState, to next: StoredState, under grant: LeaseGrant) throws -> PGStatement {
        PGStatement(
            "SELECT \(schema).advance($1, $2, $3::bigint, $4::bigint, $5::bigint, $6, $7::bigint)",
            [
                .text(options.pipeline), .text(grant.owner), PGParameter(grant.epoch), PGParameter(state.position),
                PGParameter(next.position), PGParameter(try next.checkpoint.map(CheckpointText.encode)),
                PGParameter(state.revision),
            ])
    }

    /// The events of `batch` that the server refuses by themselves, by bisection in transactions that are undone.
    func refused(_ batch: EventBatch, _ state: StoredState) async throws -> [(Int, Poison)] {
        let rows = EventRows(stream: state.stream, firstPosition: state.position + 1, payloadType: options.payloadType)
        var suspects = [
            batch.records.indices.filter { [.event, .delayed].contains(batch.records[$0].outcome) }
        ]
        var found: [(Int, Poison)] = []
        while let group = suspects.popLast(), !group.isEmpty {
            do {
                _ = try await data.pipeline([
                    PGStatement("BEGIN"), rows.insert(batch, group, schema: schema), PGStatement("ROLLBACK"),
                ])
            } catch let error as RelayError where error.code == .poison {
                if group.count == 1 {
                    found.append((group[0], Poison(.refused, error.message)))
                } else {
                    suspects.append(Array(group[..<(group.count / 2)]))
                    suspects.append(Array(group[(group.count / 2)...]))
                }
            }
        }
        return found
    }
}

/// An arena lent to the connection's thread while nobody else touches it.
struct SendableArena: @unchecked Sendable {
    // @unchecked: the caller waits for the call to end.
    let arena: ByteArena
    init(_ arena: ByteArena) { self.arena = arena }
}
