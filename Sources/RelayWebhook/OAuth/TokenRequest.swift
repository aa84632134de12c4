import Foundation
import NIOCore
import NIOHTTP1

/// A request for a token by client credentials (RFC 6749, sections 2.3.1 and 4.4.2).
enum TokenRequest {
    /// The body and the headers; both hold secrets.
    static func make(_ oauth: WebhookOptions.OAuth, userAgent: String) -> (body: ByteBuffer, headers: HTTPHeaders) {
        var form = "grant_type=client_credentials"
        if let scope = oauth.scope, !scope.isEmpty { form += "&scope=\(formEncoded(scope))" }
        // The id and the secret are encoded as form fields before they become a user name and a password.
        let pair = "\(formEncoded(oauth.clientID)):\(formEncoded(oauth.clientSecret))"
        let headers: HTTPHeaders = [
            "authorization": "Basic \(Data(pair.utf8).base64EncodedString())",
            "content-type": "application/x-www-form-urlencoded",
            "accept": "application/json",
            "user-agent": userAgent,
        ]
        return (ByteBuffer(string: form), headers)
    }

    /// `application/x-www-form-urlencoded`: a space becomes `+`, and all but letters, digits and `*-._` is
    /// percent-encoded as UTF-8.
    static func formEncoded(_ text: String) -> String {
        var encoded = ""
        for byte in text.utf8 {
            switch byte {
            case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, 0x2A, 0x2D, 0x2E, 0x5F:
                encoded.unicodeScalars.append(Unicode.Scalar(byte))
            case 0x20: encoded += "+"
            default:
                let digits = String(byte, radix: 16, uppercase: true)
                encoded += digits.count == 1 ? "%0\(digits)" : "%\(digits)"
            }
        }
        return encoded
    }
}
