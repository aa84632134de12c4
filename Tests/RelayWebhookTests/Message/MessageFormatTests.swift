import Foundation
import Testing

@testable import RelayWebhook

/// Bodies and headers byte by byte: once released they must never change.
@Suite("Formats of messages")
struct MessageFormatTests {
    private let full = MessageSample(
        headers: #"{"tenant":"a","dataschema":"https://schemas.example/order/1.json","tracestate":"rojo=1,congo=2"}"#,
        schemaVersion: "3", traceparent: "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")

    private let fullJSON =
        #"{"specversion":"1.0","id":"65f0c0ffee0123456789abcd","source":"/shop/outbox","type":"OrderPlaced","#
        + #""subject":"o-17","time":"2026-01-31T12:00:00.250Z","datacontenttype":"application/json","#
        + #""dataschema":"https://schemas.example/order/1.json","topic":"order","schemaversion":"3","#
        + #""sequence":"00000000000000000042","partitionkey":"o-17","#
        + #""traceparent":"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01","#
        + #""tracestate":"rojo=1,congo=2","data":{"total":12.5}}"#

    @Test("cloudevents: one JSON object")
    func structured() throws {
        let message = try encoder().encode(full)
        #expect(message.text == fullJSON)
        #expect(
            message.lines == [
                "webhook-id: 65f0c0ffee0123456789abcd", "webhook-timestamp: 1769860803",
                "content-type: application/cloudevents+json; charset=utf-8", "user-agent: outbox-relay/1.2.3",
                "traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", "tracestate: rojo=1,congo=2",
            ])
    }

    @Test("cloudevents: what an event does not have is left out")
    func least() throws {
        var least = MessageSample(topic: nil, key: nil, payload: nil, occurredAt: .min)
        let json =
            #"{"specversion":"1.0","id":"65f0c0ffee0123456789abcd","source":"/shop/outbox","type":"OrderPlaced","#
            + #""datacontenttype":"application/json","sequence":"00000000000000000042"}"#
        #expect(try encoder().encode(least).text == json)
        // Empty is as good as absent: CloudEvents has no empty attributes.
        least.topic = ""
        least.key = ""
        least.schemaVersion = ""
        least.traceparent = ""
        least.payload = []
        least.headers = #"{"tracestate":"a=1","dataschema":""}"#
        #expect(try encoder().encode(least).text == json)
        #expect(try encoder().encode(least).header("traceparent") == nil)
        #expect(try encoder().encode(least).header("tracestate") == nil)
    }

    @Test("cloudevents: binary payloads are data_base64, even without bytes")
    func structuredBinary() throws {
        let message = try encoder().encode(MessageSample(payload: [0, 0xFF, 0x10, 0x80], isBinary: true))
        #expect(message.text.contains(#""datacontenttype":"application/octet-stream""#))
        #expect(message.text.hasSuffix(#","data_base64":"AP8QgA=="}"#))
        #expect(!message.text.contains("\"data\":"))
        let empty = try encoder().encode(MessageSample(payload: [], isBinary: true))
        #expect(empty.text.hasSuffix(#","data_base64":""}"#))
    }

    @Test("cloudevents-binary: attributes as headers, the payload as the body")
    func binary() throws {
        let message = try encoder(.cloudeventsBinary).encode(full)
        #expect(message.text == #"{"total":12.5}"#)
        #expect(
            message.lines == [
                "webhook-id: 65f0c0ffee0123456789abcd", "webhook-timestamp: 1769860803",
                "content-type: application/json", "user-agent: outbox-relay/1.2.3",
                "traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", "tracestate: rojo=1,congo=2",
                "ce-specversion: 1.0", "ce-id: 65f0c0ffee0123456789abcd", "ce-source: /shop/outbox",
                "ce-type: OrderPlaced", "ce-subject: o-17", "ce-time: 2026-01-31T12:00:00.250Z",
                "ce-dataschema: https://schemas.example/order/1.json", "ce-topic: order", "ce-schemaversion: 3",
                "ce-sequence: 00000000000000000042", "ce-partitionkey: o-17",
                "ce-traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
                "ce-tracestate: rojo=1,congo=2",
            ])
        let bytes = try encoder(.cloudeventsBinary).encode(MessageSample(payload: [0, 0xFF], isBinary: true))
        #expect(bytes.bytes == [0, 0xFF])
        #expect(bytes.header("content-type") == "application/octet-stream")
        #expect(bytes.header("ce-datacontenttype") == nil)
    }

    @Test("cloudevents-batch: an array, and no trace of one of its events")
    func batch() throws {
        let encoder = try encoder(.cloudeventsBatch)
        let second = MessageSample(id: "b", key: "o-18", payload: [0xFE], isBinary: true, position: 43)
        let message = try encoder.encode(full, second)
        let secondJSON =
            #"{"specversion":"1.0","id":"b","source":"/shop/outbox","type":"OrderPlaced","subject":"o-18","#
            + #""time":"2026-01-31T12:00:00.250Z","datacontenttype":"application/octet-stream","topic":"order","#
            + #""sequence":"00000000000000000043","partitionkey":"o-18","data_base64":"/g=="}"#
        #expect(message.text == "[\(fullJSON),\(secondJSON)]")
        #expect(
            message.lines == [
                // printf '\0\0\0\0\0\0\0\03065f0c0ffee0123456789abcd\0\0\0\0\0\0\0\001b' | sha256sum
                "webhook-id: \(batchID)", "webhook-timestamp: 1769860803",
                "content-type: application/cloudevents-batch+json; charset=utf-8", "user-agent: outbox-relay/1.2.3",
            ])
        let alone = try encoder.encode(full)
        #expect(alone.text == "[\(fullJSON)]")
        #expect(alone.header("traceparent") == full.traceparent)
        #expect(alone.header("webhook-id") == singleID)
    }

    private let batchID = "74bc3fe3ac36b291c125e6e0347ad8d3205814d8b20ccac95c52642bdaa68143"
    private let singleID = "4ddbf56d495bfec18d827ad6c5f2620590479f7c90d5d304ec97f230a820eee4"

    @Test("standard: type, timestamp and data")
    func standard() throws {
        let encoder = try encoder(.standard)
        let message = try encoder.encode(full)
        #expect(
            message.text == #"{"type":"OrderPlaced","timestamp":"2026-01-31T12:00:00.250Z","data":{"total":12.5}}"#)
        #expect(
            message.lines == [
                "webhook-id: 65f0c0ffee0123456789abcd", "webhook-timestamp: 1769860803",
                "content-type: application/json", "user-agent: outbox-relay/1.2.3",
                "traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", "tracestate: rojo=1,congo=2",
            ])
        let bytes = MessageSample(payload: Array("shop".utf8), isBinary: true, occurredAt: .min)
        #expect(try encoder.encode(bytes).text == #"{"type":"OrderPlaced","data":"c2hvcA=="}"#)
        #expect(try encoder.encode(bytes).header("content-type") == "application/json")
    }

    @Test("raw: the payload and nothing else")
    func raw() throws {
        let message = try encoder(.raw).encode(full)
        #expect(message.text == #"{"total":12.5}"#)
        #expect(message.header("content-type") == "application/json")
        #expect(message.header("tracestate") == "rojo=1,congo=2")
        let bytes = try encoder(.raw).encode(MessageSample(payload: [1, 2, 3], isBinary: true))
        #expect(bytes.bytes == [1, 2, 3])
        #expect(bytes.header("content-type") == "application/octet-stream")
        #expect(try encoder(.raw).encode(MessageSample(payload: nil)).bytes == [])
    }

    @Test("JSON of every kind is embedded as it is, white space and all", arguments: WebhookOptions.Format.allCases)
    func embedded(format: WebhookOptions.Format) throws {
        for payload in ["null", "17", "\"text\\u0000\"", "[1, 2]", " {\"a\" : 1.0e400}\n", "false"] {
            let text = try encoder(format).encode(MessageSample(payload: Array(payload.utf8))).text
            switch format {
            case .cloudevents, .standard: #expect(text.hasSuffix(",\"data\":\(payload)}"))
            case .cloudeventsBatch: #expect(text.hasSuffix(",\"data\":\(payload)}]"))
            case .cloudeventsBinary, .raw: #expect(text == payload)
            }
        }
    }

    @Test("a redelivery says so, and attempts differ in their time only")
    func attempts() throws {
        let encoder = try encoder()
        let first = try encoder.encode([full.event], redelivery: nil, at: 100)
        let again = try encoder.encode([full.event], redelivery: "retry", at: 200)
        #expect(first.bytes == again.bytes)
        let common = first.lines.filter { !$0.hasPrefix("webhook-timestamp") }
        #expect(
            again.lines.filter { !$0.hasPrefix("webhook-timestamp") } == common + ["outbox-relay-redelivery: retry"])
        #expect(again.header("webhook-timestamp") == "200")
    }
}
