import Testing

@testable import RelayConfiguration

@Suite struct RandomTests {
    /// A small generator with a seed, so that what fails can be repeated.
    private struct Generator: RandomNumberGenerator {
        var state: UInt64
        mutating func next() -> UInt64 {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return (state ^ (state >> 29)) &* 0xBF58_476D_1CE4_E5B9
        }
    }

    private static let pieces: [String] = [
        "", " ", "\n", "\r\n", "\u{0}", "\"", "'", ":", "//", "://", "@", "%", "%zz", "%41", "?", "#", "&", "=", ",",
        "-",
        "*", "{", "}", "{topic}", "[", "]", "::", ".", "..", "$", "0", "9", "99999999999999999999", "ms", "s", "d",
        "KiB",
        "GiB", "true", "any", "mongodb", "postgres", "http", "whsec_", "whsk_", "é", "\u{1F600}", "\u{301}", "\u{2028}",
        "٣", "-----BEGIN ", "native", "outbox", "a", "Z", "_", "\\",
    ]

    /// Whatever is in the environment and in the file, the answer is settings or problems, each on one line.
    @Test(arguments: 0..<20 as Range<UInt64>) func garbage(seed: UInt64) throws {
        var generator = Generator(state: seed)
        let folder = try TemporaryFolder()
        func text() -> String {
            (0..<Int.random(in: 0...6, using: &generator)).map { _ in
                Self.pieces.randomElement(using: &generator) ?? ""
            }.joined()
        }
        for round in 0..<25 {
            var environment = minimal
            for variable in ConfigurationTable.variables where Int.random(in: 0..<8, using: &generator) == 0 {
                environment[variable.name] = text()
            }
            environment["RELAY_" + text()] = text()
            environment["DESTINATION" + text()] = text()
            environment["RELAY_CONFIG"] = nil
            let file = try folder.file(
                "\(round).yaml", Bool.random(using: &generator) ? "relay:\n  name: \(text())" : text())
            do {
                _ = try RelaySettings.load(environment: environment, configFile: file)
            } catch {
                #expect(!error.problems.isEmpty)
                #expect(error.description.split(whereSeparator: \.isNewline).count == error.problems.count)
                #expect(error.problems == error.problems.sorted())
                #expect(!error.description.contains("hunter2"))
            }
        }
    }

    /// Durations and sizes are written as they are read.
    @Test func durationsAndSizes() throws {
        var generator = Generator(state: 7)
        for _ in 0..<2000 {
            let duration = Duration.milliseconds(Int64.random(in: 0...1 << 45, using: &generator))
            #expect(try DurationText.duration(of: DurationText.text(of: duration)) == duration)
            let size = Int.random(in: 0...1 << 50, using: &generator)
            #expect(try SizeText.bytes(of: SizeText.text(of: size)) == size)
        }
        #expect(DurationText.text(of: .zero) == "0s" && SizeText.text(of: 0) == "0B")
        for text in ["", "7", "s", "7x", "7 s", "-7s", "7.5s", "٣s", "9223372036854775807s"] {
            #expect(throws: MalformedValue.self) { try DurationText.duration(of: text) }
        }
        for text in ["", "7", "B", "7x", "7 B", "-7B", "7KB", "٣B", "9223372036854775807KiB", "99999999999999999999B"] {
            #expect(throws: MalformedValue.self) { try SizeText.bytes(of: text) }
        }
        #expect(DurationText.text(of: .seconds(90)) == "90s" && DurationText.text(of: .seconds(172_800)) == "2d")
        #expect(SizeText.text(of: 1536) == "1536B" && SizeText.text(of: 4 << 20) == "4MiB")
    }
}
