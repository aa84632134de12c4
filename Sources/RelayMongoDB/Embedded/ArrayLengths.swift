/// How long arrays are, as far as the changes since the start have told: a block of whole elements that begins at the
/// known end was appended. Before it, or where the length is not known, it may as well be what an update has rewritten in
/// place or shifted, and looks the same.
struct ArrayLengths: Sendable {
    private var lengths: [[UInt8]: Int] = [:]

    /// Documents that are remembered at most; then all are forgotten, which costs a question for each of them.
    static let most = 20_000

    /// The array of the document `key` is this.
    mutating func note(_ array: BSONView, of key: [UInt8]) {
        var count = 0
        var elements = array.elements
        while (try? elements.next()) ?? nil != nil { count += 1 }
        set(count, of: key)
    }

    /// The array of the document `key` is not known any more.
    mutating func forget(_ key: [UInt8]) { lengths[key] = nil }

    /// Takes note of an update.
    /// - Returns: whether it has appended to the known end, and nothing else.
    mutating func follow(_ update: EmbeddedUpdate, of key: [UInt8]) -> Bool {
        switch update {
        case .untouched: break
        case .nothing, .unclear: forget(key)
        case .replaced(let array):
            if let array = array.array { note(array, of: key) } else { forget(key) }
        case .pushed(let elements):
            guard let known = lengths[key] else { return false }
            let places = elements.map(\.index).sorted()
            guard let first = places.first, let last = places.last, last - first == places.count - 1, first <= known
            else {
                forget(key)
                return false
            }
            set(max(known, last + 1), of: key)
            return first == known
        }
        return false
    }

    private mutating func set(_ length: Int, of key: [UInt8]) {
        if lengths.count >= Self.most, lengths[key] == nil { lengths = [:] }
        lengths[key] = length
    }
}
