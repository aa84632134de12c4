import RelayCore

extension ByteArena {
    /// Appends a big-endian integer, as PostgreSQL's binary formats want it.
    @inline(__always)
    func append<Number: FixedWidthInteger>(bigEndian number: Number) {
        withUnsafeBytes(of: number.bigEndian) { append($0) }
    }

    /// Appends a value with its length before it, or the mark of a null.
    @inline(__always)
    func append(field bytes: UnsafeRawBufferPointer?) {
        guard let bytes else {
            append(bigEndian: Int32(-1))
            return
        }
        append(bigEndian: Int32(bytes.count))
        append(bytes)
    }

    /// Appends a `jsonb` value with its length: version 1 of its binary format is its text.
    @inline(__always)
    func append(jsonb bytes: UnsafeRawBufferPointer) {
        append(bigEndian: Int32(bytes.count + 1))
        append(UInt8(1))
        append(bytes)
    }
}

/// PostgreSQL's `timestamptz`: microseconds since 2000-01-01 UTC.
enum PGTimestamp {
    /// The time `milliseconds` since 1970-01-01 UTC; nil outside of what the type holds (4713 BC to AD 294276).
    static func microseconds(_ milliseconds: Int64) -> Int64? {
        let (sinceMillennium, overflowed) = milliseconds.subtractingReportingOverflow(946_684_800_000)
        guard !overflowed, sinceMillennium >= -211_813_488_000_000, sinceMillennium < 9_223_371_331_200_000 else {
            return nil
        }
        return sinceMillennium * 1000
    }
}
