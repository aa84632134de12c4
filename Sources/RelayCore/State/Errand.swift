import Foundation

/// Some events to deliver outside of their order, at new positions, because a request asks for it.
///
/// The events and the request's progress are stored as one, so that a crash neither repeats nor loses any.
public struct Errand: Sendable {
    /// The request.
    public var request: RelayRequest
    /// What the events are marked with (`replay`); nil for events that nobody got before.
    public var redelivery: String?
    /// How far the request is when they are delivered.
    public var progress: ErrandProgress

    /// An errand.
    public init(request: RelayRequest, redelivery: String?, progress: ErrandProgress) {
        self.request = request
        self.redelivery = redelivery
        self.progress = progress
    }

    /// The progress with what became of the events.
    public func progress(delivered: Int, unusable: Int) -> ErrandProgress {
        var progress = progress
        progress.delivered += delivered
        progress.unusable += unusable
        return progress
    }
}

/// How far a request is that takes more than one transaction. It is stored with the request, as JSON.
public struct ErrandProgress: Sendable, Equatable, Codable {
    /// Where the source goes on; nil at the beginning.
    public var cursor: String?
    /// Whether nothing is left to be delivered.
    public var isComplete = false
    /// Events delivered, or handed over for it.
    public var delivered = 0
    /// Events that the destination did not ask for.
    public var filtered = 0
    /// Documents that are no events, and events that cannot be stored.
    public var unusable = 0
    /// Ids that are not in the source: how many, and the first of them.
    public var missing = 0
    public var firstMissing: [String] = []

    /// Nothing done.
    public init() {}

    /// What was stored; nil when it is none.
    public init?(text: String) {
        guard let stored = try? JSONDecoder().decode(ErrandProgress.self, from: Data(text.utf8)) else { return nil }
        self = stored
    }

    /// What to store.
    public var text: String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return (try? encoder.encode(self)).map { String(decoding: $0, as: UTF8.self) } ?? "{}"
    }

    /// Notes ids that are not there; the first are named to whoever asked.
    mutating func note(missing ids: [String]) {
        missing += ids.count
        firstMissing += ids.prefix(max(0, 100 - firstMissing.count))
    }

    /// What to tell whoever asked for a replay.
    var answer: RequestAnswer {
        var parts = ["\(delivered) delivered again"]
        if filtered > 0 { parts.append("\(filtered) that the destination's topics and types leave out") }
        if unusable > 0 { parts.append("\(unusable) that are no events or cannot be stored") }
        if missing > 0 {
            let rest = missing - firstMissing.count
            parts.append(
                "not in the source: " + firstMissing.joined(separator: ", ") + (rest > 0 ? " and \(rest) more" : ""))
        }
        return RequestAnswer(
            succeeded: missing == 0 && unusable == 0, message: parts.joined(separator: "; "), count: delivered)
    }
}
