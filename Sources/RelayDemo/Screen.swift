import Foundation
import Synchronization

/// The demo's output: whole lines, each with the seconds since the start, from whichever task.
final class Screen: Sendable {
    private let start = ContinuousClock.now
    private let lock = Mutex(())

    /// A line with the time in front.
    func line(_ text: String) {
        plain("\(Self.padded(Self.decimal(start.duration(to: .now) / .seconds(1), 1), 6)) s  \(text)")
    }

    /// A line as it is.
    func plain(_ text: String = "") { write(text, to: .standardOutput) }

    /// What went wrong.
    func problem(_ text: String) { write("error: \(text)", to: .standardError) }

    private func write(_ text: String, to handle: FileHandle) {
        lock.withLock { _ in
            // A reader that has gone away, as of `| head`, must not keep the demo from cleaning up.
            try? handle.write(contentsOf: Data("\(text)\n".utf8))
        }
    }

    /// A number with so many decimals and with commas between thousands.
    static func decimal(_ value: Double, _ digits: Int = 0) -> String {
        let parts = String(format: "%.\(digits)f", value).split(separator: ".")
        var whole = ""
        for (index, digit) in parts[0].reversed().enumerated() {
            if index > 0, index % 3 == 0, digit != "-" { whole.append(",") }
            whole.append(digit)
        }
        return String(whole.reversed()) + (parts.count > 1 ? ".\(parts[1])" : "")
    }

    static func count(_ value: Int) -> String { decimal(Double(value)) }

    static func milliseconds(_ value: Duration?) -> String {
        value.map { "\(decimal($0 / .milliseconds(1), 1)) ms" } ?? "none"
    }

    /// The text at the right end of so many columns.
    static func padded(_ text: String, _ width: Int) -> String {
        String(repeating: " ", count: max(0, width - text.count)) + text
    }
}
