import Foundation
import Synchronization

/// A thread of its own for a C library whose calls block, as an executor for an actor: the actor's methods
/// run there one after another, and Swift's shared threads never wait for a server.
public final class BlockingThread: SerialExecutor, @unchecked Sendable {
    // @unchecked: `jobs` and `isStopping` are only touched under `condition`.
    private let condition = NSCondition()
    private var jobs: [UnownedJob] = []
    private var isStopping = false

    /// Starts a thread.
    /// - Parameter name: shown by `top -H`, 15 characters of it.
    public init(name: String) {
        let thread = Thread { [self] in run() }
        thread.name = String(name.prefix(15))
        thread.stackSize = 1 << 20
        thread.start()
    }

    /// Lets the thread end when what is queued is done. Nothing may be queued afterwards.
    public func stop() {
        condition.lock()
        isStopping = true
        condition.signal()
        condition.unlock()
    }

    public func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        condition.lock()
        jobs.append(job)
        condition.signal()
        condition.unlock()
    }

    public func asUnownedSerialExecutor() -> UnownedSerialExecutor { UnownedSerialExecutor(ordinary: self) }

    private func run() {
        while true {
            condition.lock()
            while jobs.isEmpty && !isStopping { condition.wait() }
            let ready = jobs
            jobs.removeAll(keepingCapacity: true)
            let ending = ready.isEmpty && isStopping
            condition.unlock()
            if ending { return }
            for job in ready { job.runSynchronously(on: asUnownedSerialExecutor()) }
        }
    }
}
