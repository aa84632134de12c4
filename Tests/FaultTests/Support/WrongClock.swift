import Foundation
import RelayTesting

/// A calendar for one process that is wrong by as much as a test likes, and jumps when it likes.
///
/// The kernel has one calendar for all processes, and a test may not set it. So the C library's calls that read it are
/// replaced in the process (`LD_PRELOAD`), and add what they find in a file that test and process both map.
final class WrongClock: Sendable {
    /// What the process needs in its environment.
    let environment: [String: String]
    private let file: String

    /// Builds the replacement with the compiler that comes with Swift.
    init(in folder: TestFolder) async throws {
        let (source, library) = (folder.path("clock.c"), folder.path("clock.so"))
        file = folder.path("clock.offset")
        try Data(Self.program.utf8).write(to: URL(fileURLWithPath: source))
        try Data(count: 8).write(to: URL(fileURLWithPath: file))
        let built = try await Command.run("clang", ["-shared", "-fPIC", "-O1", "-o", library, source])
        guard built.exitCode == 0 else { throw TestingError("clang failed: \(built.error)") }
        environment = ["LD_PRELOAD": library, "WRONG_CLOCK": file]
    }

    /// Lets the process's calendar be wrong by so much from now on.
    func jump(to offset: Duration) throws {
        guard let handle = FileHandle(forWritingAtPath: file) else { throw TestingError("\(file) is gone") }
        defer { try? handle.close() }
        let seconds = offset.components.seconds
        // In place: the process has the file mapped.
        try handle.write(contentsOf: withUnsafeBytes(of: seconds) { Data($0) })
    }

    private static let program = """
        #define _GNU_SOURCE
        #include <fcntl.h>
        #include <stdint.h>
        #include <stdlib.h>
        #include <sys/mman.h>
        #include <sys/syscall.h>
        #include <sys/time.h>
        #include <time.h>
        #include <unistd.h>

        static volatile int64_t *offset;

        __attribute__((constructor)) static void map(void) {
            const char *path = getenv("WRONG_CLOCK");
            int file = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
            if (file < 0) return;
            void *memory = mmap(0, 8, PROT_READ, MAP_SHARED, file, 0);
            if (memory != MAP_FAILED) offset = memory;
            close(file);
        }

        static int64_t wrong(void) { return offset ? *offset : 0; }

        int clock_gettime(clockid_t clock, struct timespec *time) {
            int result = (int)syscall(SYS_clock_gettime, clock, time);
            if (result == 0 && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE)) time->tv_sec += wrong();
            return result;
        }

        int gettimeofday(struct timeval *restrict time, void *restrict zone) {
            struct timespec now;
            clock_gettime(CLOCK_REALTIME, &now);
            if (time) { time->tv_sec = now.tv_sec; time->tv_usec = now.tv_nsec / 1000; }
            return 0;
        }

        time_t time(time_t *result) {
            struct timespec now;
            clock_gettime(CLOCK_REALTIME, &now);
            if (result) *result = now.tv_sec;
            return now.tv_sec;
        }

        """
}
