import Foundation
import RelayMongoDB
import Synchronization

/// Makes ObjectIds as drivers do: seconds, five random bytes of the process, a counter.
package enum ObjectIDs {
    private static let process = (0..<5).map { _ in UInt8.random(in: 0 ... .max) }
    private static let counter = Atomic<UInt32>(.random(in: 0...0xffff))

    package static func next() -> BSONObjectID {
        let seconds = UInt32(truncatingIfNeeded: Int(Date().timeIntervalSince1970))
        let count = counter.wrappingAdd(1, ordering: .relaxed).newValue
        let bytes =
            withUnsafeBytes(of: seconds.bigEndian, Array.init) + process
            + withUnsafeBytes(of: count.bigEndian, Array.init).suffix(3)
        return BSONObjectID(bytes)!
    }
}
