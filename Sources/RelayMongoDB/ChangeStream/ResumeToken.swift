import RelayCore

/// A change stream's resume token: its `_data`, a hexadecimal KeyString that sorts in stream order and begins
/// with type byte 0x82 and the cluster time (MongoDB `src/mongo/db/pipeline/resume_token.h`).
enum ResumeToken {
    /// The cluster time in `token`; nil when it is not of this form.
    static func clusterTime(of token: String) -> ClusterTime? {
        let digits = token.utf8.prefix(18)
        guard digits.count == 18, token.hasPrefix("82"), !digits.contains(UInt8(ascii: "+")),
            let bits = UInt64(String(decoding: digits.dropFirst(2), as: UTF8.self), radix: 16)
        else { return nil }
        return ClusterTime(seconds: UInt32(bits >> 32), increment: UInt32(truncatingIfNeeded: bits))
    }

    /// The place of its change within a transaction, counted from 0; nil when `token` is not of this form.
    ///
    /// Behind the cluster time stand version, type of token and this number, as KeyString integers: a byte for zero,
    /// or one that tells the length, and the number shifted left by one.
    static func transactionIndex(of token: String) -> Int? {
        var digits = token.utf8.dropFirst(18)
        var numbers: [Int] = []
        while numbers.count < 3 {
            guard let type = number(&digits, bytes: 1) else { return nil }
            switch type {
            case 0x29: numbers.append(0)
            case 0x2B...0x2F:
                guard let value = number(&digits, bytes: type - 0x2A) else { return nil }
                numbers.append(value >> 1)
            default: return nil
            }
        }
        return numbers[2]
    }

    private static func number(_ digits: inout Substring.UTF8View, bytes: Int) -> Int? {
        let text = digits.prefix(2 * bytes)
        digits = digits.dropFirst(2 * bytes)
        return text.count == 2 * bytes ? Int(String(decoding: text, as: UTF8.self), radix: 16) : nil
    }
}
