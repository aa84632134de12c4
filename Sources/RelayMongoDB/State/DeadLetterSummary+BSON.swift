import Foundation
import RelayCore

extension BSONDocument {
    /// A dead letter's document as people see it.
    /// - Parameter large: the fields that have no room in it.
    func summary(of pipeline: String, with large: BSONDocument = [:]) -> DeadLetterSummary {
        func text(_ field: String) -> String? {
            guard let value = self[field] ?? large[field] else { return nil }
            return value.string ?? value.binary.map { String(decoding: $0, as: UTF8.self) }
        }
        func time(_ field: String) -> String? { self[field]?.date.map(Self.text) }
        var summary = DeadLetterSummary(
            id: self[path: "_id.n"]?.int64 ?? 0, pipeline: pipeline, reasonCode: text("reasonCode") ?? "",
            reason: text("reason") ?? "", attempts: self["attempts"]?.int ?? 0, createdAt: time("createdAt") ?? "",
            state: text("state") ?? "")
        summary.eventID = text("eventId")
        summary.topic = text("topic")
        summary.type = text("type")
        summary.key = text("key")
        summary.status = self["status"]?.int
        summary.answer = text("answer")
        summary.firstAttemptAt = time("firstAttemptAt")
        summary.lastAttemptAt = time("lastAttemptAt")
        summary.headers = text("headers")
        let payload = self["payload"] ?? large["payload"]
        if case .binary(let bytes, 0)? = payload {
            summary.payload = Data(bytes).base64EncodedString()
        } else {
            summary.payload = text("payload")
        }
        summary.document = text("documentText") ?? (self["document"] ?? large["document"])?.binary.flatMap(Self.json)
        return summary
    }

    /// A time as RFC 3339, as everywhere.
    private static func text(_ date: Int64) -> String {
        let arena = ByteArena(capacity: 128)
        let document: BSONDocument = ["t": .date(date)]
        _ = try? document.withView { try $0.value("t").map { try BSONJSON.append($0, style: .plain, to: arena) } }
        return String(decoding: arena.bytes, as: UTF8.self).filter { $0 != "\"" }
    }

    /// A source document as canonical Extended JSON; nil when it is damaged.
    private static func json(_ bytes: [UInt8]) -> String? {
        bytes.withUnsafeBytes { bytes in
            let arena = ByteArena(capacity: bytes.count * 2)
            guard let view = try? BSONView(bytes), (try? BSONJSON.append(view, style: .canonical, to: arena)) != nil
            else { return nil }
            return String(decoding: arena.bytes, as: UTF8.self)
        }
    }
}
