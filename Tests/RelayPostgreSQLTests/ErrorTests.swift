import RelayCore
import Testing

@testable import RelayPostgreSQL

/// PostgreSQL's error codes, as the manual's appendix A lists them, and what follows from each.
@Suite("PostgreSQL errors")
struct ErrorTests {
    @Test(
        "each code has its kind, and only a value at fault is not tried again",
        arguments: [
            ("OR001", .fenced), ("OR002", .refused), ("55P03", .lockTimeout), ("23514", .missingPartition),
            ("53100", .refused), ("53300", .refused), ("25006", .refused), ("42501", .unauthorized),
            ("3F000", .refused), ("42P01", .refused), ("42883", .refused), ("42703", .refused),
            ("28P01", .unauthorized), ("28000", .unauthorized), ("3D000", .unavailable), ("08006", .unavailable),
            ("57P01", .unavailable), ("57P03", .unavailable), ("40001", .refused), ("40P01", .refused),
            ("XX000", .refused),
            ("", .refused), ("22P02", .poison), ("22021", .poison), ("22P05", .poison), ("23502", .poison),
            ("23505", .poison), ("54000", .poison), ("54001", .poison),
        ] as [(String, RelayError.Code)])
    func classification(state: String, code: RelayError.Code) {
        let error = PGError.failure(sqlState: state, message: "text", doing: "this")
        #expect(error.code == code)
        #expect(error.isRetriable == (code != .poison))
        #expect(!error.message.isEmpty)
    }

    @Test("the server's text, which may hold a value, is not repeated where a value is at fault")
    func secrets() {
        for state in ["22P02", "22021", "23502", "23505", "23514", "54000", "OR001", "OR002"] {
            let error = PGError.failure(sqlState: state, message: "Key (id)=(secret) is there", doing: "this")
            #expect(!error.message.contains("secret"))
        }
        let other = PGError.failure(sqlState: "42501", message: "permission denied for table events", doing: "this")
        #expect(other.message.contains("permission denied for table events"))
    }

    @Test("data exceptions are those of the classes 22, 23 and 54; 23514 without a constraint is a missing partition")
    func aboutData() {
        func code(_ namesConstraint: Bool) -> RelayError.Code {
            PGError.failure(sqlState: "23514", message: "", doing: "this", namesConstraint: namesConstraint).code
        }
        #expect(code(true) == .poison)
        #expect(code(false) == .missingPartition)
        for state in ["22000", "22P02", "23000", "23505", "23514", "54000"] { #expect(PGError.isAboutData(state)) }
        for state in ["", "2", "42P01", "08006", "57014", "53100", "OR001"] {
            #expect(!PGError.isAboutData(state))
        }
    }

    @Test("parameters: a missing value is null, a duration is whole microseconds")
    func parameters() {
        func text(_ parameter: PGParameter) -> String? { if case .text(let text) = parameter { text } else { nil } }
        func isNull(_ parameter: PGParameter) -> Bool { if case .null = parameter { true } else { false } }
        #expect(text(PGParameter(.seconds(3) as Duration)) == "3000000 microseconds")
        #expect(text(PGParameter(.milliseconds(1) + .nanoseconds(999) as Duration)) == "1000 microseconds")
        #expect(text(PGParameter(Int64.min)) == "-9223372036854775808")
        #expect(isNull(PGParameter(nil as Int64?)))
        #expect(isNull(PGParameter(nil as String?)))
        #expect(isNull(PGParameter(bytes: nil)))
        #expect(text(PGParameter("")) == "")
        if case .binary(17, let bytes) = PGParameter(bytes: []) {
            #expect(bytes.isEmpty)
        } else {
            Issue.record("bytea")
        }
    }

    @Test("rows are read by column name; what is not there is nil")
    func rows() {
        var rows = PGRows()
        rows.columns = ["a", "b"]
        rows.rows = [["1", nil]]
        #expect(rows[0, "a"] == "1")
        #expect(rows[0, "b"] == nil)
        #expect(rows[0, "c"] == nil)
        #expect(rows[1, "a"] == nil)
    }
}
