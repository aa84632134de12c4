import Foundation
import RelayMongoDB
import RelayTesting
import Testing

extension Integration.Webhooks {
    @Suite("Rate and OAuth")
    struct LimitTests {
        @Test("DESTINATION_RATE: so many attempts a second, and no more")
        func rate() async throws {
            try await HookRig.with { hook in
                hook.receiver.behave(.some(Lottery(0.2, seed: 3), .status(500)))
                _ = try await hook.streamingRelay(["DESTINATION_RATE": "50"])
                let committed = try await hook.insert(200, keys: 100)
                try await hook.expectComplete(committed)
                let times = hook.receiver.deliveries().map(\.at)
                #expect(times.count > 200, "retries count as well")
                // A bucket holds at most one second's tokens: in any two seconds no more than 50 + 2 × 50.
                for (index, start) in times.enumerated() {
                    let within = times[index...].prefix { start.duration(to: $0) < .seconds(2) }.count
                    #expect(within <= 151, "\(within) attempts in two seconds")
                }
                let took = times[0].duration(to: times[times.count - 1])
                #expect(took > .seconds(1) * (Double(times.count - 51) / 50) - .milliseconds(200), "took \(took)")
            }
        }

        private static func credentials(_ receiver: WebhookReceiver) -> [String: String] {
            [
                "DESTINATION_OAUTH_TOKEN_URL": receiver.tokenURL,
                "DESTINATION_OAUTH_CLIENT_ID": TokenEndpoint.clientID,
                "DESTINATION_OAUTH_CLIENT_SECRET": TokenEndpoint.clientSecret,
                "DESTINATION_OAUTH_SCOPE": "events.write more",
            ]
        }

        @Test("OAuth2: one token for many requests, renewed before it expires and after a 401")
        func oauth() async throws {
            try await HookRig.with { hook in
                let tokens = hook.receiver.tokens
                hook.receiver.behave(.token(of: tokens))
                let relay = try await hook.streamingRelay(Self.credentials(hook.receiver))
                var committed = try await hook.insert(200, keys: 50)
                try await hook.expectComplete(committed)
                #expect(tokens.requests == 1)
                #expect(tokens.refusals == 0)
                #expect(tokens.scopes == ["events.write more"])

                tokens.revokeAll()
                tokens.setLifetime(3)
                committed += try await hook.insert(200, keys: 50, from: 200)
                try await hook.expectComplete(committed)
                #expect(tokens.requests == 2, "\(tokens.requests) tokens were asked for")
                let refused = hook.receiver.check(committed).answers[401, default: 0]
                #expect(refused >= 1 && refused <= 32, "\(refused) requests met the revoked token")

                // The short-lived one is renewed while there is something to deliver.
                for round in 2..<7 {
                    committed += try await hook.insert(50, keys: 50, from: round * 200)
                    try await hook.receiver.waitForAccepted(committed.count)
                    try await Task.sleep(for: .seconds(1))
                }
                #expect(tokens.requests >= 3)
                let after = hook.receiver.check(committed).answers[401, default: 0]
                #expect(after == refused, "renewed before it expired")
                let letters = try await hook.letters(relay)
                #expect(letters.isEmpty)
            }
        }

        @Test("OAuth2: a token endpoint that refuses is an endpoint that fails: nothing is lost")
        func noToken() async throws {
            try await HookRig.with { hook in
                let tokens = hook.receiver.tokens
                tokens.fail(with: 500)
                hook.receiver.behave(.token(of: tokens))
                let relay = try await hook.streamingRelay(Self.credentials(hook.receiver))
                let committed = try await hook.insert(100, keys: 50)
                try await relay.waitUntil("noticing") { $0.breaker != "closed" && $0.lastError != nil }
                let error = try await relay.status().pipelines[0].lastError ?? ""
                #expect(!error.contains(TokenEndpoint.clientSecret), "a secret in an error")
                #expect(hook.receiver.requestCount == 0, "without a token nothing is sent")
                tokens.fail(with: nil)
                try await hook.expectComplete(committed)
                let letters = try await hook.letters(relay)
                #expect(letters.isEmpty)
                #expect(!relay.logText.contains(TokenEndpoint.clientSecret))
            }
        }
    }
}
