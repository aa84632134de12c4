/// How far two names are apart, to guess what a misspelt one was meant to be.
enum EditDistance {
    /// Insertions, deletions and replacements that make one text of the other (Levenshtein).
    static func between(_ left: String, _ right: String) -> Int {
        let left = Array(left.utf8)
        let right = Array(right.utf8)
        var row = Array(0...right.count)
        for (i, a) in left.enumerated() {
            var diagonal = row[0]
            row[0] = i + 1
            for (j, b) in right.enumerated() {
                let replaced = diagonal + (a == b ? 0 : 1)
                diagonal = row[j + 1]
                row[j + 1] = min(replaced, row[j] + 1, row[j + 1] + 1)
            }
        }
        return row[right.count]
    }

    /// The nearest of `candidates`, where it is near enough to be a slip of the fingers.
    static func nearest(to name: String, in candidates: some Sequence<String>) -> String? {
        guard name.utf8.count <= 200 else { return nil }
        let most = max(2, name.utf8.count / 8)
        return candidates.map { (between(name, $0), $0) }.filter { $0.0 <= most }.min { $0 < $1 }?.1
    }
}
