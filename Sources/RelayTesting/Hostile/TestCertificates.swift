import Foundation
import NIOSSL

/// Certificates for tests, made by the `openssl` command in a temporary folder.
///
///     let authority = try await TestCertificates()
///     let server = try await authority.issue(names: "DNS:localhost,IP:127.0.0.1")
package struct TestCertificates: Sendable {
    /// A certificate with its key, in PEM form.
    package struct Identity: Sendable {
        package let certificate: String
        package let key: String

        /// What a server with this certificate uses.
        /// - Parameters:
        ///   - protocols: offered by ALPN, in order of preference.
        ///   - clientAuthority: who has to have signed the client's certificate; nil asks for none.
        ///   - newest: the newest TLS version.
        package func server(
            protocols: [String] = [], clientAuthority: String? = nil, newest: TLSVersion? = nil
        ) throws -> TLSConfiguration {
            let chain = try NIOSSLCertificate.fromPEMBytes(Array(certificate.utf8)).map {
                NIOSSLCertificateSource.certificate($0)
            }
            let key = try NIOSSLPrivateKey(bytes: Array(key.utf8), format: .pem)
            var configuration = TLSConfiguration.makeServerConfiguration(
                certificateChain: chain, privateKey: .privateKey(key))
            configuration.applicationProtocols = protocols
            configuration.maximumTLSVersion = newest
            if newest == .tlsv11 || newest == .tlsv1 { configuration.minimumTLSVersion = .tlsv1 }
            if let clientAuthority {
                let roots = try NIOSSLCertificate.fromPEMBytes(Array(clientAuthority.utf8))
                configuration.trustRoots = .certificates(roots)
                configuration.certificateVerification = .noHostnameVerification
            }
            return configuration
        }
    }

    /// The authority's own certificate, in PEM form.
    package let authority: String
    private let folder: TestFolder

    /// Makes an authority.
    /// - Throws: ``TestingError`` when `openssl` is missing or fails.
    package init() async throws {
        folder = try await TestFolder()
        try await Self.openssl([
            "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
            "-keyout", folder.path("ca.key"), "-out", folder.path("ca.pem"), "-days", "30",
            "-subj", "/CN=a test authority", "-addext", "basicConstraints=critical,CA:TRUE",
        ])
        authority = try Self.text(folder.path("ca.pem"))
    }

    /// Issues a certificate.
    /// - Parameters:
    ///   - names: what it is for, as `openssl` writes it: `DNS:localhost,IP:127.0.0.1`.
    ///   - days: how long it is valid; with 0 it has expired a second later.
    package func issue(names: String, days: Int = 10) async throws -> Identity {
        let name = "leaf-\(UInt64.random(in: 0 ... .max))"
        let (key, request, extensions, certificate) = (
            folder.path("\(name).key"), folder.path("\(name).csr"), folder.path("\(name).ext"),
            folder.path("\(name).pem")
        )
        try await Self.openssl([
            "req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", key,
            "-out", request, "-subj", "/CN=a test certificate",
        ])
        try "subjectAltName=\(names)\n".write(toFile: extensions, atomically: true, encoding: .utf8)
        try await Self.openssl([
            "x509", "-req", "-in", request, "-CA", folder.path("ca.pem"), "-CAkey", folder.path("ca.key"),
            "-set_serial", "\(UInt32.random(in: 1 ... .max))", "-days", "\(days)", "-extfile", extensions,
            "-out", certificate,
        ])
        return Identity(certificate: try Self.text(certificate), key: try Self.text(key))
    }

    private static func openssl(_ arguments: [String]) async throws {
        let result = try await Command.run("openssl", arguments)
        guard result.exitCode == 0 else {
            throw TestingError("openssl \(arguments[0]) failed: \(result.error.suffix(500))")
        }
    }

    private static func text(_ path: String) throws -> String { try String(contentsOfFile: path, encoding: .utf8) }
}
