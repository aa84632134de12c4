import Crypto
import Foundation

/// Verifies Standard Webhooks signatures as a receiver does, by nothing that the relay is made of.
struct SignatureVerifier: Sendable {
    private enum Key: Sendable {
        case shared(SymmetricKey)
        case open(Curve25519.Signing.PublicKey)
    }

    private let keys: [Key]
    /// How far the sender's clock may be off.
    private static let tolerance: Int64 = 300

    /// Accepts signatures by all of `secrets`: `whsec_…` for `v1`, `whpk_…` or `whsk_…` for `v1a`.
    /// - Throws: ``TestingError`` for what is no such secret.
    init(_ secrets: [String]) throws {
        keys = try secrets.map { secret in
            guard let mark = secret.firstIndex(of: "_"),
                let bytes = Data(base64Encoded: String(secret[mark...].dropFirst()))
            else { throw TestingError("a secret of the receiver is not base64 behind its prefix") }
            switch secret[...mark] {
            case "whsec_": return .shared(SymmetricKey(data: bytes))
            case "whpk_": return .open(try Curve25519.Signing.PublicKey(rawRepresentation: bytes))
            // The seed, with or without the public key behind it.
            case "whsk_":
                return .open(try Curve25519.Signing.PrivateKey(rawRepresentation: bytes.prefix(32)).publicKey)
            default: throw TestingError("a secret of the receiver begins with none of whsec_, whpk_, whsk_")
            }
        }
    }

    /// What is wrong with a message; nil when every key has a signature in `signatures` that is valid.
    /// - Parameter now: Unix seconds.
    func problem(id: String, timestamp: String?, signatures: String?, body: UnsafeRawBufferPointer, now: Int64)
        -> String?
    {
        guard let timestamp, let seconds = Int64(timestamp) else { return "no webhook-timestamp in Unix seconds" }
        guard abs(seconds - now) <= Self.tolerance else { return "a webhook-timestamp that is \(now - seconds) s old" }
        if keys.isEmpty { return nil }
        guard let signatures else { return "no webhook-signature" }
        var message = Data("\(id).\(timestamp).".utf8)
        message.append(contentsOf: body)
        let parts = signatures.split(separator: " ").map { $0.split(separator: ",", maxSplits: 1).map(String.init) }
        guard parts.count == keys.count else { return "\(parts.count) signatures for \(keys.count) secrets" }
        for (number, key) in keys.enumerated() {
            let isSigned = parts.contains { part in
                guard part.count == 2, let code = Data(base64Encoded: part[1]) else { return false }
                return switch key {
                case .shared(let key):
                    part[0] == "v1"
                        && HMAC<SHA256>.isValidAuthenticationCode(code, authenticating: message, using: key)
                case .open(let key): part[0] == "v1a" && key.isValidSignature(code, for: message)
                }
            }
            if !isSigned { return "no valid signature by secret \(number + 1)" }
        }
        return nil
    }
}
