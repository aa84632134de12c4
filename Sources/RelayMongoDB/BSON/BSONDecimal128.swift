/// An IEEE 754-2008 decimal number of 34 digits in its binary integer encoding.
///
/// Kept as bits: the relay prints it and never computes with it.
public struct BSONDecimal128: Sendable, Hashable, CustomStringConvertible {
    /// The upper 64 bits: sign, exponent, start of the coefficient.
    public let high: UInt64
    /// The lower 64 bits.
    public let low: UInt64

    /// A number of its bits.
    public init(high: UInt64, low: UInt64) {
        self.high = high
        self.low = low
    }

    /// The longest text that ``write(to:)`` writes.
    static let maximumText = 48

    /// The text form of the BSON specification: `1.50`, `1E+3`, `-Infinity`, `NaN`.
    public var description: String {
        String(unsafeUninitializedCapacity: BSONDecimal128.maximumText) { write(to: $0.baseAddress!) }
    }

    /// Writes the text form; returns its length, ``maximumText`` at most.
    func write(to out: UnsafeMutablePointer<UInt8>) -> Int {
        let special = high &>> 58 & 0x1F
        if special == 0x1F { return BSONDecimal128.copy("NaN", to: out) }
        var length = 0
        if high &>> 63 == 1 {
            out[0] = UInt8(ascii: "-")
            length = 1
        }
        if special == 0x1E { return length + BSONDecimal128.copy("Infinity", to: out + length) }

        // Two leading ones announce a coefficient of more than 113 bits, which is above 34 digits,
        // and such a coefficient counts as zero.
        let large = special &>> 3 == 3
        let exponent = Int(high &>> (large ? 47 : 49) & 0x3FFF) - 6176
        var coefficient = large ? 0 : UInt128(high & 0x1_FFFF_FFFF_FFFF) << 64 | UInt128(low)
        if coefficient > BSONDecimal128.largest { coefficient = 0 }
        return withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 40) { buffer in
            let digits = BSONDecimal128.digits(of: coefficient, into: buffer.baseAddress!)
            return length + BSONDecimal128.place(digits, exponent: exponent, to: out + length)
        }
    }

    private static let largest: UInt128 = 9_999_999_999_999_999_999_999_999_999_999_999

    /// Decimal digits right-aligned in 40 bytes, as the part that is used.
    private static func digits(
        of coefficient: UInt128, into buffer: UnsafeMutablePointer<UInt8>
    ) -> UnsafeBufferPointer<UInt8> {
        var start = 40
        var rest = coefficient
        // 64-bit divisions do the work; at most one 128-bit division is left for 34 digits.
        while rest > UInt128(UInt64.max) {
            let (quotient, remainder) = rest.quotientAndRemainder(dividingBy: 10_000_000_000_000_000_000)
            var part = UInt64(truncatingIfNeeded: remainder)
            for _ in 0..<19 {
                start -= 1
                buffer[start] = UInt8(ascii: "0") + UInt8(truncatingIfNeeded: part % 10)
                part /= 10
            }
            rest = quotient
        }
        var part = UInt64(truncatingIfNeeded: rest)
        repeat {
            start -= 1
            buffer[start] = UInt8(ascii: "0") + UInt8(truncatingIfNeeded: part % 10)
            part /= 10
        } while part != 0
        return UnsafeBufferPointer(start: buffer + start, count: 40 - start)
    }

    private static func place(
        _ digits: UnsafeBufferPointer<UInt8>, exponent: Int, to out: UnsafeMutablePointer<UInt8>
    ) -> Int {
        let source = digits.baseAddress!
        let count = digits.count
        let adjusted = exponent + count - 1
        if exponent == 0 {
            out.update(from: source, count: count)
            return count
        }
        if exponent > 0 || adjusted < -6 {
            var length = 1
            out[0] = source[0]
            if count > 1 {
                out[1] = UInt8(ascii: ".")
                (out + 2).update(from: source + 1, count: count - 1)
                length = count + 1
            }
            out[length] = UInt8(ascii: "E")
            out[length + 1] = UInt8(ascii: adjusted < 0 ? "-" : "+")
            length += 2
            let magnitude = adjusted.magnitude
            for power in [UInt(1000), 100, 10, 1] where magnitude >= power || power == 1 {
                out[length] = UInt8(ascii: "0") + UInt8(truncatingIfNeeded: magnitude / power % 10)
                length += 1
            }
            return length
        }
        let point = count + exponent
        if point > 0 {
            out.update(from: source, count: point)
            out[point] = UInt8(ascii: ".")
            (out + point + 1).update(from: source + point, count: count - point)
            return count + 1
        }
        out[0] = UInt8(ascii: "0")
        out[1] = UInt8(ascii: ".")
        (out + 2).update(repeating: UInt8(ascii: "0"), count: -point)
        (out + 2 - point).update(from: source, count: count)
        return 2 - point + count
    }

    private static func copy(_ text: StaticString, to out: UnsafeMutablePointer<UInt8>) -> Int {
        out.update(from: text.utf8Start, count: text.utf8CodeUnitCount)
        return text.utf8CodeUnitCount
    }
}
