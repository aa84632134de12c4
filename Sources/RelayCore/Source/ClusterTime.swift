/// MongoDB's logical clock: seconds of the Unix epoch and a counter within the second.
///
/// Two writes of one transaction share one cluster time.
public struct ClusterTime: Sendable, Hashable, Comparable, Codable, CustomStringConvertible {
    /// Seconds since 1970-01-01 UTC.
    public var seconds: UInt32
    /// Counter within the second.
    public var increment: UInt32

    /// The cluster time (`seconds`, `increment`).
    public init(seconds: UInt32, increment: UInt32) {
        self.seconds = seconds
        self.increment = increment
    }

    enum CodingKeys: String, CodingKey {
        case seconds = "t"
        case increment = "i"
    }

    public static func < (left: ClusterTime, right: ClusterTime) -> Bool {
        (left.seconds, left.increment) < (right.seconds, right.increment)
    }

    /// The smallest cluster time above this one.
    public var next: ClusterTime {
        increment == .max
            ? ClusterTime(seconds: seconds + 1, increment: 0) : ClusterTime(seconds: seconds, increment: increment + 1)
    }

    public var description: String { "\(seconds).\(increment)" }
}
