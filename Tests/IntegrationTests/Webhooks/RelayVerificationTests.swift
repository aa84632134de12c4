import Foundation
import RelayMongoDB
import RelayTesting
import Testing

extension Integration.Webhooks {
    /// What the whole relay makes of documents, verified by libraries that it is not made of.
    @Suite("Independent verification of the relay")
    struct RelayVerificationTests {
        /// Events for each of the five destinations: 1500 in all, or 20,000 with `OUTBOX_RELAY_SOAK=1`.
        private static let count = ProcessInfo.processInfo.environment["OUTBOX_RELAY_SOAK"] == "1" ? 4000 : 300

        @Test(
            "every format at once, from a backlog and live, is what receivers' libraries want",
            .timeLimit(.minutes(10)))
        func everyFormat() async throws {
            let rig = try await Rig()
            let secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
            let signingKey =
                "whsk_6Xb/dCcHpPea21PS1N9VY/NZW723CEc77N4rJCubMbfVKIDij2HKpMKkioLlX0dRqSKJp4AJ6p9lMicMFs6Kvg=="
            let receiver = try await Self.receiver(
                in: rig, [secret, "whpk_1SiA4o9hyqTCpIqC5V9HUakiiaeACeqfZTInDBbOir4="])
            let formats = [
                "structured": "cloudevents", "binary": "cloudevents-binary", "batch": "cloudevents-batch",
                "standard": "standard", "raw": "raw",
            ]
            var variables = ["DESTINATIONS": formats.keys.sorted().joined(separator: ","), "RELAY_LEASE_TTL": "15s"]
            for (name, format) in formats {
                let prefix = "DESTINATION_\(name.uppercased())_"
                variables["\(prefix)URL"] = receiver.url(format)
                variables["\(prefix)FORMAT"] = format
                variables["\(prefix)SECRET"] = "\(secret) \(signingKey)"
            }
            variables["DESTINATION_COMPRESSION"] = "gzip"
            let relay = try rig.relayWithout(["DESTINATION_URL"], variables)
            let (all, half) = (Self.count * formats.count, Self.count / 2)
            try await rig.insert((0..<half).map(Self.document))
            try await relay.start()
            let began = ContinuousClock.now
            try await Self.wait(for: all / 2, by: receiver)
            try await relay.waitUntilStreaming()
            try await rig.insert((half..<Self.count).map(Self.document))
            try await Self.wait(for: all, by: receiver)
            let took = began.duration(to: .now)
            #expect(await relay.terminate() == .code(0))
            let summary = try await receiver.finish()
            print(
                "verified by independent packages: \(summary.events) events in \(summary.verified) requests, "
                    + "\(summary.failed) wrong, \(summary.schemaChecks) checked by the schema of CloudEvents, "
                    + "\(summary.compressed) compressed, \(summary.alteredRefused) altered copies refused, "
                    + "\(summary.formats), in \(took)")
            #expect(summary.events == all && summary.failed == 0, "\(summary.reasons)")
            #expect(Set(summary.formats.keys) == Set(formats.values))
            #expect(summary.orderErrors == 0, "\(summary.firstOrderErrors)")
            #expect(summary.duplicates == 0, "\(summary.duplicateIDs)")
            #expect(summary.compressed > 100)
            #expect(summary.formats["cloudevents-batch"]! < Self.count, "no events came together")
            // Every event of a CloudEvents format, where there is a schema to check them by.
            #expect(PythonReceiver.schema == nil || summary.schemaChecks >= 2 * Self.count)
        }

        /// Waits until the receiver has verified so many distinct events; not a single one may be wrong.
        private static func wait(for count: Int, by receiver: PythonReceiver) async throws {
            try await waiting(for: "\(count) events in 5 formats", within: .seconds(400), every: .milliseconds(250)) {
                let summary = try await receiver.summary()
                if summary.failed > 0 { throw GivingUp(TestingError("not as it should be: \(summary.reasons)")) }
                return summary.events == count ? true : nil
            }
        }

        private static func receiver(in rig: Rig, _ secrets: [String]) async throws -> PythonReceiver {
            do {
                return try await PythonReceiver.start(
                    in: rig.servers.folder, secrets: secrets, source: "/\(rig.database)/outbox")
            } catch let error as PythonReceiver.Unavailable {
                try Test.cancel("The packages that verify webhooks could not be installed: \(error.reason)")
            }
        }

        /// A document with something to escape in every field.
        private static func document(_ number: Int) -> BSONDocument {
            let fields: [(String, BSONValue)] = [
                ("_id", .string("id.\(number) é\"\\\n%")), ("aggregatetype", .string("order \(number % 3)/😀")),
                ("aggregateid", .string("key \(number % 20) \u{7F}\"ü")), ("type", .string("Order \"placed\" ½")),
                ("payload", payload(number)), ("schemaVersion", .string("v\(number % 2)\t")),
                ("occurredAt", .date(1_769_860_800_000 + Int64(number))),
                ("traceparent", .string("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")),
                (
                    "headers",
                    ["dataschema": .string("https://schemas.example/\(number)"), "tracestate": "rojo=1,congo=2"]
                ),
            ]
            return BSONDocument(fields)
        }

        private static func payload(_ number: Int) -> BSONValue {
            switch number % 6 {
            case 0: ["n": .int32(Int32(number)), "text": "Grüße \"😀\" \u{0}"]
            case 1: .null
            case 2: .string("{\"already\" : [\"json\", 1.50]}\n")
            case 3: .string("text, and no JSON: \u{1F}\\")
            case 4: ["lines": .array((0..<60).map { ["sku": .string("sku \($0)"), "price": .double(Double($0) / 3)] })]
            default: .array([1, .bool(true), .date(0), .binary([1, 2, 3], subtype: 0)])
            }
        }
    }
}
