#if canImport(Glibc)
import Glibc
#endif

/// Values by name.
extension BSONView {
    /// The value of the first element named `key`, or nil.
    public func value(_ key: String) throws(BSONError) -> BSONRawValue? {
        var key = key
        var found: BSONRawValue?
        var failure: BSONError?
        key.withUTF8 { name in
            do throws(BSONError) { found = try value(named: UnsafeRawBufferPointer(name)) } catch { failure = error }
        }
        if let failure { throw failure }
        return found
    }

    /// The value of the first element whose name has these bytes, or nil.
    public func value(named name: UnsafeRawBufferPointer) throws(BSONError) -> BSONRawValue? {
        var elements = self.elements
        while let element = try elements.next() {
            if element.key.count == name.count,
                name.isEmpty || memcmp(element.key.baseAddress!, name.baseAddress!, name.count) == 0
            {
                return element.value
            }
        }
        return nil
    }

    /// The value at a dotted path, `items.0.sku`: through documents by name, through arrays by
    /// index. Nil where a step is missing or leads through something that is neither.
    ///
    /// An array's keys are ignored, as everywhere: its first element is `0` whatever it is called.
    public func value(atPath path: String) throws(BSONError) -> BSONRawValue? {
        var current: BSONRawValue?
        for (depth, step) in path.split(separator: ".", omittingEmptySubsequences: false).enumerated() {
            let next: BSONRawValue?
            if depth == 0 {
                next = try value(String(step))
            } else if let document = current?.document {
                next = try document.value(String(step))
            } else if let array = current?.array, let index = Int(step), index >= 0 {
                next = try array.element(at: index)
            } else {
                return nil
            }
            guard let next else { return nil }
            current = next
        }
        return current
    }

    /// The value of the element at a position counted from 0, or nil.
    public func element(at index: Int) throws(BSONError) -> BSONRawValue? {
        var elements = self.elements
        var position = 0
        while let element = try elements.next() {
            if position == index { return element.value }
            position += 1
        }
        return nil
    }
}
