import ArgumentParser
import Logging
import RelayConfiguration
import RelayCore
import RelayMongoDB
import RelayOperations
import ServiceLifecycle

/// `run`: the sidecar itself.
struct RunCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "run", abstract: "Run the relay until SIGTERM (the default).")

    @OptionGroup var options: GlobalOptions

    func run() async throws {
        let settings = try options.settings()
        LogSetup.bootstrap(settings)
        MemoryTuning.apply()
        let metrics = PrometheusMetricsFactory()
        metrics.bootstrap()
        let logger = Logger(label: "outbox-relay")
        let relay: Wiring.Relay
        do {
            relay = try Wiring(settings).relay(logger: logger)
        } catch let error as RelayError {
            logger.critical("cannot start", metadata: ["error.message": "\(error.message)"])
            throw ExitStatus.code(for: error)
        }
        logger.info(
            "starting",
            metadata: ["relay.name": "\(settings.name)", "relay.version": "\(Version.current)"])

        let operations = OperationsServer(
            host: settings.httpHost, port: settings.httpPort, status: relay.status, metrics: metrics, logger: logger)
        let pipelines = PipelinesService(
            pipelines: relay.pipelines, oplogWatch: relay.oplogWatch, upkeep: relay.upkeep,
            shutdownTimeout: settings.shutdownTimeout, logger: logger)
        // Services stop in the reverse order: health and metrics answer until the last event is settled.
        let group = ServiceGroup(
            configuration: .init(
                services: [
                    .init(service: operations),
                    .init(
                        service: pipelines, successTerminationBehavior: .gracefullyShutdownGroup,
                        failureTerminationBehavior: .cancelGroup),
                ],
                gracefulShutdownSignals: [.sigterm, .sigint], logger: logger))
        do {
            try await group.run()
        } catch let error as RelayError {
            logger.critical("stopped", metadata: ["error.message": "\(error.message)"])
            throw ExitStatus.code(for: error)
        } catch {
            logger.critical("stopped", metadata: ["error.message": "\(error)"])
            throw ExitStatus.internalFault
        }
        logger.info("stopped")
    }
}
