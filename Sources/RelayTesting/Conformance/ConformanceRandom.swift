import Foundation

/// Repeatable random numbers (SplitMix64) for tests over stores; a failure is repeated with its seed.
package struct ConformanceRandom: RandomNumberGenerator, Sendable {
    /// What it began with, for messages.
    package let seed: UInt64
    private var state: UInt64

    /// Numbers that follow from `seed`: a new one each time, or the environment's `TEST_SEED` where it is set.
    package init(seed: UInt64? = nil) {
        let fixed = ProcessInfo.processInfo.environment["TEST_SEED"].flatMap { UInt64($0) }
        self.seed = seed ?? fixed ?? UInt64.random(in: 0 ... .max)
        state = self.seed
    }

    package mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}
