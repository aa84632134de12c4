import CZlib
import NIOCore
import Synchronization

/// Compresses bodies as gzip (RFC 1952). Can be used by many tasks at once.
///
/// A stream's 256 KiB of working memory are kept for the next body: making them anew for each costs about as much as
/// compressing a small one.
final class GzipCompressor: Sendable {
    // @unchecked: the mutex hands a stream to one task at a time.
    private struct Stream: @unchecked Sendable { let pointer: UnsafeMutablePointer<z_stream> }

    private let idle = Mutex<[Stream]>([])
    /// More tasks than this hardly compress at the same time.
    private static let mostIdle = 8
    private static let level: Int32 = 6

    deinit { idle.withLock { for stream in $0 { Self.end(stream) } } }

    /// `body` compressed, or nil when that is no smaller (or there is no memory to compress it).
    func compress(_ body: ByteBuffer) -> ByteBuffer? {
        // One byte less than the body: what does not fit in is of no use.
        guard body.readableBytes > 1, let size = UInt32(exactly: body.readableBytes - 1), size < .max,
            let stream = take()
        else { return nil }
        defer { put(back: stream) }
        var compressed = ByteBufferAllocator().buffer(capacity: Int(size))
        var isWhole = false
        body.withUnsafeReadableBytes { input in
            _ = compressed.writeWithUnsafeMutableBytes(minimumWritableBytes: Int(size)) { room in
                let pointer = stream.pointer
                // zlib only reads there.
                pointer.pointee.next_in = UnsafeMutablePointer(
                    mutating: input.bindMemory(to: UInt8.self).baseAddress)
                pointer.pointee.avail_in = size + 1
                pointer.pointee.next_out = room.bindMemory(to: UInt8.self).baseAddress
                pointer.pointee.avail_out = size
                isWhole = deflate(pointer, Z_FINISH) == Z_STREAM_END
                return Int(size - pointer.pointee.avail_out)
            }
        }
        return isWhole ? compressed : nil
    }

    private func take() -> Stream? {
        if let stream = idle.withLock({ $0.popLast() }) { return stream }
        let stream = Stream(pointer: .allocate(capacity: 1))
        stream.pointer.initialize(to: z_stream())
        if relay_gzip_init(stream.pointer, Self.level) == Z_OK { return stream }
        stream.pointer.deallocate()
        return nil
    }

    private func put(back stream: Stream) {
        let isKept =
            deflateReset(stream.pointer) == Z_OK
            && idle.withLock { idle in
                guard idle.count < Self.mostIdle else { return false }
                idle.append(stream)
                return true
            }
        if !isKept { Self.end(stream) }
    }

    private static func end(_ stream: Stream) {
        deflateEnd(stream.pointer)
        stream.pointer.deallocate()
    }
}
