import RelayCore

extension StateStoreConformance {
    static let state: [Case] = [
        Case(description: "a new pipeline begins at nothing") { rig in
            let leader = try await lead(rig)
            try expect(leader.state.checkpoint == nil, "there is a checkpoint")
            try expect(leader.state.position == 0 && leader.state.revision == 0, "it begins at \(leader.state)")
            try expect(leader.state.paused == nil, "it is paused")
        },
        Case(description: "what was stored is what is read, by the same relay and by the next") { rig in
            var leader = try await lead(rig)
            var write = ConformanceWrite("8265", events: 3)
            write.end.ordinal = 7
            write.end.backlog = BacklogPosition(snapshot: ClusterTime(seconds: 4_000_000_000, increment: .max))
            write.end.backlog?.cursor = "05000000"
            write.end.options = ["$match.x": "a.b \u{1F600} \"quoted\"", "": "empty name", "fields.id": "\\"]
            write.end.cluster = "c1"
            write.end.collections = ["out.box$": "0123"]
            write.end.invalidated = true
            leader.state = try await rig.write(write, to: leader.store, after: leader.state, under: leader.grant)
            try expect(leader.state.position == 3, "the position is \(leader.state.position)")
            for stored in [leader.state, try await leader.store.load(leader.grant)] {
                try expect(stored.checkpoint == write.end, "another checkpoint was stored")
                try expect(stored.position == 3, "the position is \(stored.position)")
            }
            let loaded = try await leader.store.load(leader.grant)
            try expect(loaded.revision == leader.state.revision, "the revision is \(loaded.revision)")
            try await leader.store.releaseLease(leader.grant)
            let next = try await lead(rig)
            try expect(next.state.checkpoint == write.end, "the next relay read another checkpoint")
            try expect(next.state.position == 3 && next.state.revision == loaded.revision, "it read \(next.state)")
        },
        Case(description: "each write counts the revision up; one that names an old revision does nothing") { rig in
            var leader = try await lead(rig)
            let old = leader.state
            for number in 1...3 {
                let next = try await rig.write(
                    ConformanceWrite("\(number)"), to: leader.store, after: leader.state, under: leader.grant)
                try expect(next.revision == leader.state.revision + 1, "\(next.revision) follows")
                leader.state = next
            }
            let error = try await expectFailure("a write that names an old revision went through") {
                _ = try await rig.write(ConformanceWrite("stale"), to: leader.store, after: old, under: leader.grant)
            }
            try expect(error.isRetriable && error.code != .fenced, "it failed with \(error.code): \(error)")
            leader.state = try await leader.store.load(leader.grant)
            try expect(leader.state.checkpoint?.token == "3", "the stale write was stored")
            _ = try await rig.write(
                ConformanceWrite("4"), to: leader.store, after: leader.state, under: leader.grant)
        },
        Case(description: "who has lost the lease can neither write nor load nor take over") { rig in
            var former = try await lead(rig, ttl: .milliseconds(300))
            former.state = try await rig.write(
                ConformanceWrite("1"), to: former.store, after: former.state, under: former.grant)
            let leader = try await lead(rig)
            try expect(leader.state.checkpoint?.token == "1", "the successor read another checkpoint")
            let write = try await expectFailure("a former leader wrote") {
                _ = try await rig.write(
                    ConformanceWrite("2"), to: former.store, after: former.state, under: former.grant)
            }
            try expect(write.code == .fenced, "it failed with \(write.code): \(write)")
            for call in [former.store.load, former.store.takeOver] {
                let error = try await expectFailure("a former leader took over") { _ = try await call(former.grant) }
                try expect(error.code == .fenced, "it failed with \(error.code): \(error)")
            }
            let stored = try await leader.store.load(leader.grant)
            try expect(stored.checkpoint?.token == "1" && stored.revision == 1, "something was written: \(stored)")
            _ = try await rig.write(ConformanceWrite("3"), to: leader.store, after: stored, under: leader.grant)
        },
        Case(description: "of leaders in quick succession only the last one writes") { rig in
            var leaders: [Leader] = []
            for _ in 0..<5 { leaders.append(try await lead(rig, ttl: .milliseconds(100))) }
            let all = leaders
            let written = try await withThrowingTaskGroup(of: Int?.self) { group in
                for (index, leader) in all.enumerated() {
                    group.addTask {
                        do {
                            _ = try await rig.write(
                                ConformanceWrite("by \(index)"), to: leader.store, after: leader.state,
                                under: leader.grant)
                            return index
                        } catch let error as RelayError where error.code == .fenced {
                            return nil
                        }
                    }
                }
                var written: [Int] = []
                for try await index in group { if let index { written.append(index) } }
                return written
            }
            try expect(written == [4], "\(written) wrote")
        },
        Case(description: "what is stored outlives broken connections, and the store goes on by itself") { rig in
            var leader = try await lead(rig)
            leader.state = try await rig.write(
                ConformanceWrite("1"), to: leader.store, after: leader.state, under: leader.grant)
            for round in 2...4 {
                try await rig.loseConnections()
                let current = leader
                let next = try await waiting(for: "a write after connections were lost", within: .seconds(30)) {
                    () -> StoredState? in
                    let state: StoredState
                    do {
                        state = try await current.store.load(current.grant)
                        if state.checkpoint?.token == "\(round)" { return state }
                        return try await rig.write(
                            ConformanceWrite("\(round)"), to: current.store, after: state, under: current.grant)
                    } catch let error as RelayError {
                        if !error.isRetriable || error.code == .fenced {
                            throw GivingUp(TestingError("it failed for good, with \(error.code): \(error)"))
                        }
                        return nil
                    }
                }
                leader.state = next
                try expect(next.position == Int64(round), "the position is \(next.position) in round \(round)")
                let isRenewed = try await waiting(for: "a renewal", within: .seconds(20)) {
                    try await current.store.renewLease(current.grant, ttl: .seconds(30))
                }
                try expect(isRenewed, "the lease was lost with the connection")
            }
        },
    ]
}
