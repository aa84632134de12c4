import Foundation

/// The last lines of a file, indented for the end of an error message; empty if there is no such file.
func tail(of path: String, lines count: Int = 15) -> String {
    guard let data = FileManager.default.contents(atPath: path), !data.isEmpty else { return "" }
    let lines = String(decoding: data.suffix(16 << 10), as: UTF8.self).split(separator: "\n").suffix(count)
    return lines.map { "    \($0.prefix(500))" }.joined(separator: "\n")
}

/// `": the end of its log (…)"` with the log's last lines, or a remark that there is none.
func logNote(_ path: String) -> String {
    let end = tail(of: path)
    return end.isEmpty ? " It wrote no log." : " The end of its log:\n\(end)"
}
