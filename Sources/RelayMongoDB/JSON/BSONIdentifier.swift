import RelayCore

/// A BSON value as the text of an event's id or key.
public enum BSONIdentifier {
    /// Appends ObjectId as 24 hexadecimal digits, UUID (binary subtype 4 of 16 bytes) in canonical
    /// form, a string as it is, 32- and 64-bit integers in decimal, anything else as its compact
    /// canonical Extended JSON.
    ///
    /// - Returns: whether the text holds NUL, which no text column and no HTTP header takes.
    /// - Throws: ``BSONError`` for damage; the arena is then as it was.
    @discardableResult
    public static func append(_ value: BSONRawValue, to arena: ByteArena) throws(BSONError) -> Bool {
        switch value.type {
        case .string:
            let text = value.utf8!
            if let bad = UTF8Check.firstInvalid(from: text.baseAddress!, to: text.baseAddress! + text.count) {
                throw BSONError(.invalidUTF8, offset: bad - value.start)
            }
            arena.append(text)
            return BSONLayout.zero(from: text.baseAddress!, to: text.baseAddress! + text.count) != nil
        case .int32, .int64:
            var sink = JSONSink(arena, reserving: 24)
            sink.put(integer: value.int64!)
            sink.commit()
            return false
        case .objectID:
            var sink = JSONSink(arena, reserving: 24)
            sink.put(hex: value.start, count: 12)
            sink.commit()
            return false
        case .binary:
            guard let uuid = value.binary(4), uuid.count == 16 else { break }
            var sink = JSONSink(arena, reserving: 40)
            sink.put(uuid: uuid.baseAddress!)
            sink.commit()
            return false
        default: break
        }
        return try BSONJSON.append(value, style: .canonical, to: arena).containsNUL
    }
}
