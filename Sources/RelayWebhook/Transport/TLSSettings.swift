import NIOSSL
import RelayCore

/// Trust and identity for TLS, from PEM.
enum TLSSettings {
    /// TLS 1.2 or later, with the certificates of `options`; certificate and name of the server are verified.
    ///
    /// - Throws: ``RelayError`` of code `configuration` for PEM texts that are none, and for a key that does not belong
    ///   to the certificate.
    static func configuration(_ options: WebhookOptions) throws(RelayError) -> TLSConfiguration {
        var configuration = TLSConfiguration.makeClientConfiguration()
        configuration.minimumTLSVersion = .tlsv12
        if let authorities = options.tlsCA {
            configuration.trustRoots = .certificates(try certificates(authorities, "DESTINATION_TLS_CA"))
        }
        switch (options.tlsCertificate, options.tlsKey) {
        case (nil, nil): break
        case (let chain?, let key?):
            let certificates = try certificates(chain, "DESTINATION_TLS_CERT")
            configuration.certificateChain = certificates.map { .certificate($0) }
            guard let key = try? NIOSSLPrivateKey(bytes: Array(key.utf8), format: .pem) else {
                throw problem("DESTINATION_TLS_KEY does not hold an unencrypted private key in PEM")
            }
            configuration.privateKey = .privateKey(key)
            // Not the system's authorities, which take long to read and are not in question.
            var checked = configuration
            checked.trustRoots = .certificates(certificates)
            guard (try? NIOSSLContext(configuration: checked)) != nil else {
                throw problem(
                    "DESTINATION_TLS_CERT and DESTINATION_TLS_KEY do not belong together, or cannot be used for TLS")
            }
        case (.some, nil): throw problem("DESTINATION_TLS_CERT is set, and DESTINATION_TLS_KEY is not")
        case (nil, .some): throw problem("DESTINATION_TLS_KEY is set, and DESTINATION_TLS_CERT is not")
        }
        return configuration
    }

    private static func certificates(_ text: String, _ variable: String) throws(RelayError) -> [NIOSSLCertificate] {
        guard let found = try? NIOSSLCertificate.fromPEMBytes(Array(text.utf8)), !found.isEmpty else {
            throw problem("\(variable) does not hold certificates in PEM")
        }
        return found
    }

    private static func problem(_ message: String) -> RelayError { RelayError(.configuration, message) }
}
