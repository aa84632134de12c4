import RelayCore

/// The headers that a user adds to every request (`DESTINATION_HEADERS`).
enum ExtraHeaders {
    /// What the relay writes itself, or what frames the message.
    private static let own: Set<String> = [
        "webhook-id", "webhook-timestamp", "webhook-signature", "traceparent", "tracestate", "user-agent",
        "outbox-relay-redelivery", "content-type", "content-length", "content-encoding", "host", "connection",
        "keep-alive", "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade", "expect",
    ]

    /// Those of `headers` that replace none of the relay's own.
    /// - Throws: ``RelayError`` for one that no request can carry; the message does not hold its value.
    static func usable(
        _ headers: [(name: String, value: String)], with format: WebhookOptions.Format, destination: String
    ) throws(RelayError) -> [(String, String)] {
        var usable: [(String, String)] = []
        for (number, header) in headers.enumerated() {
            guard isToken(header.name), isValue(header.value) else {
                throw RelayError(
                    .configuration,
                    "header \(number + 1) of DESTINATION_HEADERS of destination '\(destination)' has a name or a value "
                        + "that no request can carry: write `Name: value` without control characters")
            }
            let name = header.name.lowercased()
            let isAttribute = format == .cloudeventsBinary && name.hasPrefix("ce-")
            if !own.contains(name), !isAttribute { usable.append((header.name, header.value)) }
        }
        return usable
    }

    private static func isToken(_ text: String) -> Bool {
        !text.isEmpty
            && text.utf8.allSatisfy { byte in
                switch byte {
                case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                    UInt8(ascii: "0")...UInt8(ascii: "9"):
                    true
                default: "!#$%&'*+-.^_`|~".utf8.contains(byte)
                }
            }
    }

    private static func isValue(_ text: String) -> Bool {
        text.utf8.allSatisfy { $0 >= 0x20 && $0 != 0x7F || $0 == 0x09 }
    }
}
