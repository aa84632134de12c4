import AsyncHTTPClient
import NIOCore
import NIOHTTP1
import NIOHTTP2
import NIOPosix
import NIOSSL

/// What follows from an exchange without an answer; without I/O.
struct FailureClassifier: Sendable {
    /// Host and port, for messages.
    let authority: String
    /// The host alone.
    let host: String
    /// `DESTINATION_TIMEOUT`.
    let timeout: Duration

    /// What became of an attempt that was broken off from here.
    func result(_ reason: AttemptWatch.Reason, wasBegun: Bool) -> AttemptResult {
        switch reason {
        case .cancelled: return AttemptResult(.cancelled, .cancelled, message: "the attempt was broken off")
        case .overdue:
            let time = AnswerClassifier.seconds(timeout)
            let what = wasBegun ? "no answer" : "no connection to \(authority)"
            return failed(.timeout, "\(what) within \(time)", isEndpoint: !wasBegun)
        }
    }

    /// What became of an attempt that failed.
    func result(_ failure: HTTPExchange.Failure) -> AttemptResult {
        let wasBegun = failure.wasBegun
        switch failure.error {
        case let fault as TransportFault: return result(fault)
        case let error as HTTPClientError: return result(error, wasBegun: wasBegun)
        case let error as NIOSSLError where error != .uncleanShutdown: return tls(Self.reason(error))
        case let error as NIOSSLExtraError:
            let isName = error == .failedToValidateHostname || error == .serverHostnameImpossibleToMatch
            return tls(isName ? "its certificate is for another name" : "\(error)")
        case let error as BoringSSLError: return tls(Self.reason(error))
        case let error as IOError: return result(errno: error.errnoCode, wasBegun: wasBegun)
        case let error as NIOConnectionError:
            let code = error.connectionErrors.lazy.compactMap { ($0.error as? IOError)?.errnoCode }.first
            return result(errno: code ?? 0, wasBegun: wasBegun)
        case is HTTPParserError, is NIOHTTPDecoderError:
            return failed(
                .protocolError, "what \(authority) answered is not HTTP (\(failure.error))", isEndpoint: false)
        case let error as NIOHTTP2Errors.StreamClosed:
            return failed(
                .connection, "\(authority) broke the HTTP/2 request off (\(error.errorCode))", isEndpoint: !wasBegun)
        case let error where Self.isHTTP2(error):
            // The name alone: the error may hold what the receiver sent.
            let name = "\(type(of: (error as? NIOHTTP2Errors.StreamError)?.baseError ?? error))"
            return failed(.protocolError, "what \(authority) answered is not HTTP/2 (\(name))", isEndpoint: false)
        default:
            return closed(wasBegun: wasBegun)
        }
    }

    private func result(_ fault: TransportFault) -> AttemptResult {
        switch fault {
        case .unresolved(let reason):
            return failed(.dns, "the name \(host) could not be resolved: \(reason)", isEndpoint: true)
        case .forbidden(let addresses):
            let list = addresses.map(\.description).joined(separator: ", ")
            return failed(
                .forbiddenAddress, "\(host) has only addresses that are never connected to: \(list)", isEndpoint: true)
        case .unconnected: return failed(.connection, "no connection to \(authority) in time", isEndpoint: true)
        case .noHandshake: return tls("no answer in time")
        case .headersTooLarge:
            let most = InboundLimit.mostHeaderBytes >> 10
            return failed(.protocolError, "\(authority) sent more than \(most) KiB of headers", isEndpoint: false)
        case .answerTooLarge:
            return failed(.protocolError, "\(authority) sent a longer answer than is read", isEndpoint: false)
        case .invalidStatus:
            return failed(
                .protocolError, "\(authority) answered with a status that HTTP does not have", isEndpoint: false)
        case .restNotWanted: return closed(wasBegun: true)
        }
    }

    private func result(_ error: HTTPClientError, wasBegun: Bool) -> AttemptResult {
        switch error {
        case .connectTimeout: return failed(.connection, "no connection to \(authority) in time", isEndpoint: true)
        case .getConnectionFromPoolTimeout:
            return failed(.timeout, "no connection to \(authority) was free in time", isEndpoint: false)
        case .tlsHandshakeTimeout: return tls("no answer in time")
        case .remoteConnectionClosed: return closed(wasBegun: wasBegun)
        case .cancelled, .alreadyShutdown, .requestStreamCancelled:
            return failed(.connection, "the connection to \(authority) was given up", isEndpoint: false)
        case let error where Self.isOurFault(error):
            return AttemptResult(.refused, .refused, message: "no request can be made of it: \(error.shortDescription)")
        default:
            return failed(.protocolError, "\(authority): \(error.shortDescription)", isEndpoint: false)
        }
    }

    private func result(errno code: CInt, wasBegun: Bool) -> AttemptResult {
        switch code {
        case ECONNREFUSED: return failed(.connection, "\(authority) refused the connection", isEndpoint: true)
        case ECONNRESET, EPIPE, ECONNABORTED:
            return failed(.connection, "\(authority) reset the connection", isEndpoint: !wasBegun)
        default:
            let reason = code == 0 ? "" : ": \(String(cString: strerror(code)))"
            return failed(.connection, "no connection to \(authority)\(reason)", isEndpoint: !wasBegun)
        }
    }

    private func closed(wasBegun: Bool) -> AttemptResult {
        failed(.connection, "\(authority) closed the connection without an answer", isEndpoint: !wasBegun)
    }

    private func tls(_ reason: String) -> AttemptResult {
        failed(.tls, "the TLS handshake with \(authority) failed: \(reason)", isEndpoint: true)
    }

    private func failed(_ outcome: AttemptResult.Outcome, _ message: String, isEndpoint: Bool) -> AttemptResult {
        AttemptResult(.retry, outcome, message: message, isEndpointFailure: isEndpoint)
    }

    private static func isHTTP2(_ error: any Error) -> Bool {
        error is any NIOHTTP2Error || error is NIOHTTP2Errors.StreamError
    }

    /// Headers that cannot be sent: the event's, or configured ones that were not looked at.
    private static func isOurFault(_ error: HTTPClientError) -> Bool {
        error.shortDescription.hasPrefix("Invalid header field")
    }

    // MARK: - What TLS says

    static func reason(_ error: NIOSSLError) -> String {
        switch error {
        case .handshakeFailed(let inner): return reason(inner)
        case .unableToValidateCertificate, .noCertificateToValidate: return "its certificate cannot be verified"
        default: return "\(error)"
        }
    }

    private static func reason(_ error: BoringSSLError) -> String {
        switch error {
        case .sslError(let stack), .unknownError(let stack):
            guard let first = stack.first else { return "it was broken off" }
            return reason(first.description)
        case .syscallError, .zeroReturn: return "the connection was closed"
        default: return "\(error)"
        }
    }

    /// `Error: 268435581 error:1000007d:SSL routines:OPENSSL_internal:CERTIFICATE_VERIFY_FAILED at /a/file.cc:395`
    private static func reason(_ description: String) -> String {
        if description.contains("EOF during handshake") { return "the connection was closed" }
        guard let range = description.firstRange(of: "OPENSSL_internal:") else { return "it was broken off" }
        let name = description[range.upperBound...].prefix { $0.isUppercase || $0.isNumber || $0 == "_" }
        switch name {
        case "CERTIFICATE_VERIFY_FAILED": return "its certificate is not trusted, or has expired"
        case "TLSV1_ALERT_UNKNOWN_CA": return "it does not trust our certificate"
        case "TLSV1_CERTIFICATE_REQUIRED", "TLSV1_ALERT_CERTIFICATE_REQUIRED", "SSLV3_ALERT_HANDSHAKE_FAILURE":
            return "it may want a client certificate (\(name))"
        case "WRONG_VERSION_NUMBER", "HTTP_REQUEST": return "what answers there does not speak TLS (\(name))"
        case "UNSUPPORTED_PROTOCOL", "TLSV1_ALERT_PROTOCOL_VERSION":
            return "it does not speak TLS 1.2 or later (\(name))"
        default: return String(name)
        }
    }
}

extension HTTPExchange.Failure {
    /// Whether no connection came about, so that another address may do.
    var isBeforeRequest: Bool {
        guard !wasBegun, !isConnectionLoss else { return false }
        return !(error is TransportFault) && (error as? HTTPClientError) != .getConnectionFromPoolTimeout
            && (error as? HTTPClientError) != .alreadyShutdown
    }

    /// Whether the request was lost with a connection that had been in use before, or was never sent over it.
    var isStaleConnection: Bool { isConnectionLoss && (mayBeStale || !wasBegun) }

    private var isConnectionLoss: Bool {
        switch error {
        case let error as HTTPClientError: return error == .remoteConnectionClosed || error == .cancelled
        case let error as ChannelError:
            return error == .ioOnClosedChannel || error == .alreadyClosed || error == .eof || error == .inputClosed
                || error == .outputClosed
        case let error as IOError:
            // While connecting it is the address that fails.
            return wasBegun && (error.errnoCode == ECONNRESET || error.errnoCode == EPIPE)
        case let error as NIOSSLError: return error == .uncleanShutdown
        case let error as NIOHTTP2Errors.StreamClosed: return error.errorCode == .refusedStream
        case is NIOHTTP2Errors.CreatedStreamAfterGoaway, is NIOHTTP2Errors.NoStreamIDAvailable,
            is NIOHTTP2Errors.IOOnClosedConnection:
            return true
        default: return false
        }
    }
}
