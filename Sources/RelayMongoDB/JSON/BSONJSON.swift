import RelayCore

/// BSON as JSON: compact, fields in their order, duplicate names kept, in one pass that also checks
/// the BSON.
///
///     let from = arena.count
///     let facts = try BSONJSON.append(document, style: .plain, to: arena)
///     let payload = ByteRange(offset: from, length: arena.count - from)
///
/// Floating-point numbers are the shortest digits that read back as the same number and always have
/// a point or an exponent; integers never have. Control characters, quotes and backslashes are
/// escaped, everything else passes as UTF-8. Damage throws, and the arena is as it was before.
public enum BSONJSON {
    /// Appends a document.
    /// - Throws: ``BSONError`` for damage anywhere in it.
    @discardableResult
    public static func append(
        _ document: BSONView, style: JSONStyle, to arena: ByteArena
    ) throws(BSONError) -> JSONFacts {
        try append(container: document, isArray: false, style: style, to: arena)
    }

    /// Appends a value.
    /// - Throws: ``BSONError`` for damage anywhere in it; offsets count from the value's first byte.
    @discardableResult
    public static func append(
        _ value: BSONRawValue, style: JSONStyle, to arena: ByteArena
    ) throws(BSONError) -> JSONFacts {
        if let document = value.document {
            return try append(container: document, isArray: false, style: style, to: arena)
        }
        if let array = value.array { return try append(container: array, isArray: true, style: style, to: arena) }
        let before = arena.count
        var encoder = BSONJSONEncoder(arena, style: style, bytes: value.bytes)
        do throws(BSONError) {
            _ = try encoder.append(value: value.type.rawValue, at: value.start, limit: encoder.readable, depth: 0)
        } catch {
            arena.truncate(to: before)
            throw error
        }
        encoder.sink.commit()
        return JSONFacts(
            kind: kind(arena.bytes[before]), maximumDepth: encoder.deepest, containsNUL: encoder.containsNUL)
    }

    private static func append(
        container view: BSONView, isArray: Bool, style: JSONStyle, to arena: ByteArena
    ) throws(BSONError) -> JSONFacts {
        let before = arena.count
        var encoder = BSONJSONEncoder(arena, style: style, bytes: view.bytes)
        do throws(BSONError) {
            try encoder.append(container: view.base, count: view.count, isArray: isArray, depth: 1)
        } catch {
            arena.truncate(to: before)
            throw error
        }
        encoder.sink.commit()
        return JSONFacts(
            kind: isArray ? .array : .object, maximumDepth: encoder.deepest, containsNUL: encoder.containsNUL)
    }

    private static func kind(_ first: UInt8) -> JSONFacts.Kind {
        switch first {
        case UInt8(ascii: "{"): .object
        case UInt8(ascii: "["): .array
        case UInt8(ascii: "\""): .string
        case UInt8(ascii: "t"), UInt8(ascii: "f"): .bool
        case UInt8(ascii: "n"): .null
        default: .number
        }
    }
}
