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
}
