import Dispatch
import Foundation
import Synchronization

/// Ctrl-C and SIGTERM: the first one stops the demo in order, the second one at once. Even then nothing is left
/// behind: the kernel kills the children, and the temporary folder has its own janitor.
final class Signals: @unchecked Sendable {
    // @unchecked: Dispatch's sources may be used from any thread; they are set once.
    private let sources: [any DispatchSourceSignal]
    private let code = Mutex<Int32?>(nil)

    /// - Parameter onFirst: gets the signal's number and returns the exit code.
    init(onFirst: @escaping @Sendable (Int32) -> Int32) {
        let numbers = [SIGINT, SIGTERM, SIGHUP]
        sources = numbers.map { number in
            signal(number, SIG_IGN)
            return DispatchSource.makeSignalSource(signal: number, queue: .global())
        }
        for (number, source) in zip(numbers, sources) {
            source.setEventHandler { [weak self] in
                guard let self, self.exitCode == nil else { _exit(128 + number) }
                let chosen = onFirst(number)
                self.code.withLock { $0 = chosen }
            }
            source.resume()
        }
    }

    /// What to exit with; nil when there was no signal.
    var exitCode: Int32? { code.withLock { $0 } }

    func stop() { for source in sources { source.cancel() } }
}
