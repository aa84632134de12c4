import NIOSSL
import RelayCore

/// Trust and identity for TLS, from PEM.
enum TLSSettings {
    /// TLS 1.2 or later, with the certificates of `options`.
    /// - Throws: ``RelayError`` when a PEM text is none.
    static func configuration(_ options: WebhookOptions) throws -> TLSConfiguration {
        var configuration = TLSConfiguration.makeClientConfiguration()
        configuration.minimumTLSVersion = .tlsv12
        if let authorities = options.tlsCA {
            configuration.trustRoots = .certificates(
                try parsed(authorities, "DESTINATION_TLS_CA", "certificates") {
                    try NIOSSLCertificate.fromPEMBytes($0)
                })
        }
        if let certificate = options.tlsCertificate, let key = options.tlsKey {
            let chain = try parsed(certificate, "DESTINATION_TLS_CERT", "certificates") {
                try NIOSSLCertificate.fromPEMBytes($0)
            }
            let privateKey = try parsed(key, "DESTINATION_TLS_KEY", "an unencrypted private key") {
                try NIOSSLPrivateKey(bytes: $0, format: .pem)
            }
            configuration.certificateChain = chain.map { .certificate($0) }
            configuration.privateKey = .privateKey(privateKey)
        }
        do {
            _ = try NIOSSLContext(configuration: configuration)
        } catch {
            throw RelayError(
                .configuration,
                "DESTINATION_TLS_CERT and DESTINATION_TLS_KEY do not belong together, or cannot be used for TLS")
        }
        return configuration
    }

    private static func parsed<Value>(
        _ text: String, _ variable: String, _ what: String, _ parse: ([UInt8]) throws -> Value
    ) throws -> Value {
        do {
            return try parse(Array(text.utf8))
        } catch {
            throw RelayError(.configuration, "\(variable) does not hold \(what) in PEM")
        }
    }
}
