import Foundation

/// Runs `body` on a thread with little stack and returns what it returned.
func onSmallStack(bytes: Int, _ body: @escaping @Sendable () -> Bool) throws -> Bool {
    final class Box: @unchecked Sendable {
        // Written before the semaphore is signalled, read after it was waited for.
        var result = false
    }
    let box = Box()
    let done = DispatchSemaphore(value: 0)
    let thread = Thread {
        box.result = body()
        done.signal()
    }
    thread.stackSize = bytes
    thread.start()
    done.wait()
    return box.result
}
