import Foundation

/// Reads the files that the configuration names.
enum TextFile {
    /// Larger ones are no configuration: mostly a path that names the wrong file.
    static let mostBytes = 1 << 20

    /// Why a file could not be read, to stand behind its path.
    struct Unreadable: Error {
        let reason: String
    }

    /// The contents of the file at `path`.
    static func read(_ path: String) throws(Unreadable) -> String {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw Unreadable(reason: String(cString: strerror(errno))) }
        defer { close(descriptor) }
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 64 << 10)
        while true {
            let count = Foundation.read(descriptor, &chunk, chunk.count)
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { throw Unreadable(reason: String(cString: strerror(errno))) }
            if count == 0 { break }
            bytes += chunk[..<count]
            guard bytes.count <= mostBytes else {
                throw Unreadable(reason: "larger than \(SizeText.text(of: mostBytes))")
            }
        }
        guard let text = String(validating: bytes, as: UTF8.self) else { throw Unreadable(reason: "not UTF-8") }
        return text
    }

    /// `text` without one line ending at its end: editors and `echo` add it, secrets never hold it.
    static func withoutFinalNewline(_ text: String) -> String {
        guard text.last?.isNewline == true, let last = text.last, last == "\n" || last == "\r\n" else { return text }
        return String(text.dropLast())
    }
}
