import Foundation
import RelayCore
import Testing

@testable import RelayOperations

@Suite struct EndpointTests {
    @Test func startupIsGreenBeforeAnyServerWasReached() async throws {
        let answer = try await TestServer.with { try await $0.get("/startupz") }
        #expect(answer == (200, "started\n"))
    }

    @Test func readinessIsRedUntilMongoDBWasReachedAndGreenEverAfter() async throws {
        let status = RelayStatus.example()
        status.noteMongoDBProblem("connection refused by mongo:27017")
        try await TestServer.with(status) { server in
            let before = try await server.get("/readyz")
            #expect(before.status == 503)
            #expect(before.body.contains("MongoDB has not been reached since the start: connection refused by mongo"))
            status.noteMongoDBReached()
            #expect(try await server.get("/readyz") == (200, "ready\n"))
            status.noteMongoDBProblem("gone again")
            #expect(try await server.get("/readyz") == (200, "ready\n"))
        }
    }

    @Test func livenessNamesTheLoopThatIsStuck() async throws {
        let status = RelayStatus.example()
        status.progress.beat("idle source", longestWait: .seconds(60))
        try await TestServer.with(status) { server in
            #expect(try await server.get("/livez") == (200, "live\n"))
            status.progress.beat("ledger/read", longestWait: .milliseconds(1))
            try await Task.sleep(for: .milliseconds(20))
            let red = try await server.get("/livez")
            #expect(red.status == 503)
            #expect(red.body == "stuck: ledger/read has made no progress for 0 s\n")
            status.progress.end("ledger/read")
            #expect(try await server.get("/livez").status == 200)
        }
    }

    @Test func statusHasEveryFieldAndExplicitNulls() async throws {
        let status = RelayStatus.example {
            $0.why = "a \"quoted\" \\ reason\nof two lines\u{1}"
            $0.lastError = "boom"
            $0.lastErrorAt = 1_700_000_000.5
            $0.cleanupBlockedBy = ["billing is paused"]
        }
        let answer = try await TestServer.with(status) { try await $0.get("/status") }
        #expect(answer.status == 200)
        let document = try #require(try JSONSerialization.jsonObject(with: Data(answer.body.utf8)) as? [String: Any])
        #expect(
            Set(document.keys) == [
                "name", "version", "ready", "live", "mongoDBReached", "mongoDBProblem", "stuck", "cleanup",
                "pipelines",
            ])
        #expect(document["ready"] as? Bool == false)
        let cleanup = try #require(document["cleanup"] as? [String: Any])
        #expect(cleanup["mode"] as? String == "none" && cleanup["state"] as? String == "off")
        #expect(cleanup["cleaned"] as? Int == 0 && cleanup["lastError"] is NSNull)
        #expect(document["mongoDBProblem"] is NSNull)
        let pipelines = try #require(document["pipelines"] as? [[String: Any]])
        #expect(pipelines.count == 2)
        let keys: Set = [
            "name", "destination", "role", "state", "why", "lagSeconds", "lagEvents", "oplogHeadroomSeconds",
            "lastError", "lastErrorAt", "epoch", "stream", "position", "breaker", "inFlight", "parked", "parkedKeys",
            "oldestParkedSeconds", "spooling", "deadLetters", "cleanupBlockedBy", "restarts", "historyGap",
            "eventsRead", "eventsDelivered",
            "eventsFiltered", "eventsDeadLettered",
        ]
        for pipeline in pipelines { #expect(Set(pipeline.keys) == keys) }
        #expect(pipelines[0]["role"] as? String == "leader")
        #expect(pipelines[0]["state"] as? String == "streaming")
        #expect(pipelines[0]["why"] as? String == "a \"quoted\" \\ reason\nof two lines\u{1}")
        #expect(pipelines[0]["lagSeconds"] as? Double == 0.25)
        #expect(pipelines[0]["lastErrorAt"] as? String == "2023-11-14T22:13:20.500Z")
        #expect(pipelines[0]["cleanupBlockedBy"] as? [String] == ["billing is paused"])
        #expect(pipelines[0]["position"] as? Int == 1_000_000)
        #expect(pipelines[0]["breaker"] as? String == "open" && pipelines[0]["inFlight"] as? Int == 3)
        #expect(pipelines[0]["spooling"] as? Bool == false)
        #expect(pipelines[0]["parked"] as? Int == 2 && pipelines[0]["parkedKeys"] as? Int == 1)
        #expect((pipelines[0]["oldestParkedSeconds"] as? Double ?? 0) > 1e6)
        #expect(pipelines[1]["role"] as? String == "standby")
        for key in [
            "why", "lagSeconds", "lagEvents", "oplogHeadroomSeconds", "lastError", "lastErrorAt", "epoch", "breaker",
            "inFlight", "parked", "parkedKeys", "oldestParkedSeconds", "spooling",
        ] {
            #expect(pipelines[1][key] is NSNull, "\(key) is explicit")
        }
    }

    @Test func statusOfAPostgreSQLQueueHasNoBreaker() throws {
        let status = RelayStatus.example {
            $0.breaker = nil
            $0.parked = 0
            $0.oldestParkedAt = nil
        }
        let document = try JSONSerialization.jsonObject(with: Data(status.json().text.utf8)) as? [String: Any]
        let pipeline = try #require((document?["pipelines"] as? [[String: Any]])?.first)
        #expect(pipeline["spooling"] is NSNull)
        #expect(pipeline["breaker"] is NSNull && pipeline["oldestParkedSeconds"] is NSNull)
        #expect(pipeline["parked"] as? Int == 0)
    }

    @Test func pageTellsOfWebhooks() {
        let page = StatusPage.html(.example(), now: 1_700_000_600)
        #expect(page.contains("<b class=\"bad\">open</b>"))
        #expect(page.contains("<dt>parked</dt><dd>2 events of 1 key, the oldest for 10 min</dd>"))
        let calm = StatusPage.html(
            .example {
                $0.breaker = .closed
                $0.parked = 0
            }, now: 1_700_000_600)
        #expect(calm.contains(">closed</td>") && !calm.contains("<dt>parked</dt>"))
        #expect(!StatusPage.html(.example { $0.breaker = nil }).contains(">closed</td>"))
        #expect(StatusPage.html(.example { $0.role = .standby }).contains(">unknown</td>"))
        let columns = page.components(separatedBy: "<th scope=\"col\">").count - 1
        let row = page.components(separatedBy: "<tr><th scope=\"row\">")[1].components(separatedBy: "</tr>")[0]
        #expect(row.components(separatedBy: "<td").count == columns)
    }

    @Test func statusOfUnknownNumbersIsStillJSON() throws {
        let status = RelayStatus.example {
            $0.lagSeconds = .nan
            $0.oplogHeadroomSeconds = .infinity
            $0.lastErrorAt = .infinity
        }
        let document = try JSONSerialization.jsonObject(with: Data(status.json().text.utf8)) as? [String: Any]
        let pipeline = try #require((document?["pipelines"] as? [[String: Any]])?.first)
        #expect(pipeline["lagSeconds"] is NSNull)
        #expect(pipeline["oplogHeadroomSeconds"] is NSNull)
        #expect(pipeline["lastErrorAt"] is NSNull)
    }

    @Test func cleanupTellsWhatIsInTheWay() async throws {
        let status = RelayStatus.example()
        status.updateCleanup {
            $0 = CleanupSnapshot(mode: "delete", state: .blocked)
            $0.blockedBy = ["shop/<billing> is paused"]
            $0.cleaned = 12
        }
        let json = try JSONSerialization.jsonObject(with: Data(status.json().text.utf8)) as? [String: Any]
        let cleanup = try #require(json?["cleanup"] as? [String: Any])
        #expect(cleanup["blockedBy"] as? [String] == ["shop/<billing> is paused"])
        #expect(cleanup["cleaned"] as? Int == 12 && cleanup["state"] as? String == "blocked")
        #expect(StatusPage.html(status).contains("shop/&lt;billing&gt; is paused"))
        func gauge() -> String? {
            status.metricFamilies().first { $0.name == CleanupMetrics.blocked }?.samples.first?.value
        }
        #expect(gauge() == "1")
        status.updateCleanup { $0 = CleanupSnapshot(mode: "delete", state: .standby) }
        #expect(gauge() == nil)
    }

    @Test func pageEscapesWhatServersSaid() async throws {
        let hostile = "<script>alert('x')</script>\"&\u{0}"
        let status = RelayStatus.example(name: hostile) {
            $0.state = .halted
            $0.why = hostile
            $0.lastError = hostile
            $0.cleanupBlockedBy = [hostile]
        }
        status.noteMongoDBProblem(hostile)
        let answer = try await TestServer.with(status) { try await $0.get("/") }
        #expect(answer.status == 200)
        #expect(!answer.body.contains("<script"))
        #expect(!answer.body.contains("\u{0}"))
        let escaped = "&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt;&quot;&amp;\u{FFFD}"
        // Title, heading, readiness, row and heading of the pipeline, why, last error, cleanup, second row.
        #expect(answer.body.components(separatedBy: escaped).count - 1 == 9)
        #expect(answer.body.contains("http-equiv=\"refresh\""))
        #expect(!answer.body.contains("://"), "nothing is loaded from elsewhere")
    }

    @Test func headSendsTheSameHeadWithoutBody() async throws {
        // Nothing that grows with time from one request to the next.
        try await TestServer.with(.example { $0.oldestParkedAt = nil }) { server in
            for path in ["/", "/startupz", "/readyz", "/livez", "/status"] {
                let get = try await server.raw("GET \(path) HTTP/1.1\r\nHost: x\r\n\r\n").split(response: ())
                let head = try await server.raw("HEAD \(path) HTTP/1.1\r\nHost: x\r\n\r\n").split(response: ())
                #expect(head.body.isEmpty)
                #expect(!get.body.isEmpty)
                #expect(head.status == get.status)
                #expect(head.fields["content-length"] == "\(get.body.utf8.count)")
                #expect(head.fields["content-type"] == get.fields["content-type"])
            }
        }
    }

    @Test func headersSayTypeAndForbidCaching() async throws {
        try await TestServer.with { server in
            let types = [
                "/": "text/html; charset=utf-8", "/livez": "text/plain; charset=utf-8",
                "/status": "application/json", "/metrics": "text/plain; version=0.0.4; charset=utf-8",
            ]
            for (path, type) in types {
                let answer = try await server.raw("GET \(path)?a=b HTTP/1.1\r\nHost: x\r\n\r\n").split(response: ())
                #expect(answer.status == 200)
                #expect(answer.fields["content-type"] == type)
                #expect(answer.fields["cache-control"] == "no-store")
                #expect(answer.fields["x-content-type-options"] == "nosniff")
                #expect(answer.fields["date"]?.hasSuffix(" GMT") == true)
            }
            let page = try await server.raw("GET / HTTP/1.1\r\nHost: x\r\n\r\n").split(response: ())
            #expect(page.fields["content-security-policy"]?.hasPrefix("default-src 'none'") == true)
        }
    }

    @Test func unknownPathsAndMethodsAreRefused() async throws {
        try await TestServer.with { server in
            for path in ["/nothing", "/livez/", "//", "/%2e%2e/etc/passwd", "/STATUS", "*"] {
                let answer = try await server.raw("GET \(path) HTTP/1.1\r\nHost: x\r\n\r\n").split(response: ())
                #expect(answer.status == 404, "\(path)")
            }
            for method in ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE"] {
                let answer = try await server.raw(
                    "\(method) /status HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n"
                ).split(response: ())
                #expect(answer.status == 405, "\(method)")
                #expect(answer.fields["allow"] == "GET, HEAD")
            }
        }
    }
}

struct SplitResponse {
    var status = 0
    var fields: [String: String] = [:]
    var body = ""
}

extension String {
    /// A raw HTTP response taken apart, independently of the code under test.
    func split(response: Void) -> SplitResponse {
        guard let end = range(of: "\r\n\r\n") else { return SplitResponse(body: self) }
        var result = SplitResponse(body: String(self[end.upperBound...]))
        let lines = self[..<end.lowerBound].components(separatedBy: "\r\n")
        result.status = Int(lines[0].split(separator: " ")[1]) ?? 0
        for line in lines.dropFirst() {
            let parts = line.components(separatedBy: ": ")
            result.fields[parts[0].lowercased()] = parts.dropFirst().joined(separator: ": ")
        }
        return result
    }
}
