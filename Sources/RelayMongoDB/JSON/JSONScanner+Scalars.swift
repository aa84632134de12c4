/// Strings and numbers. Each returns whether it was well formed and leaves the position behind it.
extension JSONScanner {
    /// The rest of a string behind its opening quote.
    mutating func string() -> Bool {
        while at < end {
            if end - at >= 8 {
                let flags = SWAR.special(SWAR.load(at))
                if flags == 0 {
                    at += 8
                    continue
                }
                at += SWAR.firstByte(flags)
            }
            let byte = at.load(as: UInt8.self)
            switch byte {
            case UInt8(ascii: "\""):
                at += 1
                return true
            case UInt8(ascii: "\\"):
                at += 1
                guard escape() else { return false }
            case 0x80...:
                repeat {
                    let length = UTF8Check.sequence(at, limit: end)
                    if length == 0 { return false }
                    at += length
                } while at < end && at.load(as: UInt8.self) >= 0x80
            case 0..<0x20: return false
            default: at += 1
            }
        }
        return false
    }

    /// An escape behind its backslash.
    private mutating func escape() -> Bool {
        let kind = byte
        at += 1
        switch kind {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"), UInt8(ascii: "b"), UInt8(ascii: "f"),
            UInt8(ascii: "n"), UInt8(ascii: "r"), UInt8(ascii: "t"):
            return true
        case UInt8(ascii: "u"):
            guard let unit = fourDigits() else { return false }
            if unit == 0 { facts.containsNUL = true }
            if unit & 0xF800 == 0xD800 { pair(unit) }
            return true
        default: return false
        }
    }

    /// Looks for the second half of a surrogate pair; leaves the position alone where there is
    /// none, so that what follows is read, and refused, as it stands.
    private mutating func pair(_ unit: UInt32) {
        let before = at
        if unit & 0x400 == 0, end - at >= 6, byte == UInt8(ascii: "\\") {
            at += 1
            if byte == UInt8(ascii: "u") {
                at += 1
                if let low = fourDigits(), low & 0xFC00 == 0xDC00 { return }
            }
        }
        at = before
        facts.containsLoneSurrogate = true
    }

    private mutating func fourDigits() -> UInt32? {
        guard end - at >= 4 else { return nil }
        var unit: UInt32 = 0
        for index in 0..<4 {
            let byte = at.load(fromByteOffset: index, as: UInt8.self)
            let digit: UInt8
            switch byte {
            case UInt8(ascii: "0")...UInt8(ascii: "9"): digit = byte - UInt8(ascii: "0")
            case UInt8(ascii: "a")...UInt8(ascii: "f"): digit = byte - UInt8(ascii: "a") + 10
            case UInt8(ascii: "A")...UInt8(ascii: "F"): digit = byte - UInt8(ascii: "A") + 10
            default: return nil
            }
            unit = unit &<< 4 | UInt32(digit)
        }
        at += 4
        return unit
    }

    /// A number from its sign or first digit.
    mutating func number() -> Bool {
        if byte == UInt8(ascii: "-") { at += 1 }
        let whole = at
        if byte == UInt8(ascii: "0") {
            at += 1
        } else {
            guard digits() else { return false }
        }
        let wholeCount = at - whole
        var fractionCount = 0
        if byte == UInt8(ascii: ".") {
            at += 1
            let fraction = at
            guard digits() else { return false }
            fractionCount = at - fraction
        }
        var exponent = 0
        if byte | 0x20 == UInt8(ascii: "e") {
            at += 1
            let isNegative = byte == UInt8(ascii: "-")
            if isNegative || byte == UInt8(ascii: "+") { at += 1 }
            let first = at
            guard digits() else { return false }
            // Anything above ten thousand million says no more than that does.
            for byte in UnsafeRawBufferPointer(start: first, count: at - first) where exponent < 10_000_000_000 {
                exponent = exponent * 10 + Int(byte - UInt8(ascii: "0"))
            }
            if isNegative { exponent = -exponent }
        }
        if exponent != 0 || wholeCount > 1000 || fractionCount > 1000 {
            check(from: whole, wholeCount: wholeCount, fractionCount: fractionCount, exponent: exponent)
        }
        return true
    }

    private mutating func digits() -> Bool {
        let first = at
        while at < end, at.load(as: UInt8.self) &- UInt8(ascii: "0") < 10 { at += 1 }
        return at > first
    }

    /// PostgreSQL's `numeric` holds 131072 digits before the point and 16383 behind it; an exponent
    /// moves the point first, and must itself stay below half of 32 bits even for zero. `jsonb`
    /// refuses what is beyond.
    private mutating func check(from: UnsafeRawPointer, wholeCount: Int, fractionCount: Int, exponent: Int) {
        if fractionCount - exponent > 16_383 || exponent >= 1_073_741_823 {
            facts.containsHugeNumber = true
            return
        }
        // Leading zeros do not count: 0.001e131073 fits.
        let text = UnsafeRawBufferPointer(start: from, count: wholeCount + (fractionCount > 0 ? fractionCount + 1 : 0))
        var leading = wholeCount
        if let first = text.firstIndex(where: { $0 != UInt8(ascii: "0") && $0 != UInt8(ascii: ".") }) {
            leading = first < wholeCount ? wholeCount - first : wholeCount - first + 1
        } else {
            return
        }
        if leading + exponent > 131_072 { facts.containsHugeNumber = true }
    }
}
