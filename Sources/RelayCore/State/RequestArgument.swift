import Foundation

/// The requests whose argument is a structure: both stores keep it as the same JSON.
extension RelayRequest.Kind {
    private static let replayName = "replay"
    private static let publishName = "publish"

    /// The name and the JSON that are stored; nil for the other kinds.
    public var structured: (name: String, json: String)? {
        func json(_ value: some Encodable) -> String {
            let encoder = JSONEncoder()
            encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
            return (try? encoder.encode(value)).map { String(decoding: $0, as: UTF8.self) } ?? "{}"
        }
        switch self {
        case .replay(let selection): return (Self.replayName, json(selection))
        case .publish(let event): return (Self.publishName, json(event))
        default: return nil
        }
    }

    /// The kind that is stored as `name` with this JSON; nil when it is none of these.
    public init?(name: String, json: String) {
        func value<Value: Decodable>(_ type: Value.Type) -> Value? {
            try? JSONDecoder().decode(type, from: Data(json.utf8))
        }
        switch name {
        case Self.replayName:
            guard let selection = value(ReplaySelection.self) else { return nil }
            self = .replay(selection)
        case Self.publishName:
            guard let event = value(PublishedEvent.self) else { return nil }
            self = .publish(event)
        default: return nil
        }
    }
}
