import NIOCore
import Testing

@testable import RelayWebhook

@Suite("Which address is used, and when its name is looked up again")
struct AddressBookTests {
    private let a = IPAddress([10, 0, 0, 1])
    private let b = IPAddress([10, 0, 0, 2])
    private let c = IPAddress([10, 0, 0, 3])
    private let start = NIODeadline.uptimeNanoseconds(1_000_000_000_000)

    @Test("the first attempt starts a lookup, and all others wait for it")
    func singleFlight() {
        let book = Book(literal: nil)
        #expect(book.choose(now: start) == .wait(starts: true))
        #expect(book.choose(now: start) == .wait(starts: false))
        book.resolved([a, b], now: start)
        #expect(book.choose(now: start) == .use(a, refreshes: false))
        #expect(!book.isResolving)
    }

    @Test("after 30 s in use the name is looked up beside, once, and the address stays if it is still there")
    func refresh() {
        let book = Book(literal: nil)
        _ = book.choose(now: start)
        book.resolved([a, b], now: start)
        #expect(book.choose(now: start + .milliseconds(29_999)) == .use(a, refreshes: false))
        #expect(book.choose(now: start + .seconds(30)) == .use(a, refreshes: true))
        #expect(book.choose(now: start + .seconds(31)) == .use(a, refreshes: false))
        book.resolved([b, c, a], now: start + .seconds(31))
        #expect(book.choose(now: start + .seconds(32)) == .use(a, refreshes: false))
        #expect(book.choose(now: start + .seconds(61)) == .use(a, refreshes: true))
        book.resolved([b, c], now: start + .seconds(61))
        #expect(book.choose(now: start + .seconds(61)) == .use(b, refreshes: false))
    }

    @Test("a failed lookup leaves what is in use, and is repeated 30 s later")
    func failedRefresh() {
        let book = Book(literal: nil)
        _ = book.choose(now: start)
        book.resolved([a], now: start)
        _ = book.choose(now: start + .seconds(30))
        book.lookupFailed(now: start + .seconds(40))
        #expect(book.choose(now: start + .seconds(41)) == .use(a, refreshes: false))
        #expect(book.choose(now: start + .seconds(70)) == .use(a, refreshes: true))
    }

    @Test("addresses that have become forbidden are used no more")
    func forbidden() {
        let book = Book(literal: nil)
        _ = book.choose(now: start)
        book.resolved([a], now: start)
        _ = book.choose(now: start + .seconds(30))
        book.forbidden(now: start + .seconds(30))
        #expect(book.choose(now: start + .seconds(31)) == .wait(starts: true))
    }

    @Test("an attempt tries each address once; then the name is looked up anew")
    func rotation() {
        let book = Book(literal: nil)
        _ = book.choose(now: start)
        book.resolved([a, b, c], now: start)
        let now = start + .seconds(2)
        #expect(book.connectionFailed(to: a, tried: 1, now: now))
        #expect(book.choose(now: now) == .use(b, refreshes: false))
        // A second attempt whose connection to the first address failed as well does not skip the second.
        #expect(book.connectionFailed(to: a, tried: 1, now: now))
        #expect(book.choose(now: now) == .use(b, refreshes: false))
        #expect(book.connectionFailed(to: b, tried: 2, now: now))
        #expect(!book.connectionFailed(to: c, tried: 3, now: now))
        #expect(book.choose(now: now) == .wait(starts: true))
    }

    @Test("right after a lookup it is not repeated")
    func notAgain() {
        let book = Book(literal: nil)
        _ = book.choose(now: start)
        book.resolved([a], now: start)
        #expect(!book.connectionFailed(to: a, tried: 1, now: start + .milliseconds(999)))
        #expect(book.choose(now: start + .milliseconds(999)) == .use(a, refreshes: false))
        #expect(!book.connectionFailed(to: a, tried: 1, now: start + .seconds(1)))
        #expect(book.choose(now: start + .seconds(1)) == .wait(starts: true))
    }

    @Test("an address in the URL is never looked up")
    func literal() {
        let book = Book(literal: a)
        #expect(book.choose(now: start) == .use(a, refreshes: false))
        #expect(!book.connectionFailed(to: a, tried: 1, now: start + .seconds(100)))
        #expect(book.choose(now: start + .seconds(1000)) == .use(a, refreshes: false))
    }
}

/// `#expect` takes no mutating calls.
private final class Book {
    private var book: AddressBook
    init(literal: IPAddress?) { book = AddressBook(literal: literal) }
    var isResolving: Bool { book.isResolving }
    func choose(now: NIODeadline) -> AddressBook.Choice { book.choose(now: now) }
    func resolved(_ found: [IPAddress], now: NIODeadline) { book.resolved(found, now: now) }
    func forbidden(now: NIODeadline) { book.forbidden(now: now) }
    func lookupFailed(now: NIODeadline) { book.lookupFailed(now: now) }
    func connectionFailed(to address: IPAddress, tried: Int, now: NIODeadline) -> Bool {
        book.connectionFailed(to: address, tried: tried, now: now)
    }
}
