import NIOCore

/// Which address of an endpoint is connected to, and when its name is looked up again. No I/O.
struct AddressBook: Sendable {
    /// What an attempt does.
    enum Choice: Equatable {
        /// Connects to this address. `refreshes`: and starts a lookup beside it.
        case use(IPAddress, refreshes: Bool)
        /// Waits for a lookup. `starts`: which it has to start.
        case wait(starts: Bool)
    }

    /// How long the answer of a lookup is used before the next one, and how soon after one the next may follow when
    /// nothing can be connected to.
    static let lifetime = TimeAmount.seconds(30)
    static let shortest = TimeAmount.seconds(1)

    /// The allowed addresses in the resolver's order.
    private(set) var addresses: [IPAddress] = []
    private var current = 0
    private var resolvedAt = NIODeadline.uptimeNanoseconds(0)
    private(set) var isResolving = false
    /// Whether the address is written in the URL itself.
    let isFixed: Bool

    /// A book for a name, or for the address that the host is itself.
    init(literal: IPAddress?) {
        isFixed = literal != nil
        if let literal { addresses = [literal] }
    }

    /// What an attempt does now.
    mutating func choose(now: NIODeadline) -> Choice {
        guard !addresses.isEmpty else {
            defer { isResolving = true }
            return .wait(starts: !isResolving)
        }
        let refreshes = !isFixed && !isResolving && resolvedAt + Self.lifetime <= now
        if refreshes { isResolving = true }
        return .use(addresses[current], refreshes: refreshes)
    }

    /// A lookup ended with these allowed addresses, of which there is at least one. The address in use stays in use if
    /// it is among them.
    mutating func resolved(_ found: [IPAddress], now: NIODeadline) {
        isResolving = false
        resolvedAt = now
        let inUse = addresses.isEmpty ? nil : addresses[current]
        addresses = found
        current = inUse.flatMap { found.firstIndex(of: $0) } ?? 0
    }

    /// A lookup ended with addresses that are never connected to, and no other: what was known is not used any more.
    mutating func forbidden(now: NIODeadline) {
        isResolving = false
        resolvedAt = now
        addresses = []
        current = 0
    }

    /// A lookup ended without any address. What was known goes on being used as long as it can be
    /// connected to: a name server's trouble is no reason to stop. It is asked again after a while.
    mutating func lookupFailed(now: NIODeadline) {
        isResolving = false
        resolvedAt = now
    }

    /// No connection to an address: the next one is used. When the attempt has `tried` all of them, they are forgotten,
    /// so that the next attempt looks the name up.
    /// - Returns: whether the attempt may try the address that is in use now.
    mutating func connectionFailed(to address: IPAddress, tried: Int, now: NIODeadline) -> Bool {
        // Forgotten by another attempt.
        guard !addresses.isEmpty else { return false }
        if addresses[current] == address { current = (current + 1) % addresses.count }
        if tried < addresses.count { return true }
        if !isFixed && resolvedAt + Self.shortest <= now {
            addresses = []
            current = 0
        }
        return false
    }
}
