import Glibc
import RelayCore

/// Starts child processes, all from one thread that lives as long as this process: the kernel's parent-death
/// signal is sent when the thread that started the child ends, and Swift's shared threads come and go.
actor Spawner {
    static let shared = Spawner()
    private let thread = BlockingThread(name: "spawner")
    nonisolated var unownedExecutor: UnownedSerialExecutor { thread.asUnownedSerialExecutor() }

    /// Starts a child in a process group of its own, so that Ctrl-C reaches us and not it, with default signal
    /// handling and no descriptors but the three standard ones.
    /// - Throws: ``TestingError`` when the program cannot be started.
    func spawn(_ launch: Launch) throws -> pid_t {
        // What setpriv starts it finds only then, and we would not be told.
        guard !launch.program.contains("/") || access(launch.program, X_OK) == 0 else {
            throw TestingError("\(launch.program) cannot be started: \(String(cString: strerror(errno)))")
        }
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        Self.add(launch.input, as: 0, to: &actions)
        Self.add(launch.output, as: 1, to: &actions)
        Self.add(launch.error, as: 2, to: &actions)
        _ = Self.closeFrom?(&actions, 3)
        _ = Self.changeFolder?(&actions, launch.folder)

        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        var signals = sigset_t()
        sigemptyset(&signals)
        posix_spawnattr_setsigmask(&attributes, &signals)
        sigfillset(&signals)
        posix_spawnattr_setsigdefault(&attributes, &signals)
        posix_spawnattr_setpgroup(&attributes, 0)
        let flags = POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF
        posix_spawnattr_setflags(&attributes, Int16(flags))

        let arguments = launch.commandLine
        var pid: pid_t = 0
        let failure = Self.withCStrings(arguments) { arguments in
            Self.withCStrings(launch.environment.map { "\($0.key)=\($0.value)" }) { environment in
                posix_spawnp(&pid, arguments[0]!, &actions, &attributes, arguments, environment)
            }
        }
        guard failure == 0 else {
            throw TestingError("\(arguments[0]) cannot be started: \(String(cString: strerror(failure)))")
        }
        return pid
    }

    private typealias CloseFrom = @convention(c) (UnsafeMutablePointer<posix_spawn_file_actions_t>, Int32) -> Int32
    private typealias ChangeFolder =
        @convention(c) (UnsafeMutablePointer<posix_spawn_file_actions_t>, UnsafePointer<CChar>) -> Int32

    // GNU extensions that Swift's view of glibc leaves out.
    private static let closeFrom = dlsym(nil, "posix_spawn_file_actions_addclosefrom_np").map {
        unsafeBitCast($0, to: CloseFrom.self)
    }
    private static let changeFolder = dlsym(nil, "posix_spawn_file_actions_addchdir_np").map {
        unsafeBitCast($0, to: ChangeFolder.self)
    }

    private static func add(
        _ stream: Launch.Stream, as number: Int32, to actions: inout posix_spawn_file_actions_t
    ) {
        switch stream {
        case .null: posix_spawn_file_actions_addopen(&actions, number, "/dev/null", O_RDWR, 0)
        case .file(let path):
            posix_spawn_file_actions_addopen(&actions, number, path, O_WRONLY | O_CREAT | O_APPEND, 0o644)
        case .descriptor(let descriptor): posix_spawn_file_actions_adddup2(&actions, descriptor, number)
        }
    }

    private static func withCStrings<Answer>(
        _ strings: [String], _ body: ([UnsafeMutablePointer<CChar>?]) -> Answer
    ) -> Answer {
        let pointers: [UnsafeMutablePointer<CChar>?] = strings.map { strdup($0) } + [nil]
        defer { for pointer in pointers { free(pointer) } }
        return body(pointers)
    }
}
