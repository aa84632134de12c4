import RelayCore

extension StateStoreConformance {
    static let lease: [Case] = [
        Case(description: "many may prepare at once, again and again") { rig in
            try await withThrowingTaskGroup(of: Void.self) { group in
                for _ in 0..<6 {
                    let store = rig.open()
                    group.addTask {
                        try await store.prepare()
                        try await store.prepare()
                    }
                }
                try await group.waitForAll()
            }
        },
        Case(description: "of many who ask for the lease at once one gets it, and epochs grow") { rig in
            let stores = (0..<6).map { _ in rig.open() }
            try await stores[0].prepare()
            var lastEpoch: Int64 = 0
            for round in 1...8 {
                let answers = try await withThrowingTaskGroup(of: (Int, LeaseAnswer).self) { group in
                    for (index, store) in stores.enumerated() {
                        group.addTask { (index, try await store.acquireLease(owner: owner(), ttl: .seconds(60))) }
                    }
                    var answers: [(Int, LeaseAnswer)] = []
                    for try await answer in group { answers.append(answer) }
                    return answers
                }
                let granted = answers.compactMap { index, answer in
                    if case .granted(let grant) = answer { (index, grant) } else { nil }
                }
                try expect(granted.count == 1, "\(granted.count) got the lease in round \(round)")
                let (winner, grant) = granted[0]
                try expect(grant.epoch > lastEpoch, "epoch \(grant.epoch) follows \(lastEpoch)")
                lastEpoch = grant.epoch
                for case (_, .held(let holder, let left)) in answers {
                    try expect(!holder.isEmpty, "the lease is held by somebody without a name")
                    // The servers read their clock when a command begins, not when it is carried out.
                    try expect(left > .seconds(50) && left <= .seconds(61), "the lease is said to last \(left)")
                }
                try await stores[winner].releaseLease(grant)
            }
        },
        Case(description: "a lease that is not renewed ends when its time is up, not before, and not much later") {
            rig in
            let (first, second) = (rig.open(), rig.open())
            try await first.prepare()
            let ttl = Duration.milliseconds(1500)
            let sentAt = ContinuousClock.now
            let grant = try await acquire(first, ttl: ttl)
            let answeredAt = ContinuousClock.now
            let next = try await acquire(second, ttl: ttl)
            let now = ContinuousClock.now
            // Granted at some moment between asking and answer; the servers count whole milliseconds.
            try expect(sentAt.duration(to: now) >= ttl - .milliseconds(5), "granted after \(sentAt.duration(to: now))")
            try expect(
                answeredAt.duration(to: now) < ttl + .seconds(2), "granted only after \(answeredAt.duration(to: now))")
            try expect(next.epoch > grant.epoch, "the epoch did not grow")
        },
        Case(description: "a renewed lease stays, for longer than any one of its times") { rig in
            let (first, second) = (rig.open(), rig.open())
            try await first.prepare()
            let grant = try await acquire(first, ttl: .seconds(1))
            let end = ContinuousClock.now + .milliseconds(2500)
            while ContinuousClock.now < end {
                let isRenewed = try await first.renewLease(grant, ttl: .seconds(1))
                try expect(isRenewed, "the renewal was refused")
                if case .granted = try await second.acquireLease(owner: owner(), ttl: .seconds(1)) {
                    throw TestingError("a lease that was renewed went to another")
                }
                try await Task.sleep(for: .milliseconds(50))
            }
        },
        Case(description: "who asks again for its own lease gets the same one") { rig in
            let store = rig.open()
            try await store.prepare()
            let owner = owner()
            guard case .granted(let first) = try await store.acquireLease(owner: owner, ttl: .seconds(30)),
                case .granted(let again) = try await store.acquireLease(owner: owner, ttl: .seconds(30))
            else { throw TestingError("the lease was not granted") }
            try expect(first == again, "\(first) became \(again)")
        },
        Case(description: "a renewal is refused when the lease has ended, and when it is another's") { rig in
            let (first, second) = (rig.open(), rig.open())
            try await first.prepare()
            let old = try await acquire(first, ttl: .milliseconds(200))
            try await Task.sleep(for: .milliseconds(260))
            let wasLate = try await first.renewLease(old, ttl: .seconds(5))
            try expect(!wasLate, "a lease whose time was up was renewed")
            let new = try await acquire(second, ttl: .seconds(30))
            let isStale = try await first.renewLease(old, ttl: .seconds(5))
            try expect(!isStale, "the former holder renewed another's lease")
            let isOurs = try await second.renewLease(new, ttl: .seconds(5))
            try expect(isOurs, "the holder's own renewal was refused")
        },
        Case(description: "a lease that is given back is free at once; only its holder can give it back") { rig in
            let (first, second) = (rig.open(), rig.open())
            try await first.prepare()
            let old = try await acquire(first, ttl: .seconds(60))
            try await first.releaseLease(old)
            guard case .granted(let new) = try await second.acquireLease(owner: owner(), ttl: .seconds(60)) else {
                throw TestingError("the lease was not free")
            }
            try expect(new.epoch > old.epoch, "the epoch did not grow")
            try await first.releaseLease(old)
            guard case .held = try await first.acquireLease(owner: owner(), ttl: .seconds(60)) else {
                throw TestingError("the former holder gave away another's lease")
            }
        },
    ]
}
