import HTTPTypes
import RelayCore

/// What each path answers. Reads snapshots only: no server, no pipeline and no lock held for long, so that it
/// answers whatever else is stuck.
struct Endpoints: Sendable {
    let status: RelayStatus
    let metrics: PrometheusMetricsFactory?

    /// The answer to `method` on `path`. The answer to `HEAD` is the one to `GET`, whose body is not sent.
    func answer(_ method: HTTPRequest.Method, _ path: String) -> Answer {
        guard let endpoint = endpoint(path) else {
            return .text(.notFound, "not found; there are / /startupz /readyz /livez /status /metrics")
        }
        guard method == .get || method == .head else {
            var answer = Answer.text(.methodNotAllowed, "method not allowed; use GET or HEAD")
            answer.headers = [(.allow, "GET, HEAD")]
            return answer
        }
        return endpoint()
    }

    private func endpoint(_ path: String) -> (() -> Answer)? {
        switch path {
        case "/startupz": { .probe(status.startup) }
        case "/readyz": { .probe(status.readiness) }
        case "/livez": { .probe(status.liveness) }
        case "/status": { Answer(status: .ok, contentType: "application/json", body: status.json().text) }
        case "/metrics": { Answer(status: .ok, contentType: PrometheusText.contentType, body: exposition()) }
        case "/": page
        default: nil
        }
    }

    /// Everything that `/metrics` shows. The status comes first: where a library records a metric of the
    /// same name, the status is right.
    func exposition() -> String {
        PrometheusText.render(status.metricFamilies() + ProcessMetrics.families() + (metrics?.collect() ?? []))
    }

    private func page() -> Answer {
        Answer(
            status: .ok, contentType: "text/html; charset=utf-8", body: StatusPage.html(status),
            headers: [(.contentSecurityPolicy, StatusPage.contentSecurityPolicy)])
    }
}
