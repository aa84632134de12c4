/// What a ``WebhookReceiver`` does with one request.
package enum ReceiverAnswer: Sendable {
    /// Answers at once.
    case status(Int, headers: [(String, String)] = [], body: String = "")
    /// Answers with this status after a while, unless the sender has hung up by then.
    case late(Duration, status: Int = 200)
    /// Never answers; the connection stays open until the sender closes it.
    case hang
    /// Closes the connection with a reset and without an answer.
    case reset

    /// 200 without a body.
    package static let accepted = ReceiverAnswer.status(200)
    /// 422 with a body that says why.
    package static let refused = ReceiverAnswer.status(422, body: "{\"error\":\"this is no order of ours\"}")

    /// 429 or 503 with `Retry-After`, in seconds or as a date.
    package static func retryAfter(_ value: String, status: Int = 429) -> ReceiverAnswer {
        .status(status, headers: [("retry-after", value)])
    }
}

/// A rule by which a ``WebhookReceiver`` answers: for each request an answer, or nil to leave it to the next rule. What
/// no rule answers is accepted.
package struct Behaviour: Sendable {
    private let decide: @Sendable (ReceivedRequest) -> ReceiverAnswer?

    /// A rule of one's own; called from the receiver's threads.
    package init(_ decide: @escaping @Sendable (ReceivedRequest) -> ReceiverAnswer?) { self.decide = decide }

    /// What it answers to a request; nil leaves it to the next rule.
    package func answer(to request: ReceivedRequest) -> ReceiverAnswer? { decide(request) }

    /// The same answer to everything.
    package static func always(_ answer: ReceiverAnswer) -> Behaviour { Behaviour { _ in answer } }

    /// The same status to everything.
    package static func status(_ status: Int, body: String = "") -> Behaviour { always(.status(status, body: body)) }

    /// An answer to the attempts that `lottery` draws: other ones each time an event comes.
    package static func some(_ lottery: Lottery, _ answer: ReceiverAnswer) -> Behaviour {
        Behaviour { request in lottery.draws(request.id, attempt: request.attempt) ? answer : nil }
    }

    /// An answer to the events that `lottery` draws, on every attempt.
    package static func someEvents(_ lottery: Lottery, _ answer: ReceiverAnswer) -> Behaviour {
        Behaviour { request in lottery.draws(request.id) ? answer : nil }
    }

    /// An answer to requests with one of these events.
    package static func events(_ ids: Set<String>, _ answer: ReceiverAnswer) -> Behaviour {
        Behaviour { request in request.events.contains { ids.contains($0.id) } ? answer : nil }
    }

    /// An answer to requests with an event of this key; of formats that carry the key.
    package static func key(_ key: String, _ answer: ReceiverAnswer) -> Behaviour {
        Behaviour { request in request.events.contains { $0.key == key } ? answer : nil }
    }

    /// An answer to the first `count` attempts of each event.
    package static func attempts(upTo count: Int, _ answer: ReceiverAnswer) -> Behaviour {
        Behaviour { request in request.attempt <= count ? answer : nil }
    }

    /// 401 to whoever brings no token that `endpoint` issued and has not revoked.
    package static func token(of endpoint: TokenEndpoint) -> Behaviour {
        Behaviour { request in
            endpoint.accepts(authorization: request.header("authorization")) ? nil : .status(401, body: "token?")
        }
    }
}

/// Chooses a share of events or attempts.
///
/// Which ones follows from the seed, the event's id and the number of the attempt, and not from the order in which they
/// come: two runs with the same ids fail alike, and who knows the ids knows which were chosen.
package struct Lottery: Sendable {
    /// From 0, none, to 1, all.
    package let share: Double
    /// Other seeds choose others.
    package let seed: UInt64

    package init(_ share: Double, seed: UInt64) {
        self.share = share
        self.seed = seed
    }

    /// Whether it chooses this event, or this attempt of it.
    package func draws(_ id: String, attempt: Int = 0) -> Bool {
        var generator = SplitMix(seed: seed)
        for byte in id.utf8 { generator.mix(UInt64(byte)) }
        generator.mix(UInt64(attempt))
        return Double(generator.next() >> 11) / Double(1 << 53) < share
    }
}

/// A small generator of numbers that follow from a seed (Steele, Lea and Flood, "Fast splittable pseudorandom number
/// generators").
struct SplitMix: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    /// Makes what comes next depend on `value` as well.
    mutating func mix(_ value: UInt64) { state = next() ^ value }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}
