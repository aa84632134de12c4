import RelayCore

/// What every ``SettlementStore`` has to do beyond ``StateStoreConformance``: all compared with ``SettlementModel``.
package enum SettlementConformance {
    /// One rule, on a pipeline of its own, with any number of relays' stores.
    package struct Case: Sendable, CustomStringConvertible {
        package let description: String
        let body: @Sendable (@Sendable () -> any SettlementStore) async throws -> Void

        /// Checks the rule.
        /// - Throws: ``TestingError`` where it does not hold.
        package func check(_ open: @Sendable () -> any SettlementStore) async throws { try await body(open) }
    }

    /// All rules but the random ones (``SettlementWalk``).
    package static let cases: [Case] = [
        Case(description: "events come back as they were, whatever their bytes") { open in
            var leader = try await SettlementLeader.lead(open())
            var settlement = Settlement()
            for (index, sample) in samples.enumerated() {
                let event = sample.parked(at: Int64(index + 1), redelivery: index == 2 ? "retry" : nil)
                settlement.parked.append(event)
                settlement.keys[event.key] = schedule(due: Int64(index))
                settlement.deadLetters.append(
                    NewDeadLetter(
                        event.event, Poison(.rejected, "status 422"), attempts: index, status: 422,
                        answer: Array("no \u{0} thanks".utf8) + [0xFF], firstAttempt: 1, lastAttempt: .max))
            }
            try await leader.settle(settlement)
            try await leader.compare(excluding: [])
            for sample in samples {
                let found = try await leader.store.parkedEvents(of: sample.eventKey, limit: 50, bytes: .max)
                let same = found.contains { $0.event.isSame(as: sample.reference(at: $0.event.position)) }
                try expect(same, "an event came back as another")
            }
        },
        Case(description: "an event that is parked already stays as it is") { open in
            var leader = try await SettlementLeader.lead(open())
            var first = SampleEvent("same")
            first.payload = Array("1".utf8)
            var second = first
            second.payload = Array("2".utf8)
            for sample in [first, second] {
                var settlement = Settlement()
                settlement.parked = [sample.parked(at: 5)]
                settlement.keys[sample.eventKey] = schedule(due: 1)
                try await leader.settle(settlement)
            }
            let found = try await leader.store.parkedEvents(of: first.eventKey, limit: 10, bytes: .max)
            try expect(found.map { $0.event.text(\.payload) } == ["1"], "it was overwritten or doubled")
            let totals = try await leader.store.parkedTotals()
            try expect(totals.events == 1 && totals.keys == 1, "the totals are \(totals)")
            try await leader.compare(excluding: [])
        },
        Case(description: "two events at one position are two") { open in
            var leader = try await SettlementLeader.lead(open())
            var settlement = Settlement()
            settlement.parked = [SampleEvent("a").parked(at: 5), SampleEvent("b").parked(at: 5)]
            settlement.keys[SampleEvent("a").eventKey] = schedule(due: 1)
            try await leader.settle(settlement)
            try await leader.compare(excluding: [])
            var next = Settlement()
            next.unparked = [SampleEvent("a").parked(at: 5).id]
            try await leader.settle(next)
            let left = try await leader.store.parkedEvents(of: SampleEvent("b").eventKey, limit: 9, bytes: .max)
            try expect(left.map { $0.event.text(\.id) } == ["b"], "another one is left")
        },
        Case(description: "a key's events come in order, no more than asked for, and at least one") { open in
            var leader = try await SettlementLeader.lead(open())
            var settlement = Settlement()
            for position in [30, 10, 20, 50, 40] as [Int64] {
                var sample = SampleEvent("event \(position)")
                sample.payload = [UInt8](repeating: 65, count: 10_000)
                settlement.parked.append(sample.parked(at: position))
            }
            settlement.parked.append(SampleEvent("other", key: "other").parked(at: 15))
            let key = SampleEvent("").eventKey
            settlement.keys[key] = schedule(due: 1)
            try await leader.settle(settlement)
            let size = settlement.parked[0].event.byteCount
            for (limit, bytes, expected) in [
                (9, .max, [10, 20, 30, 40, 50]), (2, .max, [10, 20]), (1, 0, [10]), (9, 0, [10]), (0, .max, []),
                (9, size * 3, [10, 20, 30]), (9, size * 3 - 1, [10, 20]), (9, 1, [10]),
            ] as [(Int, Int, [Int64])] {
                let found = try await leader.store.parkedEvents(of: key, limit: limit, bytes: bytes)
                try expect(found.map(\.id.position) == expected, "limit \(limit), \(bytes) bytes: \(found.map(\.id))")
            }
            let unknown = try await leader.store.parkedEvents(
                of: SampleEvent("", key: "unknown").eventKey, limit: 9, bytes: .max)
            try expect(unknown.isEmpty, "a key that is not parked has events")
        },
        Case(description: "nothing of a settlement is written when it names an old revision or another's lease") {
            open in
            var former = try await SettlementLeader.lead(open(), ttl: .milliseconds(200))
            try await former.settle(everything(1))
            let old = former.state
            try await former.settle(everything(2))
            let stale = try await expectFailure("an old revision was written") {
                _ = try await former.store.settle(everything(3), after: old, under: former.grant)
            }
            try expect(stale.isRetriable && stale.code != .fenced, "it failed with \(stale.code)")
            former.state = try await former.store.load(former.grant)
            try await former.compare(excluding: [])

            var leader = try await SettlementLeader.lead(open())
            leader.model = former.model
            for settlement in [everything(4), Settlement(), checkpoint(9)] {
                let fenced = try await expectFailure("a former leader wrote") {
                    _ = try await former.store.settle(settlement, after: former.state, under: former.grant)
                }
                try expect(fenced.code == .fenced, "it failed with \(fenced.code): \(fenced)")
            }
            let forged = try await expectFailure("a forged grant wrote") {
                _ = try await leader.store.settle(
                    everything(5), after: leader.state,
                    under: LeaseGrant(owner: leader.grant.owner, epoch: leader.grant.epoch + 1))
            }
            try expect(forged.code == .fenced, "it failed with \(forged.code): \(forged)")
            leader.state = try await leader.store.load(leader.grant)
            try await leader.compare(excluding: [])
            try await leader.settle(everything(6))
            try await leader.compare(excluding: [])
        },
        Case(description: "an empty settlement counts the revision up and changes nothing else") { open in
            var leader = try await SettlementLeader.lead(open())
            try await leader.settle(everything(1))
            let before = leader.state
            try await leader.settle(Settlement())
            try expect(leader.state.revision == before.revision + 1, "the revision is \(leader.state.revision)")
            try await leader.compare(excluding: [])
        },
        Case(description: "a pause is stored with what stopped it, and a person's resume is seen by the next write") {
            open in
            var leader = try await SettlementLeader.lead(open())
            var settlement = Settlement()
            settlement.pause = "410: the receiver asked us to stop"
            settlement.stoppedMilliseconds = 12_345
            try await leader.settle(settlement)
            let loaded = try await leader.store.load(leader.grant)
            try expect(loaded.paused == settlement.pause, "paused is \(loaded.paused ?? "nil")")
            try expect(loaded.stoppedMilliseconds == 12_345, "stopped is \(loaded.stoppedMilliseconds)")
            try await leader.store.setPaused(nil, request: RelayRequest(id: 1, kind: .resume))
            leader.model.stored.paused = nil
            // The time that it was paused is added: it does not count against the events.
            let resumed = try await leader.store.load(leader.grant)
            try expect(
                (12_345..<72_345).contains(resumed.stoppedMilliseconds), "stopped is \(resumed.stoppedMilliseconds)")
            leader.model.stored.stoppedMilliseconds = resumed.stoppedMilliseconds
            try await leader.settle(checkpoint(3))
            try expect(leader.state.paused == nil, "the write brought the pause back")
        },
    ]

    /// Events that are hard to store.
    static var samples: [SampleEvent] {
        var samples = [SampleEvent("plain")]
        var whole = SampleEvent("whole \u{1F600} \"$x.y\"", key: "$key.with\u{0}NUL")
        whole.headers = Array("{\"a\":\"\\u0000\",\"$b\":1}".utf8)
        whole.schemaVersion = Array("7".utf8)
        whole.traceparent = Array("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".utf8)
        whole.occurredAt = -1
        whole.committedAt = 253_402_300_800_000
        samples.append(whole)
        var binary = SampleEvent("binary\u{0}id", key: "")
        binary.payload = (0...255).map { UInt8($0) }
        binary.payloadIsBinary = true
        samples.append(binary)
        var empty = SampleEvent("empty payload", key: "e")
        empty.payload = []
        empty.headers = []
        samples.append(empty)
        var damaged = SampleEvent("", key: "")
        damaged.id = [0xFF, 0x00, 0xC3]
        damaged.key = [0xED, 0xA0, 0x80]
        damaged.payload = Array("\"\u{7FF}\u{10FFFF}\"".utf8)
        samples.append(damaged)
        var emptyBinary = SampleEvent("empty binary", key: "eb")
        emptyBinary.payload = []
        emptyBinary.payloadIsBinary = true
        samples.append(emptyBinary)
        return samples
    }

    /// A settlement that writes something of every kind.
    package static func everything(_ number: Int64) -> Settlement {
        var settlement = checkpoint(number)
        let sample = SampleEvent("parked \(number)", key: "key \(number)")
        settlement.parked = [sample.parked(at: number + 100)]
        settlement.keys[sample.eventKey] = schedule(due: number)
        if number > 1 { settlement.unparked = [SampleEvent("parked \(number - 1)").parked(at: number + 99).id] }
        settlement.deadLetters = [
            NewDeadLetter(SampleEvent("dead \(number)").reference(at: number + 200), Poison(.exhausted, "in vain"))
        ]
        if number > 1 { settlement.resolved[number - 1] = .discarded }
        settlement.pause = "because of \(number)"
        settlement.stoppedMilliseconds = number
        return settlement
    }

    /// A settlement that moves the checkpoint.
    package static func checkpoint(_ number: Int64) -> Settlement {
        var settlement = Settlement()
        var end = Checkpoint()
        end.token = "token \(number)"
        settlement.checkpoint = (end, number)
        return settlement
    }

    /// A schedule that is due at `due`.
    package static func schedule(due: Int64) -> ParkedSchedule {
        ParkedSchedule(due: due, attempts: 1, firstAttempt: due - 1, stoppedBefore: 0, since: due - 2)
    }
}
