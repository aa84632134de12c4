import Foundation
import Testing

@testable import RelayMongoDB

/// MongoDB's published BSON corpus: what every driver must read and how it must print it.
@Suite("BSON corpus")
struct BSONCorpusTests {
    struct File: Decodable {
        struct Valid: Decodable {
            var description: String
            var bson: String
            var canonical: String
            var relaxed: String?
            var degenerate: String?

            enum CodingKeys: String, CodingKey {
                case description
                case bson = "canonical_bson"
                case canonical = "canonical_extjson"
                case relaxed = "relaxed_extjson"
                case degenerate = "degenerate_bson"
            }
        }
        struct DecodeError: Decodable {
            var description: String
            var bson: String
        }
        var description: String
        var valid: [Valid]?
        var decodeErrors: [DecodeError]?
    }

    static let folder: URL? = {
        let named = ProcessInfo.processInfo.environment["BSON_CORPUS"].map { URL(fileURLWithPath: $0) }
        var root = URL(fileURLWithPath: #filePath)
        for _ in 0..<3 { root.deleteLastPathComponent() }
        let beside = root.deletingLastPathComponent().appendingPathComponent("shared/conformance/bson-corpus")
        return [named, beside].compactMap { $0 }.first { FileManager.default.fileExists(atPath: $0.path) }
    }()

    static let missing: Comment = "no BSON corpus: BSON_CORPUS does not name one and none lies beside the checkout"

    static func files() throws -> [File] {
        let names = try FileManager.default.contentsOfDirectory(atPath: folder!.path).filter { $0.hasSuffix(".json") }
        return try names.sorted().map { name in
            try JSONDecoder().decode(File.self, from: Data(contentsOf: folder!.appendingPathComponent(name)))
        }
    }

    @Test("valid documents print as canonical and relaxed Extended JSON", .enabled(if: folder != nil, missing))
    func valid() throws {
        var cases = 0
        for file in try BSONCorpusTests.files() {
            for example in file.valid ?? [] {
                let name = Comment(rawValue: "\(file.description): \(example.description)")
                let documents = [example.bson, example.degenerate].compactMap { $0 }.map(bytes(hex:))
                for document in documents {
                    #expect(throws: Never.self, name) {
                        try withExactCopy(of: document) { try BSONView($0).validate() }
                    }
                    let canonical = try json(document, .canonical).text
                    #expect(tokens(canonical) == tokens(example.canonical), name)
                    let relaxed = try json(document, .relaxed).text
                    if let expected = example.relaxed { #expect(tokens(relaxed) == tokens(expected), name) }
                    let plain = try json(document, .plain).text
                    for text in [canonical, relaxed, plain] {
                        #expect(withExactCopy(of: Array(text.utf8)) { JSONText.validate($0) } != nil, name)
                    }
                }
                cases += 1
            }
        }
        #expect(cases > 600, "the corpus holds fewer cases than it should")
    }

    @Test("damaged documents are refused", .enabled(if: folder != nil, missing))
    func damaged() throws {
        var cases = 0
        for file in try BSONCorpusTests.files() {
            for example in file.decodeErrors ?? [] {
                let name = Comment(rawValue: "\(file.description): \(example.description)")
                let document = bytes(hex: example.bson)
                #expect(throws: BSONError.self, name) { try BSONDocument(document) }
                for style in JSONStyle.allCases {
                    #expect(throws: BSONError.self, name) { try json(document, style) }
                }
                cases += 1
            }
        }
        #expect(cases > 50, "the corpus holds fewer cases than it should")
    }
}
