/// Which schema versions of events are accepted (`SOURCE_SCHEMA_VERSIONS`): `any`, or like `1-3,5`.
public struct SchemaVersions: Sendable, Hashable, CustomStringConvertible {
    /// The accepted versions; nil accepts all, events without a version as well.
    public let ranges: [ClosedRange<Int>]?

    /// Everything is accepted.
    public static let any = SchemaVersions(ranges: nil)

    /// Whether an event of `version` is accepted. One without a version is, only where all are.
    public func accepts(_ version: Int?) -> Bool {
        guard let ranges else { return true }
        guard let version else { return false }
        return ranges.contains { $0.contains(version) }
    }

    public var description: String {
        guard let ranges else { return "any" }
        return ranges.map { range in
            range.count == 1 ? "\(range.lowerBound)" : "\(range.lowerBound)-\(range.upperBound)"
        }.joined(separator: ",")
    }
}

extension ValueFormat where Value == SchemaVersions {
    /// `any`, or whole numbers and ranges of them between commas.
    static var schemaVersions: Self {
        let most = 1_000_000_000
        return Self("`any`, or versions and ranges from 0 to \(most) like `1-3,5`") { text throws(MalformedValue) in
            if text == "any" { return .any }
            var ranges: [ClosedRange<Int>] = []
            for part in text.split(separator: ",", omittingEmptySubsequences: false) {
                let bounds = part.trimmingSpaces.split(separator: "-", omittingEmptySubsequences: false)
                guard (1...2).contains(bounds.count), bounds.allSatisfy({ $0.utf8.allSatisfy(\.isDigit) }),
                    let lower = Int(bounds[0]), let upper = Int(bounds[bounds.count - 1])
                else { throw MalformedValue() }
                guard lower <= upper else { throw MalformedValue("has a range that ends before it begins") }
                guard upper <= most else { throw MalformedValue("is out of range") }
                ranges.append(lower...upper)
            }
            return SchemaVersions(ranges: ranges)
        }
    }
}
