import CMongoC

/// Settings of the C allocator, for a process whose memory users have bounded.
public enum MemoryTuning {
    /// Two arenas instead of eight a core (each keeps what it once had), and freed memory goes back early.
    public static func apply() {
        mallopt(M_ARENA_MAX, 4)
        mallopt(M_MMAP_THRESHOLD, 8 << 20)
        mallopt(M_TRIM_THRESHOLD, 8 << 20)
    }
}
