import Foundation

/// A command's reply: the bytes as the driver received them, freed with the last reference.
package final class MongoReply: @unchecked Sendable {
    // @unchecked: the bytes are never written after the initialiser.
    private let memory: UnsafeMutablePointer<UInt8>?
    private let count: Int

    /// Takes over `bytes`, allocated by `malloc`.
    init(taking bytes: UnsafeMutablePointer<UInt8>?, count: Int) {
        memory = bytes
        self.count = count
    }

    deinit { free(memory) }

    /// The size in bytes.
    package var byteCount: Int { count }

    /// Lends the reply's document.
    func withView<Result>(_ body: (BSONView) throws -> Result) throws -> Result {
        try withExtendedLifetime(self) {
            try body(unsafeView())
        }
    }

    /// The reply's document, to be read only while the caller holds on to this object.
    func unsafeView() throws -> BSONView {
        try BSONView(UnsafeRawBufferPointer(start: memory, count: memory == nil ? 0 : count))
    }

    /// A copy of the reply, for the cold paths; empty when there is none.
    package var document: BSONDocument {
        (try? withView { try BSONDocument(copying: $0) }) ?? BSONDocument()
    }
}
