import HTTPTypes

/// One response before it is written.
struct Answer: Sendable {
    let status: HTTPResponse.Status
    let contentType: String
    let body: String
    /// Header fields beside those that every answer has.
    var headers: [(HTTPField.Name, String)] = []

    /// A short plain text, ended by a line feed.
    static func text(_ status: HTTPResponse.Status, _ text: String) -> Answer {
        Answer(status: status, contentType: "text/plain; charset=utf-8", body: text + "\n")
    }

    /// 200 or 503, with the reason as text.
    static func probe(_ verdict: ProbeVerdict) -> Answer {
        .text(verdict.isGood ? .ok : .serviceUnavailable, verdict.reason)
    }

    /// The head as it is sent at the time `now`; `length` is the body's in bytes, also in answer to `HEAD`.
    func head(length: Int, now: UTCTime?) -> HTTPResponse {
        var fields = HTTPFields()
        fields[.contentType] = contentType
        fields[.contentLength] = "\(length)"
        fields[.cacheControl] = "no-store"
        fields[.xContentTypeOptions] = "nosniff"
        // One request a connection: see OneRequestHandler.
        fields[.connection] = "close"
        if let now { fields[.date] = now.httpDate }
        for (name, value) in headers { fields[name] = value }
        return HTTPResponse(status: status, headerFields: fields)
    }
}
