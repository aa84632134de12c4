import Foundation

/// Finds the few fields of CloudEvents that a receiver compares, without decoding the rest. What it reads is taken to be
/// JSON; whether it really is one, independent verifiers tell.
enum EventFields {
    /// The event of a structured CloudEvent; nil when it has no id.
    static func single(_ bytes: UnsafeRawBufferPointer) -> ReceivedEvent? {
        var scan = Scan(bytes)
        return scan.event()
    }

    /// The events of a batch; nil when it is no array of events.
    static func batch(_ bytes: UnsafeRawBufferPointer) -> [ReceivedEvent]? {
        var scan = Scan(bytes)
        guard scan.take("[") else { return nil }
        var events: [ReceivedEvent] = []
        if scan.take("]") { return [] }
        repeat {
            guard let event = scan.event() else { return nil }
            events.append(event)
        } while scan.take(",")
        return scan.take("]") ? events : nil
    }

    private struct Scan {
        private let bytes: UnsafeRawBufferPointer
        private var place = 0

        init(_ bytes: UnsafeRawBufferPointer) { self.bytes = bytes }

        /// Skips white space, and `character` if it comes next.
        mutating func take(_ character: Unicode.Scalar) -> Bool {
            while place < bytes.count, bytes[place] <= 0x20 { place += 1 }
            guard place < bytes.count, bytes[place] == UInt8(ascii: character) else { return false }
            place += 1
            return true
        }

        /// One object with at least an id.
        mutating func event() -> ReceivedEvent? {
            guard take("{") else { return nil }
            var event = ReceivedEvent(id: "")
            if take("}") { return nil }
            repeat {
                guard take("\""), let name = string(), take(":") else { return nil }
                guard take("\"") else {
                    guard skipValue() else { return nil }
                    continue
                }
                let value: String?
                switch name {
                case "id", "partitionkey", "sequence": value = string()
                default: value = skipString() ? "" : nil
                }
                guard let value else { return nil }
                switch name {
                case "id": event.id = value
                case "partitionkey": event.key = value
                case "sequence": event.sequence = Int64(value)
                default: break
                }
            } while take(",")
            return take("}") && !event.id.isEmpty ? event : nil
        }

        /// The rest of a string whose first quote was taken.
        private mutating func string() -> String? {
            let start = place
            guard skipString() else { return nil }
            let text = bytes[start..<place - 1]
            guard text.contains(UInt8(ascii: "\\")) else { return String(decoding: text, as: UTF8.self) }
            let quoted = Data([UInt8(ascii: "\"")] + text + [UInt8(ascii: "\"")])
            return try? JSONSerialization.jsonObject(with: quoted, options: .fragmentsAllowed) as? String
        }

        private mutating func skipString() -> Bool {
            while place < bytes.count {
                let byte = bytes[place]
                place += byte == UInt8(ascii: "\\") ? 2 : 1
                if byte == UInt8(ascii: "\"") { return true }
            }
            return false
        }

        /// A number, a word, an array or an object, up to what follows it.
        private mutating func skipValue() -> Bool {
            var depth = 0
            while place < bytes.count {
                switch bytes[place] {
                case UInt8(ascii: "\""):
                    place += 1
                    guard skipString() else { return false }
                    continue
                case UInt8(ascii: "{"), UInt8(ascii: "["): depth += 1
                case UInt8(ascii: "}"), UInt8(ascii: "]"):
                    if depth == 0 { return true }
                    depth -= 1
                case UInt8(ascii: ","): if depth == 0 { return true }
                default: break
                }
                place += 1
            }
            return false
        }
    }
}
