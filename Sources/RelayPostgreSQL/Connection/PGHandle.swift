import CPostgres

/// Owns one `PGconn`: it is finished with the last reference.
final class PGHandle: @unchecked Sendable {
    // @unchecked: only the connection's thread uses it.
    let pointer: OpaquePointer

    init(_ pointer: OpaquePointer) { self.pointer = pointer }

    deinit { PQfinish(pointer) }
}
