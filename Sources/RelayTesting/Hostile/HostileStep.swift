/// One thing that a ``HostileServer`` does with a connection.
package enum HostileStep: Sendable {
    /// Waits for a whole request: headers, and the body that `content-length` announces.
    case readRequest
    /// Waits until the request's headers are there; the body is read by nobody.
    case readHead
    /// Sends these bytes, whatever they are.
    case send([UInt8])
    /// Sends these bytes again and again until the sender hangs up, with a pause in between.
    case endlessly([UInt8], every: Duration = .zero)
    case pause(Duration)
    /// Does nothing until the sender hangs up.
    case hang
    /// Closes the connection: FIN, after what was sent.
    case close
    /// Closes the connection with RST.
    case reset
    /// Waits until the test lets it go on; ``HostileServer/open(_:)``.
    case await(String)
    /// Begins again with the first step.
    case again

    /// Sends a text, in which a line ends with `\n` and is sent with `\r\n`.
    package static func text(_ text: String) -> HostileStep {
        .send(Array(text.replacing("\r\n", with: "\n").replacing("\n", with: "\r\n").utf8))
    }

    /// Sends an answer with a body of its full length.
    package static func answer(_ status: Int, _ headers: String = "", body: String = "") -> HostileStep {
        let fields = headers.isEmpty ? "" : "\(headers)\n"
        let head = "HTTP/1.1 \(status) Whatever\n\(fields)content-length: \(body.utf8.count)\n\n"
        return .send(Array(head.replacing("\n", with: "\r\n").utf8) + Array(body.utf8))
    }
}

/// A request that a ``HostileServer`` has read.
package struct HostileRequest: Sendable {
    /// The connection's number, from 0.
    package let connection: Int
    /// The request line and the headers as they came, without the blank line.
    package let head: String
    package let body: [UInt8]

    /// A header's value; nil when there is none.
    package func header(_ name: String) -> String? {
        for line in head.split(separator: "\r\n").dropFirst() {
            let parts = line.split(separator: ":", maxSplits: 1)
            if parts.count == 2, parts[0].lowercased() == name.lowercased() {
                return String(parts[1].drop { $0 == " " })
            }
        }
        return nil
    }
}
