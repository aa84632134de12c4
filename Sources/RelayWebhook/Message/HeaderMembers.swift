import Foundation

/// What an event's `headers`, a JSON object, say about the event itself: two members of it, where they are strings.
struct HeaderMembers {
    private(set) var dataschema: [UInt8]?
    private(set) var tracestate: [UInt8]?

    /// Reads the members without decoding the rest. Of equal names the last counts, as for most decoders; what is no
    /// JSON object has none.
    init(of json: UnsafeRawBufferPointer) {
        var index = 0
        var depth = 0
        var name: Range<Int>?
        var isName = false
        while index < json.count {
            switch json[index] {
            case UInt8(ascii: "\""):
                guard let end = Self.end(ofStringFrom: index + 1, in: json) else { return }
                let text = index + 1..<end
                if depth == 1 {
                    if isName { name = text } else if let name { set(name, text, in: json) }
                    isName = false
                }
                index = end
            case UInt8(ascii: "{"):
                depth += 1
                isName = depth == 1
            case UInt8(ascii: "["):
                if depth == 0 { return }
                depth += 1
            case UInt8(ascii: "}"), UInt8(ascii: "]"): depth -= 1
            case UInt8(ascii: ","): isName = depth == 1
            default: break
            }
            index += 1
        }
    }

    /// The index of the quote that ends a string.
    private static func end(ofStringFrom start: Int, in json: UnsafeRawBufferPointer) -> Int? {
        var index = start
        while index < json.count {
            switch json[index] {
            case UInt8(ascii: "\""): return index
            case UInt8(ascii: "\\"): index += 2
            default: index += 1
            }
        }
        return nil
    }

    private mutating func set(_ name: Range<Int>, _ text: Range<Int>, in json: UnsafeRawBufferPointer) {
        guard name.count == 10 else { return }
        if json[name].elementsEqual("dataschema".utf8) {
            dataschema = Self.value(json[text])
        } else if json[name].elementsEqual("tracestate".utf8) {
            tracestate = Self.value(json[text])
        }
    }

    /// The text of a JSON string; nil for one that holds half of a surrogate pair.
    private static func value(_ inside: Slice<UnsafeRawBufferPointer>) -> [UInt8]? {
        guard inside.contains(UInt8(ascii: "\\")) else { return Array(inside) }
        // Rare: neither a URI nor a trace state has to be escaped.
        let quoted = Data([UInt8(ascii: "\"")] + inside + [UInt8(ascii: "\"")])
        let decoded = try? JSONSerialization.jsonObject(with: quoted, options: .fragmentsAllowed)
        return (decoded as? String).map { Array($0.utf8) }
    }
}
