/// The whole document at once.
extension BSONView {
    /// Checks everything below this document too: types, lengths, terminators, booleans, UTF-8 of
    /// names and text, and nesting. An array's keys are not looked at: they carry nothing.
    /// - Throws: the first damage found, with its offset in this document.
    public func validate() throws(BSONError) {
        try validate(origin: base, isArray: false, depth: 1)
    }

    // Recursion is bounded by `maximumDepth`, and the frame is small.
    private func validate(origin: UnsafeRawPointer, isArray: Bool, depth: Int) throws(BSONError) {
        guard depth <= BSONView.maximumDepth else { throw BSONError(.tooDeep, offset: base - origin) }
        let last = base + (count - 1)
        var at = base + 4
        while at < last {
            let type = at.load(as: UInt8.self)
            let key = at + 1
            guard let keyEnd = BSONLayout.zero(from: key, to: last) else {
                throw BSONError(.unterminatedKey, offset: key - origin)
            }
            if !isArray { try BSONView.checkText(from: key, to: keyEnd, origin: origin) }
            let value = keyEnd + 1
            let length = try BSONLayout.length(of: type, at: value, limit: last, origin: origin)
            let end = value + length
            switch type {
            case 0x03, 0x04:
                try BSONView(uncheckedBase: value, count: length)
                    .validate(origin: origin, isArray: type == 0x04, depth: depth + 1)
            case 0x02, 0x0D, 0x0E: try BSONView.checkText(from: value + 4, to: end - 1, origin: origin)
            case 0x0B: try BSONView.checkText(from: value, to: end, origin: origin)
            case 0x0C: try BSONView.checkText(from: value + 4, to: end - 13, origin: origin)
            case 0x0F:
                let text = value + 8
                let textEnd = text + Int(BSONLayout.int32(value + 4))
                try BSONView.checkText(from: text, to: textEnd, origin: origin)
                try BSONView(uncheckedBase: textEnd, count: end - textEnd)
                    .validate(origin: origin, isArray: false, depth: depth + 1)
            default: break
            }
            at = end
        }
    }

    private static func checkText(
        from: UnsafeRawPointer, to: UnsafeRawPointer, origin: UnsafeRawPointer
    ) throws(BSONError) {
        if let bad = UTF8Check.firstInvalid(from: from, to: to) {
            throw BSONError(.invalidUTF8, offset: bad - origin)
        }
    }
}
