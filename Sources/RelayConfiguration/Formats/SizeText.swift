/// Sizes as they are written in the configuration: `123B`, `64KiB`, `4MiB`, `1GiB`.
public enum SizeText {
    private static let bytes = UnitText(
        noun: "a size", units: [("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10), ("B", 1)], zero: "0B")

    /// `count` bytes in the largest unit that divides it.
    public static func text(of count: Int) -> String { bytes.text(of: Int64(count)) }

    /// The number of bytes that `text` names: digits and one unit, nothing else.
    static func bytes(of text: String) throws(MalformedValue) -> Int { Int(try bytes.count(of: text)) }
}
