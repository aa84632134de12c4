/// What to start, and with what.
struct Launch: Sendable {
    /// Where a stream of the child goes or comes from.
    enum Stream: Sendable {
        case null
        /// Appended to, and made where it is missing.
        case file(String)
        /// An open descriptor, which stays the caller's.
        case descriptor(Int32)
    }

    /// A path, or a name to be looked up in `PATH`.
    var program: String
    var arguments: [String]
    /// The whole environment of the child.
    var environment: [String: String]
    var folder = "/"
    var input = Stream.null
    var output = Stream.null
    var error = Stream.null
    /// Whether the kernel kills the child when this process ends in whatever way. It goes by the thread that
    /// started the child, which is why one thread starts them all.
    var diesWithUs = true
    /// Who the child runs as (a user and group of this name), if not as we do; needs root.
    var user: String?

    /// The program and its arguments with `setpriv` in front where it is needed.
    var commandLine: [String] {
        var wrapper: [String] = []
        if let user { wrapper += ["--reuid=\(user)", "--regid=\(user)", "--clear-groups"] }
        if diesWithUs { wrapper += ["--pdeathsig", "KILL"] }
        guard !wrapper.isEmpty else { return [program] + arguments }
        return ["setpriv"] + wrapper + ["--", program] + arguments
    }
}
