import CPostgres
import Foundation
import RelayCore

extension PGConnection {
    /// A result's cells as text.
    static func rows(of result: OpaquePointer) -> PGRows {
        var answer = PGRows()
        let columns = PQnfields(result)
        answer.columns = (0..<columns).map { String(cString: PQfname(result, $0)) }
        answer.affected = Int(String(cString: PQcmdTuples(result))) ?? 0
        for row in 0..<PQntuples(result) {
            answer.rows.append(
                (0..<columns).map { column in
                    PQgetisnull(result, row, column) == 1 ? nil : String(cString: PQgetvalue(result, row, column))
                })
        }
        return answer
    }

    /// The failure that an error result tells of.
    static func failure(of result: OpaquePointer) -> RelayError {
        let state = PQresultErrorField(result, Int32(RELAY_PG_DIAG_SQLSTATE.rawValue)).map { String(cString: $0) } ?? ""
        let message = PQresultErrorField(result, Int32(RELAY_PG_DIAG_MESSAGE_PRIMARY.rawValue))
        let constraint = PQresultErrorField(result, Int32(RELAY_PG_DIAG_CONSTRAINT_NAME.rawValue))
        return PGError.failure(
            sqlState: state, message: firstLine(message), doing: "this statement", namesConstraint: constraint != nil)
    }

    /// The first line of a C string, trimmed.
    static func firstLine(_ text: UnsafePointer<CChar>?) -> String {
        guard let text else { return "" }
        let whole = String(cString: text)
        return whole.split(separator: "\n").map { $0.trimmingCharacters(in: " \t") }.joined(separator: "; ")
    }
}

extension Substring {
    fileprivate func trimmingCharacters(in set: String) -> String {
        var slice = self
        while let first = slice.first, set.contains(first) { slice.removeFirst() }
        while let last = slice.last, set.contains(last) { slice.removeLast() }
        return String(slice)
    }
}

/// Lends C strings, null-terminated as `PQconnectStartParams` wants its lists.
func withCStrings<Answer>(
    _ strings: [String], _ body: (UnsafePointer<UnsafePointer<CChar>?>) -> Answer
) -> Answer {
    var pointers: [UnsafePointer<CChar>?] = strings.map { UnsafePointer(strdup($0)) }
    pointers.append(nil)
    defer { for pointer in pointers { free(UnsafeMutablePointer(mutating: pointer)) } }
    return pointers.withUnsafeBufferPointer { body($0.baseAddress!) }
}
