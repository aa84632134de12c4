/// Sizes as they are written in the configuration: `123B`, `64KiB`, `4MiB`, `1GiB`.
public enum SizeText {
    private static let units: [(name: String, bytes: Int)] = [
        ("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10), ("B", 1),
    ]

    /// `bytes` in the largest unit that divides it.
    public static func text(of bytes: Int) -> String {
        for unit in units where bytes != 0 && bytes.isMultiple(of: unit.bytes) {
            return "\(bytes / unit.bytes)\(unit.name)"
        }
        return "0B"
    }

    /// The number of bytes that `text` names: digits and one unit, nothing else.
    static func bytes(of text: String) throws(MalformedValue) -> Int {
        let digits = text.prefix { $0.isASCII && $0.isNumber }
        let suffix = text.dropFirst(digits.count)
        guard !digits.isEmpty else { throw MalformedValue("is not a size") }
        guard !suffix.isEmpty else { throw MalformedValue("has no unit") }
        guard let unit = units.first(where: { $0.name == suffix }) else { throw MalformedValue("is not a size") }
        guard let count = Int(digits) else { throw MalformedValue("is out of range") }
        let (bytes, overflow) = count.multipliedReportingOverflow(by: unit.bytes)
        guard !overflow else { throw MalformedValue("is out of range") }
        return bytes
    }
}
