import Foundation
import RelayCore
import Synchronization

/// Asks a running relay over HTTP, for `outbox-relay health` and `outbox-relay status`.
///
/// A plain socket: a container's health check runs every few seconds and should cost next to nothing.
public enum HealthProbe {
    /// More than any answer of the relay, so that something else on its port cannot fill memory.
    private static let longestAnswer = 64 * 1024 * 1024

    /// Sends `GET path` and returns the answer.
    /// - Parameters:
    ///   - host: the relay's `RELAY_HTTP_HOST`; for `::` and `0.0.0.0`, which mean every address, loopback is asked.
    ///   - port: the relay's `RELAY_HTTP_PORT`.
    ///   - path: an absolute path such as `/readyz`.
    ///   - timeout: for everything: name resolution, connection, and the answer to its last byte.
    /// - Throws: ``RelayError`` of the kind `unavailable` when there is no answer.
    public static func fetch(
        host: String, port: Int, path: String, timeout: Duration
    ) async throws -> (status: Int, body: String) {
        precondition(
            path.hasPrefix("/") && path.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7F }, "not an absolute path")
        let deadline = ContinuousClock.now + timeout
        let result = await withCheckedContinuation { continuation in
            let once = Once(continuation)
            // A thread of its own, since resolving a name can neither be cancelled nor given a deadline: at
            // ours it is left behind.
            Thread.detachNewThread { once.resume(ask(host, port, path, deadline)) }
            Task {
                try? await Task.sleep(until: deadline + .milliseconds(100), clock: .continuous)
                once.resume(.failure(.timedOut))
            }
        }
        switch result {
        case .success(let response): return (response.status, response.body)
        case .failure(let failure):
            throw RelayError(
                .unavailable,
                "The relay's HTTP endpoints at \(ListenAddress.text(host, port)) did not answer: \(failure.text). "
                    + "Check that the relay runs and that RELAY_HTTP_HOST and RELAY_HTTP_PORT are the ones it was "
                    + "started with.",
                isRetriable: true)
        }
    }

    /// Where to connect for the host that the relay listens on.
    static func targets(for host: String) -> [String] {
        switch host {
        case "::", "[::]", "": ["::1", "127.0.0.1"]
        case "0.0.0.0": ["127.0.0.1"]
        default: [host]
        }
    }

    private typealias Outcome = Result<ProbeResponse, ProbeSocket.Failure>

    /// Resumes with whichever outcome comes first.
    private final class Once: Sendable {
        private let waiting: Mutex<CheckedContinuation<Outcome, Never>?>

        init(_ continuation: CheckedContinuation<Outcome, Never>) {
            waiting = Mutex(continuation)
        }

        func resume(_ outcome: Outcome) {
            let continuation = waiting.withLock { waiting in
                defer { waiting = nil }
                return waiting
            }
            continuation?.resume(returning: outcome)
        }
    }

    /// Tries each address in turn; blocks.
    private static func ask(
        _ host: String, _ port: Int, _ path: String, _ deadline: ContinuousClock.Instant
    ) -> Outcome {
        let request = "GET \(path) HTTP/1.1\r\nHost: \(ListenAddress.text(host, port))\r\nConnection: close\r\n\r\n"
        var failure = ProbeSocket.Failure.unresolved("no address")
        for target in targets(for: host) {
            do throws(ProbeSocket.Failure) {
                for address in try ResolvedAddress.resolve(target, port) {
                    do throws(ProbeSocket.Failure) {
                        let socket = try ProbeSocket(connectingTo: address, deadline: deadline)
                        try socket.send(Array(request.utf8))
                        let bytes = try socket.receiveAll(limit: longestAnswer)
                        if let response = ProbeResponse(bytes) { return .success(response) }
                        failure = .notHTTP
                    } catch {
                        failure = error
                    }
                }
            } catch {
                failure = error
            }
        }
        return .failure(failure)
    }
}
