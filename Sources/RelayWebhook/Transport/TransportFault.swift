/// Failures of an exchange that are found here, and not in a library.
enum TransportFault: Error {
    /// The name has no address.
    case unresolved(reason: String)
    /// The name has only addresses that are never connected to.
    case forbidden([IPAddress])
    /// No connection came about in time, or no end of the TLS handshake.
    case unconnected
    case noHandshake
    /// An answer's headers went on beyond ``InboundLimit/mostHeaderBytes``.
    case headersTooLarge
    /// An answer went on beyond what is read of one.
    case answerTooLarge
    /// An HTTP/2 answer has a status that there is not, or ends before its final headers.
    case invalidStatus
    /// What is left of an answer, after its result, is not read.
    case restNotWanted
}
