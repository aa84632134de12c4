import CZlib
import Foundation
import NIOCore
import Testing

@testable import RelayWebhook

@Suite("Compression of messages")
struct CompressionTests {
    /// What gzip makes of `bytes`; nil when they are no gzip or go on behind it.
    private func decompressed(_ bytes: [UInt8]) -> [UInt8]? {
        var stream = z_stream()
        guard inflateInit2_(&stream, 15 + 16, zlibVersion(), Int32(MemoryLayout<z_stream>.size)) == Z_OK else {
            return nil
        }
        defer { inflateEnd(&stream) }
        var (input, output) = (bytes, [UInt8](repeating: 0, count: 8 << 20))
        let status = input.withUnsafeMutableBufferPointer { input in
            output.withUnsafeMutableBufferPointer { output in
                (stream.next_in, stream.avail_in) = (input.baseAddress, UInt32(input.count))
                (stream.next_out, stream.avail_out) = (output.baseAddress, UInt32(output.count))
                return inflate(&stream, Z_FINISH)
            }
        }
        return status == Z_STREAM_END && stream.avail_in == 0 ? Array(output.prefix(Int(stream.total_out))) : nil
    }

    private func payload(_ count: Int) -> [UInt8] {
        Array("\"\(String(repeating: "order ", count: count).prefix(count - 2))\"".utf8)
    }

    @Test("bodies of 1 KiB and more, in every format", arguments: WebhookOptions.Format.allCases)
    func formats(format: WebhookOptions.Format) throws {
        let plain = try encoder(format)
        let compressing = try encoder(format) { $0.compresses = true }
        for count in [4, 500, 1023, 1024, 5000, 3 << 20] {
            let sample = MessageSample(payload: payload(count))
            let body = try plain.encode(sample)
            let message = try compressing.encode(sample)
            guard body.bytes.count >= 1024 else {
                #expect(message.bytes == body.bytes)
                #expect(message.header("content-encoding") == nil)
                continue
            }
            #expect(message.header("content-encoding") == "gzip")
            #expect(message.bytes.count < body.bytes.count)
            #expect(decompressed(message.bytes) == body.bytes)
            #expect(message.header("content-type") == body.header("content-type"))
        }
    }

    @Test("what does not get smaller goes out as it is")
    func incompressible() throws {
        var random = MessageRandom("incompressible")
        let bytes = (0..<3000).map { _ in UInt8.random(in: 0...255, using: &random) }
        let message = try encoder(.raw) { $0.compresses = true }.encode(MessageSample(payload: bytes, isBinary: true))
        #expect(message.bytes == bytes)
        #expect(message.header("content-encoding") == nil)
    }

    @Test("without compression nothing is compressed")
    func off() throws {
        let message = try encoder(.raw).encode(MessageSample(payload: payload(5000)))
        #expect(message.bytes == payload(5000))
    }

    @Test("many tasks at once, and the same bytes on every attempt")
    func concurrent() async throws {
        let encoder = try encoder(.raw) { $0.compresses = true }
        await withTaskGroup(of: Bool.self) { group in
            for task in 0..<32 {
                group.addTask {
                    (0..<50).allSatisfy { round in
                        let body = payload(1024 + task * 97 + round)
                        // One in three does not finish: a stream must be usable after that.
                        let noise = (0..<2000).map { _ in UInt8.random(in: 0...255) }
                        let isNoise = round % 3 == 2
                        let sample = MessageSample(payload: isNoise ? noise : body, isBinary: isNoise)
                        guard let first = try? encoder.encode(sample), let second = try? encoder.encode(sample) else {
                            return false
                        }
                        return first.bytes == second.bytes
                            && (isNoise ? first.bytes == noise : decompressed(first.bytes) == body)
                    }
                }
            }
            for await isRight in group { #expect(isRight) }
        }
    }
}
