import Foundation
import Testing

@testable import RelayConfiguration

@Suite struct DocumentationTests {
    private static let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().path

    private func text(_ path: String) throws -> String {
        try String(contentsOfFile: Self.root + "/" + path, encoding: .utf8)
    }

    /// With `UPDATE_DOCUMENTATION=1` the table is written anew instead; the next run compares.
    @Test func tableIsTheGeneratedOne() throws {
        let begin = "<!-- table: generated from Sources/RelayConfiguration/Table -->\n"
        let end = "<!-- end of table -->\n"
        let page = try text("docs/configuration.md")
        let start = try #require(page.range(of: begin))
        let stop = try #require(page.range(of: end))
        let table = "\n" + ConfigurationTable.markdown() + "\n"
        if ProcessInfo.processInfo.environment["UPDATE_DOCUMENTATION"] == "1" {
            let updated = page[..<start.upperBound] + table + page[stop.lowerBound...]
            try Data(updated.utf8).write(to: URL(fileURLWithPath: Self.root + "/docs/configuration.md"))
        }
        let written = try text("docs/configuration.md")
        let from = try #require(written.range(of: begin)).upperBound
        let to = try #require(written.range(of: end)).lowerBound
        #expect(String(written[from..<to]) == table)
    }

    @Test func everyVariableIsInTheTable() {
        let table = ConfigurationTable.markdown()
        for variable in ConfigurationTable.variables { #expect(table.contains("| `\(variable.name)` |")) }
        let columns = table.split(separator: "\n").filter { $0.hasPrefix("|") }.map { row in
            row.split(separator: "\\|").joined().filter { $0 == "|" }.count
        }
        #expect(columns.allSatisfy { $0 == 7 })
    }

    @Test(arguments: [("relay.env.example", 20), ("relay-webhook.env.example", 15)])
    func exampleOfTheEnvironment(name: String, least: Int) throws {
        let lines = try text("config/" + name).split(separator: "\n")
        func variables(_ lines: [Substring]) -> [String: String] {
            var result: [String: String] = [:]
            for line in lines {
                let (name, value) = line.splitOnce(at: "=")
                result[String(name)] = value.map(String.init)
            }
            return result
        }
        let active = variables(lines.filter { !$0.hasPrefix("#") })
        #expect(problems(active).isEmpty)
        // What is commented out is right as well, and can be uncommented all at once.
        let commented = lines.filter { $0.hasPrefix("#") && $0.dropFirst().first?.isUppercase == true }.map {
            $0.dropFirst()
        }
        #expect(commented.count > least)
        #expect(problems(active.merging(variables(commented)) { $1 }).isEmpty)
    }

    @Test func exampleOfTheFile() throws {
        let path = Self.root + "/config/relay.yaml.example"
        #expect(problems([:], file: path).isEmpty)
        let settings = try RelaySettings.load(environment: [:], configFile: path)
        #expect(settings.destinations.map(\.name) == ["ledger", "audit", "billing"])
        #expect(settings.destinations[2].webhook.headers.count == 1)
    }
}
