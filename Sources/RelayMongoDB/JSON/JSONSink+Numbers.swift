/// Numbers in decimal. Room must be reserved: 24 bytes for an integer, 32 for a floating-point
/// number.
extension JSONSink {
    @inline(__always) private static var pairs: UnsafePointer<UInt8> {
        let digits: StaticString = """
            00010203040506070809101112131415161718192021222324\
            25262728293031323334353637383940414243444546474849\
            50515253545556575859606162636465666768697071727374\
            75767778798081828384858687888990919293949596979899
            """
        return digits.utf8Start
    }

    /// Writes two digits of a number below 100.
    @inline(__always) mutating func put(twoDigits value: Int) {
        let pair = JSONSink.pairs + value &* 2
        cursor[0] = pair[0]
        cursor[1] = pair[1]
        cursor += 2
    }

    /// Writes four digits of a number below 10000.
    @inline(__always) mutating func put(fourDigits value: Int) {
        put(twoDigits: value / 100)
        put(twoDigits: value % 100)
    }

    /// Writes a signed integer.
    @inline(__always) mutating func put(integer value: Int64) {
        if value < 0 { put(UInt8(ascii: "-")) }
        put(unsigned: value.magnitude)
    }

    /// Writes an unsigned integer.
    @inline(__always) mutating func put(unsigned value: UInt64) {
        if value < 10 {
            put(UInt8(ascii: "0") + UInt8(truncatingIfNeeded: value))
        } else if value < 100 {
            put(twoDigits: Int(truncatingIfNeeded: value))
        } else {
            putLong(value)
        }
    }

    private mutating func putLong(_ value: UInt64) {
        var count = 3
        var bound: UInt64 = 1000
        while count < 20, value >= bound {
            count += 1
            // 10^19 fits; the product behind it is never compared.
            bound = bound &* 10
        }
        var rest = value
        var out = cursor + count
        while rest >= 100 {
            let quotient = rest / 100
            let pair = JSONSink.pairs + Int(truncatingIfNeeded: rest &- quotient &* 100) &* 2
            out -= 2
            out[0] = pair[0]
            out[1] = pair[1]
            rest = quotient
        }
        if rest >= 10 {
            let pair = JSONSink.pairs + Int(truncatingIfNeeded: rest) &* 2
            out[-2] = pair[0]
            out[-1] = pair[1]
        } else {
            out[-1] = UInt8(ascii: "0") + UInt8(truncatingIfNeeded: rest)
        }
        cursor += count
    }

    /// Writes a finite number: the shortest digits that read back as the same one, always with a
    /// decimal point or an exponent.
    mutating func put(finite value: Double) {
        let magnitude = value.magnitude
        // Amounts with at most four decimals: up to 15 digits no two decimal numbers are the same
        // double, so the one found is the shortest, and division tells whether it is exact.
        if magnitude < 1e11 {
            let scaled = UInt64(magnitude * 10_000 + 0.5)
            if Double(scaled) / 10_000 == magnitude {
                if value.sign == .minus { put(UInt8(ascii: "-")) }
                put(unsigned: scaled / 10_000)
                put(UInt8(ascii: "."))
                put(fraction: Int(truncatingIfNeeded: scaled % 10_000))
                return
            }
        }
        var stream = DigitStream(out: cursor)
        value.write(to: &stream)
        cursor = stream.out
    }

    @inline(__always) private mutating func put(fraction value: Int) {
        let high = value / 100
        let low = value % 100
        if low != 0 {
            put(twoDigits: high)
            put(twoDigits: low)
            if low % 10 == 0 { cursor -= 1 }
        } else {
            put(twoDigits: high)
            if high % 10 == 0 { cursor -= 1 }
        }
    }
}

/// Takes the text of a floating-point number from the standard library without a string in
/// between where it offers that.
private struct DigitStream: TextOutputStream {
    var out: UnsafeMutablePointer<UInt8>

    mutating func write(_ string: String) {
        var string = string
        string.withUTF8 { _writeASCII($0) }
    }

    mutating func _writeASCII(_ buffer: UnsafeBufferPointer<UInt8>) {
        guard let digits = buffer.baseAddress else { return }
        out.update(from: digits, count: buffer.count)
        out += buffer.count
    }
}
