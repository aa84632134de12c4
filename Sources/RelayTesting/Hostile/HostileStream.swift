import NIOHTTP1

/// One thing that a ``HostileHTTP2Server`` does with a request.
package enum HostileStream: Sendable {
    /// Sends a head; `end` closes the stream with it.
    case head(Int, [(String, String)] = [], end: Bool = false)
    case data([UInt8], end: Bool = false)
    /// Sends data until the stream is gone.
    case endlessly([UInt8])
    /// Sends trailers, which end the stream.
    case trailers([(String, String)])
    /// RST_STREAM with an error code.
    case reset(Int)
    /// GOAWAY: streams above `last` will not be answered; nil is this one.
    case goAway(last: Int?)
    case pause(Duration)
    /// Closes the connection.
    case close
    /// Does nothing any more.
    case hang
}
