import Glibc

/// What the kernel knows of this process, under the names that Prometheus' client libraries use.
enum ProcessMetrics {
    /// The metrics as they are now. What `/proc` does not tell is left out.
    static func families() -> [MetricFamily] {
        var families = [MetricFamily.counter(OperationsMetrics.cpuSeconds, cpuSeconds())]
        func add(_ name: String, _ value: Double?) {
            if let value { families.append(.gauge(name, [([], value)])) }
        }
        let memory = memoryBytes()
        add(OperationsMetrics.residentMemory, memory?.resident)
        add(OperationsMetrics.virtualMemory, memory?.virtual)
        add(OperationsMetrics.startTime, startTime)
        add(OperationsMetrics.openFiles, openFiles())
        add(OperationsMetrics.maxFiles, maxFiles())
        return families
    }

    /// When this process started, in Unix seconds; it never changes.
    private static let startTime: Double? = {
        guard let stat = contents("/proc/self/stat"),
            // The second field is the program's name in parentheses and may hold spaces and parentheses.
            let end = stat.lastIndex(of: ")"),
            let system = contents("/proc/stat"),
            let boot = system.split(separator: "\n").first(where: { $0.hasPrefix("btime ") }),
            let bootTime = Double(boot.dropFirst(6))
        else { return nil }
        // Fields after the name count from 3, `state`; `starttime` is field 22, in clock ticks since boot.
        let fields = stat[stat.index(after: end)...].split(separator: " ")
        guard fields.count > 19, let ticks = Double(fields[19]) else { return nil }
        return bootTime + ticks / Double(sysconf(Int32(_SC_CLK_TCK)))
    }()

    private static func cpuSeconds() -> Double {
        var usage = rusage()
        getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
        func seconds(_ time: timeval) -> Double { Double(time.tv_sec) + Double(time.tv_usec) / 1e6 }
        return seconds(usage.ru_utime) + seconds(usage.ru_stime)
    }

    private static func memoryBytes() -> (virtual: Double, resident: Double)? {
        guard let fields = contents("/proc/self/statm")?.split(separator: " "), fields.count > 1,
            let size = Double(fields[0]), let resident = Double(fields[1])
        else { return nil }
        let page = Double(sysconf(Int32(_SC_PAGESIZE)))
        return (size * page, resident * page)
    }

    private static func openFiles() -> Double? {
        guard let folder = opendir("/proc/self/fd") else { return nil }
        defer { closedir(folder) }
        var count = 0
        while let entry = readdir(folder) {
            if entry.pointee.d_name.0 != UInt8(ascii: ".") { count += 1 }
        }
        // Less the descriptor that reads the folder.
        return Double(count - 1)
    }

    private static func maxFiles() -> Double? {
        var limit = rlimit()
        guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return nil }
        return limit.rlim_cur == rlim_t.max ? .infinity : Double(limit.rlim_cur)
    }

    /// A small file of `/proc`, at most 1 MiB of it.
    private static func contents(_ path: String) -> String? {
        let file = open(path, O_RDONLY | O_CLOEXEC)
        guard file >= 0 else { return nil }
        defer { close(file) }
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 8192)
        while bytes.count < 1 << 20 {
            let count = read(file, &chunk, chunk.count)
            if count <= 0 { break }
            bytes += chunk[..<count]
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}
