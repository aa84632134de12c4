/// What was cleaned up so recently that a snapshot of an earlier time still shows it: to clean it once more would find
/// nothing. It remembers hashes: two things with the same one only mean that the second is cleaned up a little later.
struct RecentlyCleaned {
    private struct Part {
        var time: BSONTimestamp
        var hashes: [Int]
    }
    private var parts: [Part] = []
    private var hashes: Set<Int> = []
    /// How many are remembered: some 16 bytes each, twice.
    static let most = 250_000

    func contains(_ hash: Int) -> Bool { hashes.contains(hash) }

    /// Remembers what was cleaned up at `time`.
    mutating func insert(_ new: [Int], at time: BSONTimestamp) {
        guard hashes.count + new.count <= Self.most else { return }
        parts.append(Part(time: time, hashes: new))
        hashes.formUnion(new)
    }

    /// Forgets what a snapshot at `time` does not show any more.
    mutating func forget(before time: BSONTimestamp) {
        let old = parts.prefix { $0.time <= time }
        for part in old { hashes.subtract(part.hashes) }
        parts.removeFirst(old.count)
    }
}
