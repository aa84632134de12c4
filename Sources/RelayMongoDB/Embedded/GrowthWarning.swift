import Logging
import RelayCore

/// Says, once a minute at most, that arrays of events grow: each write of the service, and each read of the document,
/// gets slower by it, and at 16 MiB the service can write no more.
final class GrowthWarning {
    private let path: String
    private let logger: Logger?
    private var quietUntil = ContinuousClock.now

    /// Elements, and bytes of a document, above which it is said.
    static let mostElements = 1000
    static let mostBytes = 8 << 20

    init(path: String, logger: Logger?) {
        self.path = path
        self.logger = logger
    }

    /// Looks at a whole document.
    func note(_ document: BSONView, _ array: BSONView, in collection: String) {
        // An element's index alone takes more than two bytes: most arrays need no counting.
        let mayBeMany = array.bytes.count > Self.mostElements * 8
        if document.bytes.count > Self.mostBytes || (mayBeMany && Self.count(array) > Self.mostElements) {
            warn(collection)
        }
    }

    /// Looks at the place of an element that was appended.
    func note(place: Int, in collection: String) {
        if place >= Self.mostElements { warn(collection) }
    }

    private static func count(_ array: BSONView) -> Int {
        var elements = array.elements
        var count = 0
        while (try? elements.next()) != nil, count <= mostElements { count += 1 }
        return count
    }

    private func warn(_ collection: String) {
        guard let logger, quietUntil <= .now else { return }
        quietUntil = .now + .seconds(60)
        logger.warning(
            """
            an array of events is growing: a document is limited to 16 MiB, and every write to it gets slower. Set \
            SOURCE_CLEANUP=delete, or let the service remove elements that are long settled
            """,
            metadata: ["collection": "\(collection)", "path": "\(path)"])
    }
}
