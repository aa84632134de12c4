/// What an id's field may hold, given the text that goes out: the reverse of ``BSONIdentifier``.
enum IDCandidates {
    static func values(of text: String) -> [BSONValue] {
        var values: [BSONValue] = [.string(text)]
        if let bytes = Hexadecimal.decode(text), let id = BSONObjectID(bytes) { values.append(.objectID(id)) }
        if let bytes = uuid(text) { values.append(.binary(bytes, subtype: 4)) }
        // To the server, all numbers of one value are equal.
        if let number = Int64(text) { values.append(.int64(number)) }
        if let value = extendedJSON(text) { values.append(value) }
        return values
    }

    private static func uuid(_ text: String) -> [UInt8]? {
        let parts = text.split(separator: "-", omittingEmptySubsequences: false)
        guard parts.map(\.utf8.count) == [8, 4, 4, 4, 12] else { return nil }
        return Hexadecimal.decode(parts.joined())
    }

    /// A value of any other type: canonical Extended JSON.
    private static func extendedJSON(_ text: String) -> BSONValue? {
        guard text.hasPrefix("{") || text.hasPrefix("[") || text == "true" || text == "false" else { return nil }
        let json = Array("{\"v\":\(text)}".utf8)
        return json.withUnsafeBytes { ExtendedJSON.document($0) }?["v"]
    }
}
