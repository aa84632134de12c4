import NIOHTTP1
import Testing

@testable import RelayWebhook

@Suite("What follows from an answer")
struct AnswerClassifierTests {
    private let classifier = AnswerClassifier(retryMax: .seconds(3600))

    private func result(_ status: Int, _ headers: HTTPHeaders = [:]) -> AttemptResult {
        classifier.result(status: status, headers: headers, now: 0)
    }

    @Test("every status from 100 to 599, and some that there are not")
    func statuses() {
        let retried: [Int: AttemptResult.Outcome] = [
            401: .unauthorized, 403: .unauthorized, 404: .clientError, 405: .clientError, 406: .clientError,
            408: .clientError, 409: .clientError, 415: .clientError, 425: .clientError, 429: .throttled,
        ]
        for status in Array(100...599) + [0, 1, 99, 600, 700, 999, 1000, -1] {
            let result = result(status)
            #expect(result.status == status && !result.isEndpointFailure)
            switch status {
            case 200...299: #expect(result.verdict == .delivered && result.outcome == .delivered, "\(status)")
            case 300...399: #expect(result.verdict == .retry && result.outcome == .redirect, "\(status)")
            case 410: #expect(result.verdict == .gone && result.outcome == .gone)
            case 400...499:
                let wanted: (AttemptResult.Verdict, AttemptResult.Outcome) =
                    retried[status].map { (.retry, $0) } ?? (.refused, .refused)
                #expect(result.verdict == wanted.0 && result.outcome == wanted.1, "\(status)")
            case 500...599: #expect(result.verdict == .retry && result.outcome == .serverError, "\(status)")
            default: #expect(result.verdict == .retry && result.outcome == .other, "\(status)")
            }
            #expect(status / 100 == 2 || result.message.contains("\(status)"), "\(result.message)")
        }
    }

    @Test("429 and 503 with Retry-After make everything wait, and no other status does")
    func retryAfter() {
        for status in 100...599 {
            let result = result(status, ["retry-after": "30"])
            if [429, 503].contains(status) {
                #expect(result.verdict == .wait(.seconds(30)) && result.outcome == .throttled)
            } else if status / 100 != 2 {
                #expect(![.wait(.seconds(30))].contains(result.verdict), "\(status)")
            }
        }
    }

    @Test(
        "the wait is capped, and what is none is ignored",
        arguments: [
            ("3600", AttemptResult.Verdict.wait(.seconds(3600))), ("3601", .wait(.seconds(3600))),
            ("99999999999999999999999", .wait(.seconds(3600))), ("0", .wait(.zero)), ("-5", .retry), ("soon", .retry),
            ("Thu, 01 Jan 1970 00:10:00 GMT", .wait(.seconds(600))),
            ("Thu, 01 Jan 2099 00:00:00 GMT", .wait(.seconds(3600))),
        ])
    func caps(value: String, verdict: AttemptResult.Verdict) {
        #expect(result(503, ["Retry-After": value]).verdict == verdict)
        #expect(result(429, ["retry-after": value]).verdict == verdict)
    }

    @Test("of several Retry-After headers the longest counts")
    func several() {
        let headers: HTTPHeaders = ["retry-after": "5", "Retry-After": "nonsense", "RETRY-AFTER": "20"]
        #expect(result(429, headers).verdict == .wait(.seconds(20)))
    }

    @Test("messages are sentences for people, in HTTP's own words")
    func messages() {
        #expect(result(422).message == "the receiver answered 422 Unprocessable Entity")
        #expect(result(599).message == "the receiver answered 599")
        #expect(
            result(429, ["retry-after": "30"]).message
                == "the receiver answered 429 Too Many Requests and asks to wait 30 s")
        #expect(result(200).message.isEmpty)
        #expect(AnswerClassifier.seconds(.seconds(15)) == "15 s")
        #expect(AnswerClassifier.seconds(.milliseconds(250)) == "0.25 s")
    }

    @Test("the body is kept for people, but not of a delivery")
    func bodies() {
        let body = Array("{}".utf8)
        #expect(classifier.result(status: 400, headers: [:], body: body, now: 0).answer == body)
        #expect(classifier.result(status: 200, headers: [:], body: body, now: 0).answer.isEmpty)
    }
}
