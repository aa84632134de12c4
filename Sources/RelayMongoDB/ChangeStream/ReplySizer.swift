/// How many documents to ask for at once, so that one answer stays near a size in bytes whatever the documents'
/// size is: a pure function of what was seen.
struct ReplySizer {
    /// Bytes that one answer should have.
    private let target: Int
    /// More than this many reads no faster.
    private let most: Int
    private var averageBytes = 1024.0

    init(target: Int, most: Int = 5000) {
        self.target = target
        self.most = most
    }

    /// Notes an answer of `bytes` with `documents`; large documents count at once, small ones gradually.
    mutating func note(bytes: Int, documents: Int) {
        guard documents > 0 else { return }
        let average = Double(bytes) / Double(documents)
        averageBytes = average > averageBytes ? average : averageBytes * 0.75 + average * 0.25
    }

    /// Documents to ask for next.
    var batchSize: Int { max(1, min(most, Int(Double(target) / averageBytes))) }
}
