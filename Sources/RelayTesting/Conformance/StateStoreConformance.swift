import RelayCore

/// What every ``StateStore`` has to do, case by case, on a pipeline of its own each.
package enum StateStoreConformance {
    /// One rule.
    package struct Case: Sendable, CustomStringConvertible {
        package let description: String
        let body: @Sendable (any StoreRig) async throws -> Void

        /// Checks the rule.
        /// - Throws: ``TestingError`` where it does not hold.
        package func check(_ rig: any StoreRig) async throws { try await body(rig) }
    }

    /// All rules.
    package static let cases: [Case] = lease + state + commands

    /// A store that has taken over.
    struct Leader {
        let store: any StateStore
        let grant: LeaseGrant
        var state: StoredState
    }

    /// Prepares a store, gets the lease and takes over.
    static func lead(_ rig: any StoreRig, ttl: Duration = .seconds(30)) async throws -> Leader {
        let store = rig.open()
        try await store.prepare()
        let grant = try await acquire(store, ttl: ttl)
        return Leader(store: store, grant: grant, state: try await store.takeOver(grant))
    }

    /// Asks for the lease until it is granted.
    static func acquire(_ store: any StateStore, ttl: Duration, within limit: Duration = .seconds(10)) async throws
        -> LeaseGrant
    {
        let owner = owner()
        return try await waiting(for: "the lease", within: limit, every: .milliseconds(10)) {
            if case .granted(let grant) = try await store.acquireLease(owner: owner, ttl: ttl) { return grant }
            return nil
        }
    }

    /// A random id of an acquisition.
    static func owner() -> String { "owner-\(UInt64.random(in: 0 ... .max))" }
}
