/// Globs over topics and types: `*` stands for any run of characters, `?` for one, everything else for itself.
public struct EventFilter: Sendable {
    private let topics: [[UInt8]]
    private let types: [[UInt8]]

    /// Lets through what matches one of `topics` and one of `types`. A list with a bare `*` lets all through.
    public init(topics: [String] = ["*"], types: [String] = ["*"]) {
        func compiled(_ globs: [String]) -> [[UInt8]] {
            globs.contains("*") ? [] : globs.map { Array($0.utf8) }
        }
        self.topics = compiled(topics)
        self.types = compiled(types)
    }

    /// Whether everything passes.
    public var passesAll: Bool { topics.isEmpty && types.isEmpty }

    /// Whether an event of this topic and type passes.
    public func passes(topic: UnsafeRawBufferPointer, type: UnsafeRawBufferPointer) -> Bool {
        (topics.isEmpty || topics.contains { Self.matches(topic, glob: $0) })
            && (types.isEmpty || types.contains { Self.matches(type, glob: $0) })
    }

    /// Marks the records of `batch` that do not pass as filtered.
    public func apply(to batch: EventBatch) {
        guard !passesAll else { return }
        for index in batch.records.indices where batch.records[index].outcome == .event {
            let record = batch.records[index]
            if !passes(topic: batch.arena[record.topic], type: batch.arena[record.type]) {
                batch.filter(at: index)
            }
        }
    }

    /// Whether `text` matches `glob`, in time linear in their product and without recursion:
    /// on a mismatch the last `*` takes one character more.
    static func matches(_ text: some RandomAccessCollection<UInt8>, glob: [UInt8]) -> Bool {
        let text = Array(text)
        var position = 0
        var pattern = 0
        var star: (pattern: Int, position: Int)?
        while position < text.count {
            if pattern < glob.count, glob[pattern] == UInt8(ascii: "*") {
                star = (pattern, position)
                pattern += 1
            } else if pattern < glob.count, glob[pattern] == UInt8(ascii: "?") {
                position = characterEnd(text, from: position)
                pattern += 1
            } else if pattern < glob.count, glob[pattern] == text[position] {
                position += 1
                pattern += 1
            } else if let last = star {
                position = last.position + 1
                star = (last.pattern, position)
                pattern = last.pattern + 1
            } else {
                return false
            }
        }
        while pattern < glob.count, glob[pattern] == UInt8(ascii: "*") { pattern += 1 }
        return pattern == glob.count
    }

    /// The offset behind the UTF-8 character that begins at `start`.
    private static func characterEnd(_ text: [UInt8], from start: Int) -> Int {
        var end = start + 1
        while end < text.count, text[end] & 0xC0 == 0x80 { end += 1 }
        return end
    }
}
