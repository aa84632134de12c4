import Foundation
import Logging
import RelayConfiguration

/// The log: one line an event on standard error, as JSON for machines or as text for people.
enum LogSetup {
    static func bootstrap(_ settings: RelaySettings) {
        let level = Logger.Level(rawValue: settings.logLevel.rawValue) ?? .info
        let isJSON = settings.logFormat == .json
        LoggingSystem.bootstrap { label in
            LineLogHandler(label: label, logLevel: level, isJSON: isJSON)
        }
    }

    /// Commands say what went wrong themselves.
    static func bootstrapForCommands() {
        LoggingSystem.bootstrap { label in
            LineLogHandler(label: label, logLevel: .critical, isJSON: false)
        }
    }
}

/// Writes each log message as one line.
struct LineLogHandler: LogHandler {
    let label: String
    var logLevel: Logger.Level
    let isJSON: Bool
    var metadata: Logger.Metadata = [:]

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {
        let fields = metadata.merging(event.metadata ?? [:]) { _, new in new }.sorted { $0.key < $1.key }
        let time = Date().formatted(
            .iso8601.year().month().day().time(includingFractionalSeconds: true).timeZone(separator: .omitted))
        var line: String
        if isJSON {
            line = "{\"time\":\"\(time)\",\"level\":\"\(event.level)\",\"message\":\(Self.quoted("\(event.message)"))"
            for (key, value) in fields { line += ",\(Self.quoted(key)):\(Self.quoted("\(value)"))" }
            line += "}\n"
        } else {
            line = "\(time) \(event.level) \(event.message)"
            for (key, value) in fields { line += " \(key)=\(Self.quoted("\(value)"))" }
            line += "\n"
        }
        // One write, so that lines of different threads never mix.
        line.withUTF8 { _ = write(STDERR_FILENO, $0.baseAddress, $0.count) }
    }

    private static func quoted(_ text: String) -> String {
        var result = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": result += "\\\""
            case "\\": result += "\\\\"
            case "\n": result += "\\n"
            case "\r": result += "\\r"
            case "\t": result += "\\t"
            case _ where scalar.value < 0x20:
                result += "\\u00" + (scalar.value < 16 ? "0" : "") + String(scalar.value, radix: 16)
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result + "\""
    }
}
