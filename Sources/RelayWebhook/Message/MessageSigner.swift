import Crypto
import Foundation
import NIOCore
import RelayCore

/// Signs messages as Standard Webhooks has it: over the id, the time of the attempt and the bytes of the body.
struct MessageSigner: Sendable {
    private enum Key: Sendable {
        /// HMAC-SHA256, already keyed: to be copied for each message.
        case shared(HMAC<SHA256>)
        case open(Curve25519.Signing.PrivateKey)
    }

    private let keys: [Key]

    /// Signs with every one of `secrets`: `whsec_…` (24 to 64 bytes) makes a `v1`, `whsk_…` (an ed25519 seed of 32
    /// bytes, or that and its public key) a `v1a`.
    /// - Throws: ``RelayError`` for what is no such secret; the message does not hold it.
    init(_ secrets: [String], destination: String) throws(RelayError) {
        var keys: [Key] = []
        for (number, secret) in secrets.enumerated() {
            func refusal(_ reason: String) -> RelayError {
                RelayError(
                    .configuration, "signing secret \(number + 1) of destination '\(destination)' \(reason)")
            }
            let isShared = secret.hasPrefix("whsec_")
            guard isShared || secret.hasPrefix("whsk_") else {
                throw refusal("begins with neither `whsec_` nor `whsk_`: set DESTINATION_SECRET to one that does")
            }
            guard let key = Data(base64Encoded: String(secret.drop { $0 != "_" }.dropFirst())) else {
                throw refusal("is not base64 behind its prefix: set DESTINATION_SECRET to one that is")
            }
            if isShared {
                guard (24...64).contains(key.count) else { throw refusal("must have 24 to 64 bytes") }
                keys.append(.shared(HMAC(key: SymmetricKey(data: key))))
                continue
            }
            guard key.count == 32 || key.count == 64 else { throw refusal("must have 32 or 64 bytes") }
            guard let open = try? Curve25519.Signing.PrivateKey(rawRepresentation: key.prefix(32)) else {
                throw refusal("is no ed25519 key")
            }
            guard key.count == 32 || open.publicKey.rawRepresentation == key.suffix(32) else {
                throw refusal("holds a public key that does not belong to its private one")
            }
            keys.append(.open(open))
        }
        self.keys = keys
    }

    /// The header `webhook-signature`: one signature for each secret, separated by spaces; nil without secrets.
    /// - Throws: ``RelayError`` when the library cannot sign.
    func sign(id: String, timestamp: String, body: ByteBuffer) throws(RelayError) -> String? {
        guard let first = keys.first else { return nil }
        var signatures = try signature(by: first, id, timestamp, body)
        for key in keys.dropFirst() { signatures += " " + (try signature(by: key, id, timestamp, body)) }
        return signatures
    }

    private func signature(
        by key: Key, _ id: String, _ timestamp: String, _ body: ByteBuffer
    ) throws(RelayError) -> String {
        switch key {
        case .shared(var code):
            var head = "\(id).\(timestamp)."
            head.withUTF8 { code.update(data: UnsafeRawBufferPointer($0)) }
            body.withUnsafeReadableBytes { code.update(data: $0) }
            return code.finalize().withUnsafeBytes { Self.text($0, prefix: "v1,") }
        case .open(let key):
            var message = Data("\(id).\(timestamp).".utf8)
            body.withUnsafeReadableBytes { message.append(contentsOf: $0) }
            do {
                return try key.signature(for: message).withUnsafeBytes { Self.text($0, prefix: "v1a,") }
            } catch {
                throw RelayError(
                    .internalFault, "a request could not be signed with ed25519: \(error)", isRetriable: true)
            }
        }
    }

    private static func text(_ signature: UnsafeRawBufferPointer, prefix: StaticString) -> String {
        let start = prefix.utf8CodeUnitCount
        let count = start + Base64.count(of: signature.count)
        return String(unsafeUninitializedCapacity: count) { text in
            for index in 0..<start { text[index] = prefix.utf8Start[index] }
            return start
                + Base64.write(
                    signature,
                    to: UnsafeMutableRawBufferPointer(rebasing: UnsafeMutableRawBufferPointer(text)[start...]))
        }
    }
}
