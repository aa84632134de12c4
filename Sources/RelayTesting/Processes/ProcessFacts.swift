import Foundation

/// What `/proc` tells of a process.
package enum ProcessFacts {
    /// Memory that is in RAM, in bytes; nil when there is no such process.
    package static func residentBytes(of pid: pid_t) -> Int? { kibibytes("VmRSS:", of: pid) }

    /// The most memory that ever was in RAM, in bytes; nil when there is no such process.
    package static func peakResidentBytes(of pid: pid_t) -> Int? { kibibytes("VmHWM:", of: pid) }

    /// Processor time used so far by all threads, in user and kernel mode; nil when there is no such process.
    package static func processorTime(of pid: pid_t) -> Duration? {
        guard let fields = stat(of: pid), fields.count > 12, let user = Int(fields[11]), let system = Int(fields[12])
        else { return nil }
        return .seconds(1) * Double(user + system) / Double(sysconf(Int32(_SC_CLK_TCK)))
    }

    /// All processes that stem from `pid`, without itself.
    static func descendants(of pid: pid_t) -> [pid_t] {
        let entries = (try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? []
        var children: [pid_t: [pid_t]] = [:]
        for entry in entries {
            guard let child = pid_t(entry), let fields = stat(of: child), fields.count > 1,
                let parent = pid_t(fields[1])
            else { continue }
            children[parent, default: []].append(child)
        }
        var found: [pid_t] = []
        var open = [pid]
        while let next = open.popLast() {
            found += children[next] ?? []
            open += children[next] ?? []
        }
        return found
    }

    /// The fields of `/proc/PID/stat` from the third (the state) on: the second, the name, may hold spaces.
    private static func stat(of pid: pid_t) -> [Substring]? {
        guard let text = try? String(contentsOfFile: "/proc/\(pid)/stat", encoding: .utf8),
            let nameEnd = text.lastIndex(of: ")")
        else { return nil }
        return text[text.index(after: nameEnd)...].split(separator: " ")
    }

    private static func kibibytes(_ field: String, of pid: pid_t) -> Int? {
        guard let text = try? String(contentsOfFile: "/proc/\(pid)/status", encoding: .utf8) else { return nil }
        let line = text.split(separator: "\n").first { $0.hasPrefix(field) }
        return line?.split(whereSeparator: { $0 == " " || $0 == "\t" }).dropFirst().first.flatMap { Int($0) }
            .map { $0 << 10 }
    }
}
