import RelayCore

extension StateStoreConformance {
    static let commands: [Case] = [
        Case(description: "a pause and its reason stay until somebody resumes, across relays") { rig in
            let leader = try await lead(rig)
            try await answering(rig, leader.store, .pause(reason: "maintenance \u{1F6D1} $x")) { request in
                guard case .pause(let reason) = request.kind else { throw TestingError("it became \(request.kind)") }
                try await leader.store.setPaused(reason, request: request)
            }
            let loaded = try await leader.store.load(leader.grant)
            try expect(loaded.paused == "maintenance \u{1F6D1} $x", "paused is \(loaded.paused ?? "nil")")
            // A pause is no write of the checkpoint: what is under way goes on.
            let written = try await rig.write(
                ConformanceWrite("1"), to: leader.store, after: loaded, under: leader.grant)
            try expect(written.revision == loaded.revision + 1, "the pause counted the revision up")
            try await leader.store.releaseLease(leader.grant)
            let next = try await lead(rig)
            try expect(next.state.paused == "maintenance \u{1F6D1} $x", "the next relay does not know of it")
            try await answering(rig, next.store, .resume) { try await next.store.setPaused(nil, request: $0) }
            let resumed = try await next.store.load(next.grant)
            try expect(resumed.paused == nil, "it is still paused")
        },
        Case(description: "a request comes again until it is answered, once; the first answer counts") { rig in
            let leader = try await lead(rig)
            let ids: [Int64] = [1, 2, 3, 7, 9_000_000_000]
            let answer = try await answering(rig, leader.store, .retryDeadLetters(ids)) { request in
                try expect(request.kind == .retryDeadLetters(ids), "it became \(request.kind)")
                let again = try await leader.store.pendingRequests()
                try expect(again.map(\.id) == [request.id], "it did not come again")
                try await leader.store.answer(request, RequestAnswer(succeeded: false, message: "first", count: 4))
                try await leader.store.answer(request, RequestAnswer(succeeded: true, message: "second", count: 5))
            }
            try expect(answer == RequestAnswer(succeeded: false, message: "first", count: 4), "the answer is \(answer)")
            let left = try await leader.store.pendingRequests()
            try expect(left.isEmpty, "an answered request came again")
        },
        Case(description: "requests come oldest first, of every kind") { rig in
            let leader = try await lead(rig)
            let kinds: [RelayRequest.Kind] = [
                .pause(reason: "a"), .resume, .discardDeadLetters([]), .discardDeadLetters([5, 4]), .unknown("dance"),
            ]
            let commands = Task {
                try await withThrowingTaskGroup(of: Void.self) { group in
                    for kind in kinds {
                        group.addTask { _ = try await rig.administration.request(kind, within: .seconds(20)) }
                        // In their order.
                        try await Task.sleep(for: .milliseconds(300))
                    }
                    try await group.waitForAll()
                }
            }
            let found = try await waiting(for: "all requests", within: .seconds(20)) {
                let found = try await leader.store.pendingRequests()
                return found.count == kinds.count ? found : nil
            }
            try expect(found.map(\.kind) == kinds, "they came as \(found.map(\.kind))")
            for request in found {
                try await leader.store.answer(request, RequestAnswer(succeeded: true, message: "done"))
            }
            try await commands.value
        },
        Case(description: "what a leader began and did not answer its successor gets; the former's answer is ignored") {
            rig in
            let former = try await lead(rig, ttl: .milliseconds(400))
            let command = Task { try await rig.administration.request(.resume, within: .seconds(20)) }
            let begun = try await waiting(for: "the request", within: .seconds(10)) {
                try await former.store.pendingRequests().first
            }
            let leader = try await lead(rig)
            let found = try await waiting(for: "the request again", within: .seconds(10)) {
                try await leader.store.pendingRequests().first
            }
            try expect(found.id == begun.id, "another request came")
            try await former.store.answer(begun, RequestAnswer(succeeded: true, message: "from the former"))
            try await leader.store.answer(found, RequestAnswer(succeeded: true, message: "from the leader"))
            let answer = try await command.value
            try expect(answer.message == "from the leader", "the answer is \(answer.message)")
        },
        Case(description: "a request that nobody takes is withdrawn, and says so") { rig in
            let leader = try await lead(rig)
            let error = try await expectFailure("a request without a relay was answered") {
                _ = try await rig.administration.request(.resume, within: .milliseconds(500))
            }
            try expect(error.code == .unavailable, "it failed with \(error.code)")
            try expect(error.message.contains("withdrawn"), "it says: \(error)")
            let left = try await leader.store.pendingRequests()
            try expect(left.isEmpty, "a withdrawn request was handed out")
        },
        Case(description: "dead letters are counted, listed and shown") { rig in
            var leader = try await lead(rig)
            let none = try await leader.store.deadLetterCount()
            try expect(none == 0, "there are \(none)")
            for (round, count) in [2, 0, 3].enumerated() {
                leader.state = try await rig.write(
                    ConformanceWrite("\(round)", deadLetters: count), to: leader.store, after: leader.state,
                    under: leader.grant)
            }
            let waiting = try await leader.store.deadLetterCount()
            try expect(waiting == 5, "there are \(waiting)")
            let administration = rig.administration
            let ids = try await administration.waitingIDs()
            try expect(ids.count == 5 && ids == ids.sorted(), "the ids are \(ids)")
            let list = try await administration.letters(limit: 3, includingResolved: false)
            try expect(list.map(\.id) == Array(ids.reversed().prefix(3)), "the newest are \(list.map(\.id))")
            for letter in list {
                try expect(letter.state == "dead" && letter.reasonCode == "missing-field", "it is \(letter)")
                try expect(letter.eventID?.hasPrefix("poison-2") == true, "its event is \(letter.eventID ?? "nil")")
                try expect(letter.reason.contains("says a test"), "its reason is \(letter.reason)")
                try expect(letter.document == nil && letter.payload == nil, "a list shows what may be large")
                try expect(letter.createdAt.hasSuffix("Z") && letter.createdAt.contains("T"), letter.createdAt)
            }
            let whole = try await administration.letter(ids[0])
            try expect(whole?.eventID == "poison-0-0" && whole?.payload == "{\"n\":1}", "the whole is another")
            let missing = try await administration.letter((ids.last ?? 0) + 1)
            try expect(missing == nil, "there is one too many")
            try await leader.store.maintain()
            let kept = try await leader.store.deadLetterCount()
            try expect(kept == 5, "upkeep dropped dead letters that wait")
        },
        Case(description: "upkeep that is broken off leaves the store in order") { rig in
            let leader = try await lead(rig)
            for _ in 0..<5 {
                let upkeep = Task { try await leader.store.maintain() }
                leader.store.cancelUpkeep()
                _ = await upkeep.result
            }
            try await leader.store.maintain()
            _ = try await leader.store.deadLetterCount()
        },
    ]

    /// Leaves a request as a command does, lets `carryOut` do it as a leader does, and returns what the command hears.
    @discardableResult
    private static func answering(
        _ rig: any StoreRig, _ store: any StateStore, _ kind: RelayRequest.Kind,
        _ carryOut: (RelayRequest) async throws -> Void
    ) async throws -> RequestAnswer {
        let administration = rig.administration
        let command = Task { try await administration.request(kind, within: .seconds(20)) }
        let request = try await waiting(for: "the request", within: .seconds(10)) {
            try await store.pendingRequests().first
        }
        try await carryOut(request)
        return try await command.value
    }
}
