/// An HTTP/1.1 response taken apart, as far as a probe needs it.
struct ProbeResponse {
    let status: Int
    let body: String

    /// Reads a whole response, received up to the end of its connection.
    /// - Returns: nil when it is no HTTP, or is cut short.
    init?(_ bytes: [UInt8]) {
        let separator = Array("\r\n\r\n".utf8)
        let end = bytes.indices.prefix(64 * 1024).first { bytes[$0...].starts(with: separator) }
        guard let end else { return nil }
        let lines = String(decoding: bytes[..<end], as: UTF8.self).split(separator: "\r\n")
        let words = lines.first?.split(separator: " ", maxSplits: 2) ?? []
        guard words.count >= 2, words[0].hasPrefix("HTTP/1."), let status = Int(words[1]),
            (100...599).contains(status)
        else { return nil }
        let content = bytes[(end + separator.count)...]
        for line in lines.dropFirst() {
            let parts = line.split(separator: ":", maxSplits: 1)
            guard parts.count == 2 else { continue }
            switch parts[0].lowercased() {
            case "content-length":
                let value = parts[1].drop { $0 == " " }
                guard let length = Int(value), content.count == length else { return nil }
            // The relay always sends a length; whoever sends chunks is not the relay.
            case "transfer-encoding": return nil
            default: continue
            }
        }
        self.status = status
        body = String(decoding: content, as: UTF8.self)
    }
}
