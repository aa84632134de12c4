/// Failures of an exchange that are found here, and not in a library.
enum TransportFault: Error {
    /// The name has no address.
    case unresolved(reason: String)
    /// The name has only addresses that are never connected to.
    case forbidden([IPAddress])
    /// An answer's headers went on beyond ``InboundLimit/mostHeaderBytes``.
    case headersTooLarge
    /// An answer went on beyond what is read of one.
    case answerTooLarge
    /// What is left of an answer, after its result, is not read.
    case restNotWanted
}
