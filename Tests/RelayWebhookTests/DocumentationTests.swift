import Foundation
import Testing

@testable import RelayWebhook

/// The examples of `docs/webhooks.md` are what the relay sends, to the byte.
@Suite struct DocumentationTests {
    private static let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent()

    private func placed(_ id: String, key: String, at position: Int64, _ payload: String) -> MessageSample {
        MessageSample(
            id: id, key: key, payload: Array(payload.utf8), schemaVersion: "1",
            traceparent: "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", occurredAt: 1_795_426_200_250,
            position: position)
    }

    @Test(arguments: WebhookOptions.Format.allCases) func examples(format: WebhookOptions.Format) throws {
        let page = try String(contentsOf: Self.root.appendingPathComponent("docs/webhooks.md"), encoding: .utf8)
        let encoder = try encoder(format) {
            $0.secrets = [PublishedKeys.shared]
            $0.version = "0.1.0"
        }
        let order = placed(
            "6745f0a2c3d4e5f601234567", key: "order-17", at: 42, #"{"customer":"ada","total":42.5}"#)
        let next = placed("6745f0a2c3d4e5f601234568", key: "order-18", at: 43, #"{"customer":"bob","total":7}"#)
        let samples = format == .cloudeventsBatch ? [order, next] : [order]
        let message = try encoder.encode(samples.map(\.event), redelivery: nil, at: 1_795_426_205)
        let head = ["POST /hooks HTTP/1.1", "host: billing.example", "content-length: \(message.bytes.count)"]
        let example = (head + message.lines).joined(separator: "\n") + "\n\n" + message.text
        #expect(page.contains("```http\n\(example)\n```\n"), "\(example)")
    }

    @Test func everyOutcomeIsExplained() throws {
        let page = try String(contentsOf: Self.root.appendingPathComponent("docs/webhooks.md"), encoding: .utf8)
        let table = page.split(separator: "\n").filter { $0.hasPrefix("|") }
        for outcome in AttemptResult.Outcome.allCases where outcome != .cancelled {
            #expect(table.contains { $0.hasSuffix("| `\(outcome.rawValue)` |") }, "\(outcome.rawValue)")
        }
    }
}
