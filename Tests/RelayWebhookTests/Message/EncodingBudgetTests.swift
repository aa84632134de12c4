import Testing

@testable import RelayWebhook

@Suite("Time that messages take")
struct EncodingBudgetTests {
    @Test("an event of 400 bytes, signed, takes a few microseconds")
    func budget() throws {
        let payload = "{\"total\":12.5,\"lines\":[\"\(String(repeating: "abcdefgh ", count: 40))\"]}"
        let sample = MessageSample(
            payload: Array(payload.utf8), headers: #"{"tenant":"a"}"#, schemaVersion: "1",
            traceparent: "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")
        let event = [sample.event]
        let encoder = try encoder { $0.secrets = [PublishedKeys.shared] }
        var best = Duration.seconds(1)
        var bytes = 0
        // The best of many short rounds: other work on the machine disturbs some of them, not all.
        for _ in 0..<100 {
            let start = ContinuousClock.now
            for _ in 0..<200 {
                bytes += try encoder.encode(event, redelivery: nil, at: attemptSeconds).body.readableBytes
            }
            best = min(best, start.duration(to: .now) / 200)
        }
        print("a message of \(bytes / 20_000) bytes: \(best)")
        // Measured at 3.5 µs; slower machines get room.
        #expect(best < .microseconds(25))
    }
}
