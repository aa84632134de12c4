import Testing

@testable import RelayPostgreSQL

/// How the schema's SQL is made of its templates.
@Suite("Schema text")
struct SchemaTextTests {
    /// The reverse of quoting, as PostgreSQL reads it; nil when the quotes do not enclose the whole.
    private static func unquoted(_ text: String, _ quote: Unicode.Scalar) -> String? {
        var scalars = Array(text.unicodeScalars)
        guard scalars.count >= 2, scalars.first == quote, scalars.last == quote else { return nil }
        scalars.removeFirst()
        scalars.removeLast()
        var result = String.UnicodeScalarView()
        var index = 0
        while index < scalars.count {
            if scalars[index] == quote {
                guard index + 1 < scalars.count, scalars[index + 1] == quote else { return nil }
                index += 1
            }
            result.append(scalars[index])
            index += 1
        }
        return String(result)
    }

    @Test("whatever is quoted reads back as it was, and cannot end its quotes")
    func quoting() {
        let seed = freshSeed("quoting")
        var random = SeededGenerator(seed: seed)
        let scalars: [Unicode.Scalar] = [
            "a", "\"", "'", "\\", "{", "}", " ", ";", "é", "\u{301}", "\u{200D}", "😀", "\n",
        ]
        for _ in 0..<5000 {
            let text = String(
                String.UnicodeScalarView(
                    (0..<Int.random(in: 0...8, using: &random)).map { _ in scalars.randomElement(using: &random)! }))
            for (quoted, quote) in [
                (NativeSchema.quoteIdentifier(text), "\"" as Unicode.Scalar), (NativeSchema.quoteLiteral(text), "'"),
            ] where Self.unquoted(quoted, quote)?.unicodeScalars.elementsEqual(text.unicodeScalars) != true {
                Issue.record(
                    "\(text.unicodeScalars.map { String($0.value, radix: 16) }) between \(quote), seed \(seed)")
                return
            }
        }
    }

    @Test("placeholders are filled, in any number; other braces stay")
    func filling() {
        func fill(_ template: String, _ schema: String = "my \"q\"") -> String {
            NativeSchema.fill(template, schema: schema, payloadType: "jsonb")
        }
        #expect(fill("{schema}.a {schema}.b") == #""my ""q""".a "my ""q""".b"#)
        #expect(fill("{schema_literal}") == #"'my "q"'"#)
        #expect(fill("{schema_literal_quoted}") == #"'"my ""q"""'"#)
        #expect(fill("{channel}", "it's") == "'it''s_events'")
        #expect(fill("x {payload_type} y") == "x jsonb y")
        #expect(fill("{current_version}") == "\(NativeSchema.currentVersion)")
        #expect(fill("'{}' {1,2} {unknown} {") == "'{}' {1,2} {unknown} {")
        #expect(fill("{{schema}}", "s") == #"{"s"}"#)
        // A name that looks like a placeholder is not filled again.
        #expect(fill("{schema}", "{payload_type}") == #""{payload_type}""#)
        #expect(fill("") == "")
    }

    @Test(
        "the setup has no placeholder left, one transaction, and one payload column",
        arguments: ["json", "jsonb", "bytea"])
    func setup(type: String) throws {
        let script = NativeSchema.setupScript(schema: "queue", payloadType: type)
        for name in ["schema", "schema_literal", "schema_literal_quoted", "channel", "payload_type", "current_version"]
        {
            #expect(!script.contains("{\(name)}"))
        }
        #expect(script.hasPrefix("BEGIN;"))
        #expect(script.contains("COMMIT;"))
        #expect(script.contains("payload \(type) NOT NULL"))
        #expect(script.contains("\"queue\".events"))
        let migrations = NativeSchema.migrations(schema: "queue", payloadType: type)
        #expect(migrations.map(\.version) == Array(1...NativeSchema.currentVersion))
        // The dollar quotes around a migration must not occur in it.
        #expect(migrations.allSatisfy { !$0.sql.contains("$migration$") && !$0.sql.contains("$step$") })
    }
}
