import Foundation
import Logging
import RelayCore
import RelayMongoDB
import ServiceLifecycle

/// All pipelines side by side. At SIGTERM each settles what is in flight, saves its checkpoint and gives its lease
/// back; a server that does not answer then keeps the process no longer than `RELAY_SHUTDOWN_TIMEOUT`.
struct PipelinesService: Service {
    let pipelines: [Pipeline]
    let oplogWatch: OplogWatch
    let upkeep: SourceUpkeep
    let shutdownTimeout: Duration
    let logger: Logger

    func run() async throws {
        await withGracefulShutdownHandler {
            await withTaskGroup(of: Void.self) { group in
                let watch = Task { await oplogWatch.run() }
                let side = Task { await upkeep.run() }
                for pipeline in pipelines { group.addTask { await pipeline.run() } }
                await group.waitForAll()
                watch.cancel()
                // The cleaner gives its lease back.
                side.cancel()
                await side.value
            }
        } onGracefulShutdown: {
            logger.info("shutting down")
            for pipeline in pipelines { pipeline.stop() }
            exitInTime()
        }
    }

    /// Nothing is lost by leaving early: the checkpoint says where the next start goes on.
    private func exitInTime() {
        let logger = logger
        let limit = max(0.1, shutdownTimeout / .seconds(1) - 0.5)
        Thread.detachNewThread {
            Thread.sleep(forTimeInterval: limit)
            logger.warning(
                "a server did not answer within RELAY_SHUTDOWN_TIMEOUT; leaving. The next start goes on at the checkpoint"
            )
            exit(0)
        }
    }
}
