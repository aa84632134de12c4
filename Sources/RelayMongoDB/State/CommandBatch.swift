/// Statements of one kind, gathered until they fill a command: a message takes 48 MB and 100,000 of them.
struct CommandBatch {
    private let head: BSONDocument
    private let list: String
    private var writer: BSONWriter?
    private var count = 0
    private var bytes = 0

    /// A batch of `command`s on a collection, whose statements stand in the field `list`.
    init(_ command: String, _ collection: StateCollection, list: String) {
        head = BSONDocument([(command, collection.bson)])
        self.list = list
    }

    /// Whether another statement fits.
    func hasRoom(for statement: BSONDocument) -> Bool {
        count == 0 || (count < 10_000 && bytes + statement.bytes.count <= 16 << 20)
    }

    /// Adds a statement.
    mutating func append(_ statement: BSONDocument) {
        var writer = self.writer.take() ?? begin()
        writer.append(nil, document: statement)
        self.writer = writer
        count += 1
        bytes += statement.bytes.count
    }

    /// The command with everything gathered since the last one; nil when that is nothing.
    mutating func take() -> BSONDocument? {
        defer { (count, bytes) = (0, 0) }
        return writer.take()?.finish()
    }

    private func begin() -> BSONWriter {
        var writer = BSONWriter(capacity: 4096)
        for (name, value) in head.fields { writer.append(name, value) }
        writer.beginArray(list)
        return writer
    }
}
