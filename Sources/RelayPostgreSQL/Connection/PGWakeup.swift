import CPostgres
import Foundation
import Synchronization

/// Waits for a socket and, at the same time, for somebody who wants the waiting to end.
final class PGWakeup: Sendable {
    enum Outcome {
        case ready
        case timedOut
        case interrupted
    }
    private let descriptor = eventfd(0, Int32(EFD_NONBLOCK | EFD_CLOEXEC))

    deinit { Glibc.close(descriptor) }

    /// Ends the waiting that is under way, or else the next.
    func signal() {
        var one: UInt64 = 1
        _ = Glibc.write(descriptor, &one, 8)
    }

    /// Forgets signals of the past.
    func clear() {
        var count: UInt64 = 0
        _ = Glibc.read(descriptor, &count, 8)
    }

    /// Waits until `socket` is ready for `events` (`POLLIN`, `POLLOUT`).
    func poll(socket: Int32, events: Int32, for timeout: Duration) -> Outcome {
        let end = ContinuousClock.now + timeout
        while true {
            var descriptors = [
                pollfd(fd: socket, events: Int16(events), revents: 0),
                pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0),
            ]
            let left = ContinuousClock.now.duration(to: end) / .milliseconds(1)
            let count = Glibc.poll(&descriptors, 2, Int32(max(0, min(left.rounded(.up), 1_000_000))))
            if count < 0, errno == EINTR { continue }
            if descriptors[1].revents != 0 {
                clear()
                return .interrupted
            }
            if descriptors[0].revents != 0 { return .ready }
            if count <= 0, ContinuousClock.now >= end { return .timedOut }
        }
    }
}
