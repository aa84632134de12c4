import Foundation
import Logging

/// Hands every dead letter of one destination on for compensation: to a collection of the service, and as an event to
/// the relay's other destinations.
///
/// It follows the dead letters by a durable mark that is set behind both writes. Each of the two happens once however
/// often it is repeated, so a crash at any point repeats and changes nothing.
public final class Compensator: Sendable {
    private let destination: String
    private let letters: any DestinationAdministration
    private let sink: (any CompensationSink)?
    private let others: [any DestinationAdministration]

    /// Dead letters handed on at once.
    private static let atOnce = 20

    /// Hands on the dead letters of `destination`.
    /// - Parameters:
    ///   - sink: where they are written; nil for nowhere.
    ///   - others: the destinations that get `<type>.undeliverable`; may be empty.
    public init(
        destination: String, letters: any DestinationAdministration, sink: (any CompensationSink)?,
        others: [any DestinationAdministration]
    ) {
        self.destination = destination
        self.letters = letters
        self.sink = sink
        self.others = others
    }

    /// Works until it is cancelled.
    func run(_ logger: Logger) async throws {
        var backoff = Backoff(first: .milliseconds(500), most: .seconds(30))
        while true {
            try Task.checkCancellation()
            do {
                let handedOn = try await step(logger)
                backoff.reset()
                if handedOn == 0 { try await Task.sleep(for: .seconds(1)) }
            } catch is CancellationError {
                throw CancellationError()
            } catch {
                let error = RelayError.wrapping(error)
                logger.warning("compensation postponed", metadata: ["error.message": "\(error.message)"])
                try await Task.sleep(for: backoff.next())
            }
        }
    }

    /// Hands on some dead letters; how many.
    private func step(_ logger: Logger) async throws -> Int {
        let found = try await letters.uncompensated(limit: Self.atOnce)
        if found.isEmpty { return 0 }
        try await sink?.write(found, of: destination)
        if !others.isEmpty {
            for letter in found {
                guard let event = UndeliverableEvent.make(of: letter, destination: destination) else { continue }
                for other in others {
                    do {
                        try await other.leave(.publish(event), identity: event.id)
                    } catch let error as RelayError where error.code == .poison {
                        // A store that cannot hold it never will: it must not hold up the others.
                        logger.warning(
                            "an undeliverable event could not be sent on",
                            metadata: ["error.message": "\(error.message)", "dead-letter": "\(letter.id)"])
                    }
                }
            }
        }
        try await letters.markCompensated(found.map(\.id))
        return found.count
    }
}

/// Binary payloads in JSON.
enum Base64 {
    static func text(_ bytes: UnsafeRawBufferPointer) -> String { Data(bytes).base64EncodedString() }
}
