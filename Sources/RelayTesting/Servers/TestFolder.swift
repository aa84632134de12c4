import Foundation
import Synchronization

/// A temporary folder that is gone afterwards in any case: removed by ``remove()``, with the last reference, and, if
/// this process is killed, by a small child that waits for just that.
package final class TestFolder: Sendable {
    /// The folder's path.
    package let path: String
    private let watch: Mutex<(janitor: ChildProcess?, pipe: Int32)>

    /// Makes a folder under `TMPDIR`, or `/tmp`.
    /// - Throws: ``TestingError`` when it cannot be made.
    package init() async throws {
        var template = Array("\(Self.parent)/relay-XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else {
            throw TestingError("no folder can be made in \(Self.parent): \(String(cString: strerror(errno)))")
        }
        let path = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
        // PostgreSQL may run as another user, who has to pass through.
        chmod(path, 0o711)
        var ends: [Int32] = [-1, -1]
        guard pipe(&ends) == 0 else { throw TestingError("no pipe can be made") }
        for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
        defer { close(ends[0]) }
        var launch = Launch(
            program: "/bin/sh", arguments: ["-c", Self.janitor, path],
            environment: ["PATH": "/usr/local/bin:/usr/bin:/bin"])
        launch.input = .descriptor(ends[0])
        launch.diesWithUs = false
        self.path = path
        watch = Mutex((nil, ends[1]))
        let child = try await ChildProcess(launch)
        watch.withLock { $0.janitor = child }
    }

    deinit { remove() }

    /// Removes the folder and all that is in it.
    package func remove() {
        watch.withLock { watch in
            guard watch.pipe >= 0 else { return }
            try? FileManager.default.removeItem(atPath: path)
            // The janitor reads the pipe's end and looks after what a dying server may still have written.
            close(watch.pipe)
            watch.pipe = -1
        }
    }

    /// A path inside of the folder.
    package func path(_ name: String) -> String { "\(path)/\(name)" }

    /// Reads until the other end of the pipe is closed, which the kernel does when we die.
    private static let janitor = """
        trap '' INT TERM HUP
        cat >/dev/null
        for attempt in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
            rm -rf -- "$0" 2>/dev/null
            sleep 0.25
            [ -e "$0" ] || exit 0
        done
        """

    /// `TMPDIR`, unless other users cannot pass through it and we are root, whose PostgreSQL runs as another user.
    private static var parent: String {
        guard let folder = ProcessInfo.processInfo.environment["TMPDIR"], !folder.isEmpty else { return "/tmp" }
        var trimmed = folder
        while trimmed.count > 1, trimmed.hasSuffix("/") { trimmed.removeLast() }
        if geteuid() == 0 {
            var place = trimmed
            while place != "/" && !place.isEmpty {
                var facts = stat()
                if stat(place, &facts) != 0 || facts.st_mode & 0o001 == 0 { return "/tmp" }
                place = (place as NSString).deletingLastPathComponent
            }
        }
        return trimmed
    }
}
