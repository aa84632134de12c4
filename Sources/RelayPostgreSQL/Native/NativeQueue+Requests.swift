import Foundation
import RelayCore

extension NativeQueue {
    public func pendingRequests() async throws -> [RelayRequest] {
        guard let grant = grant.withLock({ $0 }) else { return [] }
        let rows = try await control.query(
            PGStatement(
                "SELECT id, kind, argument, progress FROM \(schema).take_requests($1, $2::bigint) ORDER BY id",
                [.text(options.pipeline), PGParameter(grant.epoch)]))
        return (0..<rows.count).compactMap { row in
            guard let id = rows[row, "id"].flatMap({ Int64($0) }), let kind = rows[row, "kind"] else { return nil }
            return RelayRequest(
                id: id, kind: RequestText.kind(kind, argument: rows[row, "argument"] ?? "{}"),
                progress: rows[row, "progress"])
        }
    }

    public func answer(_ request: RelayRequest, _ answer: RequestAnswer) async throws {
        guard let grant = grant.withLock({ $0 }) else { return }
        let text = String(decoding: try JSONEncoder().encode(answer), as: UTF8.self)
        _ = try await control.query(
            PGStatement(
                "SELECT \(schema).finish_request($1::bigint, $2::bigint, $3::boolean, $4::jsonb)",
                [
                    PGParameter(request.id), PGParameter(grant.epoch), .text(answer.succeeded ? "true" : "false"),
                    .text(text),
                ]))
    }

    public func setPaused(_ reason: String?, request: RelayRequest) async throws {
        let statement =
            reason.map {
                PGStatement("SELECT \(schema).pause_pipeline($1, $2)", [.text(options.pipeline), .text($0)])
            } ?? PGStatement("SELECT \(schema).resume_pipeline($1)", [.text(options.pipeline)])
        _ = try await control.query(statement)
        try await answer(
            request, RequestAnswer(succeeded: true, message: reason == nil ? "resumed" : "paused", count: 1))
    }
}

/// Requests as the table holds them.
enum RequestText {
    private struct Argument: Codable {
        var ids: [Int64]?
        var reason: String?
    }

    static func kind(_ name: String, argument: String) -> RelayRequest.Kind {
        if let kind = RelayRequest.Kind(name: name, json: argument) { return kind }
        let argument = try? JSONDecoder().decode(Argument.self, from: Data(argument.utf8))
        switch (name, argument?.ids) {
        case ("retry-dead-letters", let ids?): return .retryDeadLetters(ids)
        case ("discard-dead-letters", let ids?): return .discardDeadLetters(ids)
        case ("pause", _): return .pause(reason: argument?.reason ?? "paused by a person")
        case ("resume", _): return .resume
        default: return .unknown(name)
        }
    }

    /// A request's name and argument, for the command that leaves it.
    static func text(_ kind: RelayRequest.Kind) throws -> (name: String, argument: String) {
        if let (name, json) = kind.structured { return (name, json) }
        let argument: Argument
        let name: String
        switch kind {
        case .retryDeadLetters(let ids): (name, argument) = ("retry-dead-letters", Argument(ids: ids))
        case .discardDeadLetters(let ids): (name, argument) = ("discard-dead-letters", Argument(ids: ids))
        case .pause(let reason): (name, argument) = ("pause", Argument(reason: reason))
        case .resume: (name, argument) = ("resume", Argument())
        case .replay, .publish: (name, argument) = ("", Argument())
        case .unknown(let other): (name, argument) = (other, Argument())
        }
        return (name, String(decoding: try JSONEncoder().encode(argument), as: UTF8.self))
    }
}
