extension EventBatch {
    /// The header of an event that is delivered out of its order, and why: `retry`, `replay` or `delayed`.
    public static let redeliveryHeader = "outbox-relay-redelivery"

    /// Adds a header to an event. It goes behind the others, so that of two with the same name it is the one that
    /// counts.
    /// - Parameters:
    ///   - name: plain characters, and so is `value`: neither is escaped.
    public func setHeader(_ name: String, to value: String, at index: Int) {
        let headers = records[index].headers
        // The last member is found from the end: the text is an object, whatever its members are.
        var end = headers.isPresent ? Int(headers.length) : 0
        let old = headers.isPresent ? Array(arena[headers]) : []
        while end > 0, old[end - 1] != UInt8(ascii: "}") { end -= 1 }
        let members = end > 0 ? old[..<(end - 1)] : []
        let start = arena.count
        members.withUnsafeBytes { arena.append($0) }
        if members.isEmpty { arena.append("{") }
        if members.contains(UInt8(ascii: ":")) { arena.append(",") }
        arena.append("\"\(name)\":\"\(value)\"}")
        records[index].headers = ByteRange(offset: start, length: arena.count - start)
    }

    /// Gives an event another payload, which is JSON text in the arena.
    func replacePayload(at index: Int, with payload: ByteRange) {
        records[index].payload = payload
        records[index].payloadIsBinary = false
        records[index].payloadRefusedByJSONB = false
    }
}
