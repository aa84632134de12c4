import Synchronization

/// Lends the open link to whoever wants to break off a call that is under way on another thread.
final class MongoInterruption: Sendable {
    private let link = Mutex<MongoLink?>(nil)

    /// Names the open link, or none.
    func set(_ link: MongoLink?) { self.link.withLock { $0 = link } }

    /// Breaks off whatever waits on a connection of the link.
    func interrupt() { link.withLock { $0 }?.interrupt() }
}
