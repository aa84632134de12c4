import CMongoC
import Foundation

/// JSON, plain or Extended, as BSON.
enum ExtendedJSON {
    /// The document that a JSON object stands for; nil when `json` is no object.
    static func document(_ json: UnsafeRawBufferPointer) -> BSONDocument? {
        guard json.first(where: { !" \t\r\n".utf8.contains($0) }) == UInt8(ascii: "{") else { return nil }
        var count = 0
        let text = json.assumingMemoryBound(to: CChar.self)
        guard let bytes = relay_bson_from_json(text.baseAddress, text.count, &count) else { return nil }
        defer { free(bytes) }
        return try? BSONDocument(Array(UnsafeBufferPointer(start: bytes, count: count)))
    }
}
