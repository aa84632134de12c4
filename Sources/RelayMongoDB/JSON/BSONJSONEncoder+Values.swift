/// The types that documents are made of; the others are in `BSONJSONEncoder+Rare.swift`.
extension BSONJSONEncoder {
    /// Writes the value of type `type` at `at`, which must end at or before `limit`; returns its
    /// end. At least half of ``slack`` must be reserved.
    @inline(__always) mutating func append(
        value type: UInt8, at: UnsafeRawPointer, limit: UnsafeRawPointer, depth: Int
    ) throws(BSONError) -> UnsafeRawPointer {
        switch type {
        case 0x02:
            let length = try BSONLayout.stringLength(at: at, limit: limit, origin: origin)
            let end = at + 4 + length
            try append(quoted: at + 4, to: end - 1)
            return end
        case 0x03, 0x04:
            let length = try BSONLayout.documentLength(at: at, limit: limit, origin: origin)
            try append(container: at, count: length, isArray: type == 0x04, depth: depth + 1)
            return at + length
        case 0x10:
            try require(4, at, limit)
            let value = Int64(BSONLayout.int32(at))
            if style == .canonical {
                sink.put("{\"$numberInt\":\"")
                sink.put(integer: value)
                sink.put("\"}")
            } else {
                sink.put(integer: value)
            }
            return at + 4
        case 0x12:
            try require(8, at, limit)
            append(int64: BSONLayout.int64(at))
            return at + 8
        case 0x01:
            try require(8, at, limit)
            append(double: Double(bitPattern: UInt64(bitPattern: BSONLayout.int64(at))))
            return at + 8
        case 0x07:
            try require(12, at, limit)
            if style != .plain { sink.put("{\"$oid\":") }
            sink.put(UInt8(ascii: "\""))
            sink.put(hex: at, count: 12)
            sink.put(UInt8(ascii: "\""))
            if style != .plain { sink.put(UInt8(ascii: "}")) }
            return at + 12
        case 0x08:
            try require(1, at, limit)
            switch at.load(as: UInt8.self) {
            case 0: sink.put("false")
            case 1: sink.put("true")
            default: throw BSONError(.invalidBoolean, offset: at - origin)
            }
            return at + 1
        case 0x09:
            try require(8, at, limit)
            append(date: BSONLayout.int64(at))
            return at + 8
        case 0x0A:
            sink.put("null")
            return at
        case 0x13:
            try require(16, at, limit)
            append(decimal: at)
            return at + 16
        default:
            let length = try BSONLayout.length(of: type, at: at, limit: limit, origin: origin)
            try append(rare: type, at: at, count: length, depth: depth)
            return at + length
        }
    }

    @inline(__always) private func require(
        _ count: Int, _ at: UnsafeRawPointer, _ limit: UnsafeRawPointer
    ) throws(BSONError) {
        guard limit - at >= count else { throw BSONError(.truncated, offset: at - origin) }
    }

    @inline(__always) private mutating func append(int64 value: Int64) {
        if style == .canonical {
            sink.put("{\"$numberLong\":\"")
            sink.put(integer: value)
            sink.put("\"}")
        } else {
            sink.put(integer: value)
        }
    }

    @inline(never) private mutating func append(double value: Double) {
        if value.isFinite {
            if style == .canonical { sink.put("{\"$numberDouble\":\"") }
            sink.put(finite: value)
            if style == .canonical { sink.put("\"}") }
            return
        }
        if style != .plain { sink.put("{\"$numberDouble\":") }
        if value.isNaN {
            sink.put("\"NaN\"")
        } else if value < 0 {
            sink.put("\"-Infinity\"")
        } else {
            sink.put("\"Infinity\"")
        }
        if style != .plain { sink.put(UInt8(ascii: "}")) }
    }

    @inline(never) private mutating func append(date milliseconds: Int64) {
        switch style {
        case .plain:
            sink.put(UInt8(ascii: "\""))
            sink.put(date: milliseconds)
            sink.put(UInt8(ascii: "\""))
        case .relaxed where JSONSink.isReadable(milliseconds):
            sink.put("{\"$date\":\"")
            sink.put(date: milliseconds, wholeSeconds: true)
            sink.put("\"}")
        default:
            sink.put("{\"$date\":{\"$numberLong\":\"")
            sink.put(integer: milliseconds)
            sink.put("\"}}")
        }
    }

    @inline(never) private mutating func append(decimal at: UnsafeRawPointer) {
        let value = BSONDecimal128(
            high: UInt64(bitPattern: BSONLayout.int64(at + 8)), low: UInt64(bitPattern: BSONLayout.int64(at)))
        if style != .plain { sink.put("{\"$numberDecimal\":") }
        sink.put(UInt8(ascii: "\""))
        sink.cursor += value.write(to: sink.cursor)
        sink.put(UInt8(ascii: "\""))
        if style != .plain { sink.put(UInt8(ascii: "}")) }
    }
}
