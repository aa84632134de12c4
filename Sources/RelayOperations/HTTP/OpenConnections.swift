import NIOCore
import Synchronization

/// Keeps the number of open connections bounded by closing the oldest when there are too many: clients that
/// hold connections open can then never keep a probe out.
final class OpenConnections: Sendable {
    private let limit: Int
    private let channels = Mutex<[any Channel]>([])

    /// Lets `limit` connections be open at once.
    init(limit: Int) {
        self.limit = limit
    }

    /// Takes in a new connection, the oldest making room for it.
    func opened(_ channel: any Channel) {
        let oldest: (any Channel)? = channels.withLock { channels in
            channels.append(channel)
            return channels.count > limit ? channels.removeFirst() : nil
        }
        oldest?.close(promise: nil)
    }

    /// Forgets a connection that has ended.
    func closed(_ channel: any Channel) {
        channels.withLock { channels in channels.removeAll { $0 === channel } }
    }

    /// Closes what is open, when the server ends without time for the clients.
    func closeAll() {
        let open = channels.withLock { $0 }
        for channel in open { channel.close(promise: nil) }
    }
}
