import Testing

/// Tests over sockets, one after another: some of them flood the machine, and others measure time.
@Suite("Posting", .serialized)
enum Posting {}
