/// Ids as text, runs of them as ranges (`1-5,9`): a request to retry a million dead letters fits into a document.
enum IDRanges {
    /// The text of `ids`, in their order.
    static func text(_ ids: [Int64]) -> String {
        var parts: [String] = []
        var index = 0
        while index < ids.count {
            let first = ids[index]
            var last = first
            while index + 1 < ids.count, last < .max, ids[index + 1] == last + 1 {
                index += 1
                last += 1
            }
            parts.append(first == last ? "\(first)" : "\(first)-\(last)")
            index += 1
        }
        return parts.joined(separator: ",")
    }

    /// The ids of a text; nil when it is none. At most ``most`` of them.
    static func ids(_ text: String) -> [Int64]? {
        var ids: [Int64] = []
        for part in text.split(separator: ",") {
            // A negative number would begin with the separator: ids are not.
            let ends = part.split(separator: "-", omittingEmptySubsequences: false).map { Int64($0) }
            guard (1...2).contains(ends.count), let first = ends[0], let last = ends[ends.count - 1], first >= 0,
                last >= first, last - first < Int64(most - ids.count)
            else { return nil }
            ids += first...last
        }
        return ids
    }

    /// What a person's edit of a request could make the relay hold at most.
    static let most = 5_000_000
}
