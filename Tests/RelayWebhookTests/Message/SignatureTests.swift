import Crypto
import Foundation
import RelayCore
import Testing

@testable import RelayWebhook

@Suite("Signatures of messages")
struct SignatureTests {
    /// The published message: the format `raw` sends the payload as it is.
    private func published(_ secrets: [String]) throws -> String? {
        let sample = MessageSample(id: "msg_p5jXN8AQM9LWM0D4loKWxJek", payload: Array(#"{"test": 2432232314}"#.utf8))
        let message = try encoder(.raw) { $0.secrets = secrets }.encode(
            [sample.event], redelivery: nil, at: 1_614_265_330)
        #expect(message.header("webhook-id") == sample.id)
        #expect(message.header("webhook-timestamp") == "1614265330")
        return message.header("webhook-signature")
    }

    private let shared = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
    private let open =
        "v1a,hnO3f9T8Ytu9HwrXslvumlUpqtNVqkhqw/enGzPCXe5BdqzCInXqYXFymVJaA7AZdpXwVLPo3mNl8EM+m7TBAg=="

    @Test("the published vectors, one signature for each secret in their order")
    func vectors() throws {
        #expect(try published([PublishedKeys.shared]) == shared)
        #expect(try published([PublishedKeys.open]) == open)
        #expect(try published([PublishedKeys.shared, PublishedKeys.open]) == "\(shared) \(open)")
        #expect(try published([PublishedKeys.open, PublishedKeys.shared]) == "\(open) \(shared)")
        #expect(try published([]) == nil)
        // The seed alone is the same key.
        let seed = Data(base64Encoded: String(PublishedKeys.open.dropFirst(5)))!.prefix(32)
        #expect(try published(["whsk_\(seed.base64EncodedString())"]) == open)
    }

    @Test("shared secrets of every length from 24 to 64 bytes sign as HMAC-SHA256 does", arguments: [24, 32, 63, 64])
    func lengths(count: Int) throws {
        let key = Data((0..<count).map { UInt8($0 * 7 % 256) })
        let message = try encoder { $0.secrets = ["whsec_\(key.base64EncodedString())"] }.encode(MessageSample())
        let signed = "65f0c0ffee0123456789abcd.\(attemptSeconds).\(message.text)"
        let code = HMAC<SHA256>.authenticationCode(for: Data(signed.utf8), using: SymmetricKey(data: key))
        #expect(message.header("webhook-signature") == "v1,\(Data(code).base64EncodedString())")
    }

    @Test("one encoder signs every message for itself, in whatever order")
    func independence() throws {
        let encoder = try encoder { $0.secrets = [PublishedKeys.shared] }
        let first = try encoder.encode(MessageSample()).header("webhook-signature")
        let second = try encoder.encode(MessageSample(id: "other")).header("webhook-signature")
        #expect(first != second)
        #expect(try encoder.encode(MessageSample()).header("webhook-signature") == first)
    }

    @Test("a compressed body is signed as it goes over the wire")
    func compressed() throws {
        let payload = Array("\"\(String(repeating: "abc", count: 1000))\"".utf8)
        let message = try encoder {
            $0.secrets = [PublishedKeys.shared]
            $0.compresses = true
        }.encode(MessageSample(payload: payload))
        #expect(message.header("content-encoding") == "gzip")
        let key = SymmetricKey(data: Data(base64Encoded: String(PublishedKeys.shared.dropFirst(6)))!)
        let signed = Data("65f0c0ffee0123456789abcd.\(attemptSeconds).".utf8) + message.bytes
        let code = HMAC<SHA256>.authenticationCode(for: signed, using: key)
        #expect(message.header("webhook-signature") == "v1,\(Data(code).base64EncodedString())")
    }

    @Test(
        "what is no secret is refused, and not repeated",
        arguments: [
            "plain", "whsec_", "whsec_c2hvcnQ=", "whsec_%%%%", "whsk_c2hvcnQ=",
            "whsec_\(Data(count: 23).base64EncodedString())", "whsec_\(Data(count: 65).base64EncodedString())",
            "whsk_\(Data(count: 33).base64EncodedString())", "whpk_1SiA4o9hyqTCpIqC5V9HUakiiaeACeqfZTInDBbOir4=",
            // A public key that is not the seed's.
            "whsk_\(Data(count: 64).base64EncodedString())",
        ])
    func refusals(secret: String) throws {
        let error = #expect(throws: RelayError.self) {
            _ = try encoder { $0.secrets = [PublishedKeys.shared, secret] }
        }
        #expect(error?.code == .configuration)
        #expect(error?.isRetriable == false)
        #expect(error?.message.contains("secret 2 of destination 'billing'") == true)
        #expect(error?.message.contains(secret.dropFirst(6)) == false || secret.count < 8)
    }
}
