import Crypto
import Foundation
import RelayCore
import Testing

@testable import RelayWebhook

@Suite("Headers of messages")
struct MessageHeaderTests {
    @Test(
        "webhook-id: everything outside of letters, digits, '_' and '-' is percent-encoded as UTF-8",
        arguments: [
            ("plain_ID-09", "plain_ID-09"), ("a.b", "a%2Eb"), ("5f:7", "5f%3A7"), ("~*'() /", "%7E%2A%27%28%29%20%2F"),
            ("100%", "100%25"), ("é€😀", "%C3%A9%E2%82%AC%F0%9F%98%80"), ("\u{0}\r\n\u{7F}", "%00%0D%0A%7F"),
            (#"{"$oid":"a"}"#, "%7B%22%24oid%22%3A%22a%22%7D"),
        ])
    func identifier(id: String, expected: String) throws {
        for format in WebhookOptions.Format.allCases where format != .cloudeventsBatch {
            #expect(try encoder(format).encode(MessageSample(id: id)).header("webhook-id") == expected)
        }
    }

    @Test("webhook-id: an id that would be longer than 1,000 bytes is hashed")
    func longIdentifier() throws {
        let longest = String(repeating: "a", count: 1000)
        #expect(try encoder().encode(MessageSample(id: longest)).header("webhook-id") == longest)
        let encoded = String(repeating: ".", count: 333) + "a"
        #expect(try encoder().encode(MessageSample(id: encoded)).header("webhook-id")?.utf8.count == 1000)
        for tooLong in [longest + "a", encoded + "a"] {
            let hash = SHA256.hash(data: Data(tooLong.utf8)).map { String(format: "%02x", $0) }.joined()
            let message = try encoder().encode(MessageSample(id: tooLong))
            #expect(message.header("webhook-id") == "sha256-\(hash)")
            // The event itself keeps its id.
            #expect(message.text.contains("\"id\":\"\(tooLong)\""))
        }
    }

    @Test("webhook-id of a batch: other ids, other bounds between ids and another order make another one")
    func batchIdentifiers() throws {
        let encoder = try encoder(.cloudeventsBatch)
        let batches = [["ab", "c"], ["a", "bc"], ["abc"], ["c", "ab"], ["a", "b", "c"], ["ab", "c", ""]]
        let ids = try batches.map { ids in
            try encoder.encode(ids.map { MessageSample(id: $0).event }, redelivery: nil, at: 1).header("webhook-id")
        }
        #expect(Set(ids).count == batches.count)
        #expect(ids.allSatisfy { $0?.count == 64 })
    }

    @Test(
        "attributes in headers are percent-encoded as CloudEvents has it",
        arguments: [
            ("Euro € 😀", "Euro%20%E2%82%AC%20%F0%9F%98%80"), ("a\"b%c", "a%22b%25c"),
            ("!#$&'()*+,-./:;<=>?@[\\]^_`{|}~", "!#$&'()*+,-./:;<=>?@[\\]^_`{|}~"),
            ("\u{1}\u{1F}\u{7F}\u{80}", "%01%1F%7F%C2%80"), ("line\r\nce-x: y", "line%0D%0Ace-x:%20y"),
        ])
    func attribute(text: String, expected: String) throws {
        let message = try encoder(.cloudeventsBinary).encode(MessageSample(key: text))
        #expect(message.header("ce-subject") == expected)
        #expect(message.header("ce-partitionkey") == expected)
    }

    @Test("a trace that is no header value stays out of the headers, and in the event")
    func traces() throws {
        let state = String(repeating: "a=1,", count: 250) + "b"
        for bad in ["00-a\r\nx-evil: 1", "00-é", " 00-a", "00-a ", "\u{7F}", String(repeating: "0", count: 1001)] {
            let sample = MessageSample(headers: #"{"tracestate":"a=1"}"#, traceparent: bad)
            let message = try encoder().encode(sample)
            #expect(message.header("traceparent") == nil)
            #expect(message.header("tracestate") == nil)
            #expect(message.text.contains("\"traceparent\":"))
            #expect(message.headers.allSatisfy { !$0.value.contains("evil") })
        }
        let long = MessageSample(headers: "{\"tracestate\":\"\(state)\"}", traceparent: "00-a-b-01")
        let message = try encoder().encode(long)
        #expect(message.header("traceparent") == "00-a-b-01")
        #expect(message.header("tracestate") == nil)
        #expect(message.text.contains(state))
    }

    @Test("a tracestate without a traceparent goes nowhere")
    func stateAlone() throws {
        for format in WebhookOptions.Format.allCases {
            let message = try encoder(format).encode(MessageSample(headers: #"{"tracestate":"a=1"}"#))
            #expect(!message.text.contains("tracestate"))
            #expect(message.headers.allSatisfy { !$0.name.contains("trace") })
        }
    }

    @Test("a user's headers come last and replace none of the relay's")
    func extraHeaders() throws {
        let headers = [
            ("Authorization", "Bearer abc"), ("X-Tenant", "a"), ("x-tenant", "b"), ("Webhook-Id", "mine"),
            ("USER-AGENT", "mine"), ("content-type", "text/plain"), ("Content-Encoding", "br"), ("Host", "evil"),
            ("TraceParent", "mine"), ("outbox-relay-redelivery", "mine"), ("ce-id", "mine"), ("Content-Length", "1"),
        ]
        func change(_ options: inout WebhookOptions) { options.headers = headers.map { (name: $0.0, value: $0.1) } }
        let message = try encoder(.cloudevents, change).encode(MessageSample())
        #expect(
            message.lines.suffix(4) == ["Authorization: Bearer abc", "X-Tenant: a", "x-tenant: b", "ce-id: mine"])
        #expect(message.header("user-agent") == "outbox-relay/1.2.3")
        let binary = try encoder(.cloudeventsBinary, change).encode(MessageSample())
        #expect(binary.headers["ce-id"] == ["65f0c0ffee0123456789abcd"])
        for message in [message, binary] {
            #expect(message.headers.filter { $0.value == "mine" }.count == (message.header("ce-type") == nil ? 1 : 0))
            #expect(message.header("host") == nil && message.header("content-length") == nil)
        }
    }

    @Test(
        "a header that no request can carry is refused, and its value not repeated",
        arguments: [
            ("X-Key", "top-secret\r\nX-Evil: 1"), ("X Key", "top-secret"), ("", "top-secret"), ("X-Kéy", "top-secret"),
            ("X-Key:", "top-secret"), ("X-Key", "top-secret\u{0}"),
        ])
    func refusedHeaders(name: String, value: String) throws {
        let error = #expect(throws: RelayError.self) {
            _ = try encoder { $0.headers = [(name: "X-Fine", value: "1"), (name: name, value: value)] }
        }
        #expect(error?.code == .configuration)
        #expect(error?.message.contains("header 2 of DESTINATION_HEADERS of destination 'billing'") == true)
        #expect(error?.message.contains("top-secret") == false)
    }
}
