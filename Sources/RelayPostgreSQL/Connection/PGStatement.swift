import RelayCore

/// One SQL statement with its parameters, as `PQsendQueryParams` takes them: unnamed and unprepared, so that
/// PgBouncer in transaction mode passes it on.
package struct PGStatement: Sendable {
    let sql: String
    let parameters: [PGParameter]

    package init(_ sql: String, _ parameters: [PGParameter] = []) {
        self.sql = sql
        self.parameters = parameters
    }
}

/// A parameter's value. Text lets the server choose the type from the statement.
package enum PGParameter: Sendable, ExpressibleByStringLiteral, ExpressibleByNilLiteral, ExpressibleByIntegerLiteral {
    case null
    case text(String)
    /// Binary format, of the type with this object id.
    case binary(UInt32, [UInt8])

    package init(stringLiteral value: String) { self = .text(value) }
    package init(nilLiteral: ()) { self = .null }
    package init(integerLiteral value: Int64) { self = .text(String(value)) }
    package init(_ value: (some BinaryInteger)?) { self = value.map { .text(String($0)) } ?? .null }
    package init(_ value: String?) { self = value.map { .text($0) } ?? .null }
    /// Whole microseconds as an `interval`.
    package init(_ duration: Duration) { self = .text("\(Int64(duration / .microseconds(1))) microseconds") }
    package init(bytes: [UInt8]?) { self = bytes.map { .binary(PGType.bytea, $0) } ?? .null }
}

/// Object ids of PostgreSQL's built-in types (`pg_type.dat`), which never change.
enum PGType {
    static let bytea: UInt32 = 17
    static let int2: UInt32 = 21
    static let text: UInt32 = 25
    static let json: UInt32 = 114
    static let timestamptz: UInt32 = 1184
    static let jsonb: UInt32 = 3802
    static let jsonArray: UInt32 = 199
    static let byteaArray: UInt32 = 1001
    static let int2Array: UInt32 = 1005
    static let textArray: UInt32 = 1009
    static let timestamptzArray: UInt32 = 1185
    static let jsonbArray: UInt32 = 3807
}

/// What a statement answered, as text; for the cold paths.
package struct PGRows: Sendable {
    package var rows: [[String?]] = []
    package var columns: [String] = []
    /// Rows inserted, updated or deleted.
    package var affected: Int = 0

    package subscript(row: Int, column: String) -> String? {
        guard row < rows.count, let index = columns.firstIndex(of: column) else { return nil }
        return rows[row][index]
    }
    package var isEmpty: Bool { rows.isEmpty }
    package var count: Int { rows.count }
}
