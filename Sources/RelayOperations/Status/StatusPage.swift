import RelayCore

/// The status as a page for people: one self-contained HTML document without scripts that reloads itself.
enum StatusPage {
    /// What the page may load: nothing but its own style.
    static let contentSecurityPolicy =
        "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

    /// The page for `status` at `now`, in Unix seconds.
    static func html(_ status: RelayStatus, now: Double = UTCTime.unixSeconds) -> String {
        let snapshots = status.pipelines.map(\.snapshot)
        let rows =
            snapshots.isEmpty
            ? "<p>No pipelines are running yet.</p>"
            : table(snapshots) + snapshots.map { notes($0, now: now) }.joined()
        return """
            <!DOCTYPE html>
            <html lang="en">
            <head>
            <meta charset="utf-8">
            <meta name="viewport" content="width=device-width, initial-scale=1">
            <meta http-equiv="refresh" content="5">
            <title>\(escaped(status.name)) - outbox-relay</title>
            <style>\(style)</style>
            </head>
            <body>
            <h1>\(escaped(status.name))</h1>
            <p>outbox-relay \(escaped(status.version))</p>
            \(verdict("Ready", status.readiness))
            \(verdict("Live", status.liveness))
            \(rows)
            <p><a href="status">JSON</a> <a href="metrics">metrics</a></p>
            </body>
            </html>

            """
    }

    /// `text` so that HTML shows it and never obeys it, in elements and in quoted attributes. Control
    /// characters, which HTML does not allow, become U+FFFD.
    static func escaped(_ text: String) -> String {
        var safe = String.UnicodeScalarView()
        for scalar in text.unicodeScalars {
            switch scalar {
            case "&": safe.append(contentsOf: "&amp;".unicodeScalars)
            case "<": safe.append(contentsOf: "&lt;".unicodeScalars)
            case ">": safe.append(contentsOf: "&gt;".unicodeScalars)
            case "\"": safe.append(contentsOf: "&quot;".unicodeScalars)
            case "'": safe.append(contentsOf: "&#39;".unicodeScalars)
            case "\n", "\t": safe.append(scalar)
            case "\0"..<" ", "\u{7F}"..<"\u{A0}": safe.append("\u{FFFD}")
            default: safe.append(scalar)
            }
        }
        return String(safe)
    }

    private static func verdict(_ name: String, _ verdict: ProbeVerdict) -> String {
        let mark = verdict.isGood ? "good" : "bad"
        return "<p class=\"\(mark)\"><b>\(name):</b> \(verdict.isGood ? "yes" : escaped(verdict.reason))</p>"
    }

    private static func table(_ snapshots: [PipelineSnapshot]) -> String {
        let columns = [
            "Pipeline", "Role", "State", "Lag", "Events behind", "Oplog headroom", "Position", "Delivered",
            "Filtered", "Breaker", "In flight", "Parked", "Dead letters", "Restarts",
        ]
        let head = columns.map { "<th scope=\"col\">\($0)</th>" }.joined()
        let body = snapshots.map { pipeline in
            let webhook = pipeline.webhook
            let cells = [
                duration(pipeline.lagSeconds), number(pipeline.lagEvents), duration(pipeline.oplogHeadroomSeconds),
                number(pipeline.position), "\(pipeline.eventsDelivered)", "\(pipeline.eventsFiltered)",
                breaker(pipeline), webhook == nil ? "" : number(webhook?.leading?.inFlight),
                webhook == nil ? "" : number(webhook?.leading?.parked), "\(pipeline.deadLetters)",
                "\(pipeline.restarts)",
            ]
            return "<tr><th scope=\"row\">\(escaped(pipeline.name))</th><td>\(pipeline.role.rawValue)</td>"
                + "<td class=\"\(pipeline.state == .halted ? "bad" : "")\">\(pipeline.state.rawValue)</td>"
                + cells.map { "<td class=\"number\">\($0)</td>" }.joined() + "</tr>"
        }
        return "<table><thead><tr>\(head)</tr></thead>\n<tbody>\(body.joined(separator: "\n"))</tbody></table>\n"
    }

    /// Empty for a destination without one.
    private static func breaker(_ pipeline: PipelineSnapshot) -> String {
        guard let state = pipeline.webhook?.breaker else { return "" }
        guard pipeline.leading != nil else { return "unknown" }
        return state == .closed ? state.rawValue : "<b class=\"bad\">\(state.rawValue)</b>"
    }

    /// What needs a sentence rather than a cell.
    private static func notes(_ pipeline: PipelineSnapshot, now: Double) -> String {
        var notes: [(String, String)] = []
        if let parked = pipeline.leading, parked.parked > 0 {
            let events = parked.parked == 1 ? "1 event" : "\(parked.parked) events"
            let keys = parked.parkedKeys == 1 ? "1 key" : "\(parked.parkedKeys) keys"
            let age = parked.oldestParkedSeconds(at: now).map { ", the oldest for \(duration($0))" } ?? ""
            notes.append(("parked", "\(events) of \(keys)\(age)"))
        }
        if let why = pipeline.why { notes.append((pipeline.state.rawValue, why)) }
        if let error = pipeline.lastError {
            let time = pipeline.lastErrorAt.flatMap(UTCTime.init(unixSeconds:))?.rfc3339
            notes.append(("last error" + (time.map { " at \($0)" } ?? ""), error))
        }
        if let gap = pipeline.historyGap {
            let times = [gap.from, gap.to].map { UTCTime(unixSeconds: Double($0))?.rfc3339 ?? "unknown" }
            notes.append(("history lost", "the oplog was gone from \(times[0]) to \(times[1]) before it was read"))
        }
        notes += pipeline.cleanupBlockedBy.map { ("cleanup blocked by", $0) }
        guard !notes.isEmpty else { return "" }
        let items = notes.map { "<dt>\(escaped($0.0))</dt><dd>\(escaped($0.1))</dd>" }.joined()
        return "<h2>\(escaped(pipeline.name))</h2><dl>\(items)</dl>\n"
    }

    private static func number(_ value: (some BinaryInteger)?) -> String { value.map { "\($0)" } ?? "unknown" }

    /// Seconds in the largest unit that leaves two digits or more, as a person would say it.
    private static func duration(_ seconds: Double?) -> String {
        guard let seconds, seconds.isFinite else { return "unknown" }
        func rounded(_ value: Double) -> String { PrometheusText.number((value * 10).rounded() / 10) }
        switch seconds {
        case ..<1: return "\(rounded(seconds * 1000)) ms"
        case ..<120: return "\(rounded(seconds)) s"
        case ..<7200: return "\(rounded(seconds / 60)) min"
        default: return "\(rounded(seconds / 3600)) h"
        }
    }

    private static let style = """
        :root{color-scheme:light dark}body{font:16px/1.5 system-ui,sans-serif;margin:2rem;max-width:80rem}\
        table{border-collapse:collapse;display:block;overflow-x:auto}\
        th,td{padding:.3rem .7rem;text-align:left;border-bottom:1px solid #8886}.number{text-align:right}\
        .bad{color:#c22;font-weight:bold}dt{font-weight:bold}dd{margin:0 0 .5rem;white-space:pre-wrap;overflow-wrap:anywhere}
        """
}
