import Glibc
import NIOCore
import NIOEmbedded
import Testing

@testable import RelayOperations

@Suite struct AcceptErrorHandlerTests {
    @Test(arguments: [ECONNABORTED, EMFILE, ENFILE, ENOBUFS, ENOMEM])
    func aFailedAcceptDoesNotEndTheListener(code: Int32) throws {
        let channel = EmbeddedChannel(handler: AcceptErrorHandler(logger: .quiet))
        channel.pipeline.fireErrorCaught(IOError(errnoCode: code, reason: "accept"))
        #expect(throws: Never.self) { try channel.throwIfErrorCaught() }
    }

    @Test func whatIsShortIsNotAskedForAtOnce() throws {
        let channel = EmbeddedChannel(handler: AcceptErrorHandler(logger: .quiet))
        channel.pipeline.fireErrorCaught(IOError(errnoCode: EMFILE, reason: "accept"))
        func reading() -> [Bool] {
            channel.options.compactMap { $0.option is ChannelOptions.Types.AutoReadOption ? $0.value as? Bool : nil }
        }
        #expect(reading() == [false])
        channel.embeddedEventLoop.advanceTime(by: AcceptErrorHandler.pause)
        #expect(reading() == [true])
    }

    @Test func aListenerThatIsBrokenEnds() throws {
        let channel = EmbeddedChannel(handler: AcceptErrorHandler(logger: .quiet))
        channel.pipeline.fireErrorCaught(IOError(errnoCode: EBADF, reason: "accept"))
        #expect(throws: IOError.self) { try channel.throwIfErrorCaught() }
    }
}
