import RelayCore

/// One change event, taken apart; valid as long as the answer it lies in.
struct ChangeEvent {
    /// What happened to a document.
    enum Operation {
        case insert, update, replace, delete
    }

    let operation: Operation
    let token: String
    let clusterTime: ClusterTime
    /// When it was committed, in milliseconds since 1970: to the millisecond where the server says it (6.0 and later).
    let committedAt: Int64
    /// The whole change event.
    let whole: BSONView
    /// `fullDocument`.
    let document: BSONRawValue?
    /// Whether it was too large for an answer, and came without its images and what was changed.
    let isTruncated: Bool
    private let values: BSONFieldValues

    init(
        _ operation: Operation, token: String, clusterTime: ClusterTime, committedAt: Int64, whole: BSONView,
        values: BSONFieldValues, isTruncated: Bool
    ) {
        self.operation = operation
        self.token = token
        self.clusterTime = clusterTime
        self.committedAt = committedAt
        self.whole = whole
        self.values = values
        self.isTruncated = isTruncated
        document = values[3]
    }

    /// The value of one of the shape's own fields, by its number there.
    func field(_ number: Int) -> BSONRawValue? { values[StreamShape.common.count + number] }
}

extension ChangeEvent.Operation {
    /// The operation of this name; nil for others.
    @inline(__always) init?(_ name: UnsafeRawBufferPointer) {
        // Told apart by length and first letter: all names that a stream can bring differ in these.
        switch (name.count, name.first) {
        case (6, UInt8(ascii: "i")): self = .insert
        case (6, UInt8(ascii: "u")): self = .update
        case (7, UInt8(ascii: "r")): self = .replace
        case (6, UInt8(ascii: "d")): self = .delete
        default: return nil
        }
    }
}
