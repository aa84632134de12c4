import Testing

@testable import RelayCore

/// The checkpoint may only ever pass what is settled without a gap.
@Suite("Settled prefix")
struct SettledPrefixTests {
    @Test("it passes exactly the batches before the first that is not settled, in any order of settling")
    func random() {
        for _ in 0..<300 {
            var prefix = SettledPrefix()
            // The model: what is left of each batch, whether it was passed.
            var left: [Int] = []
            var passed = 0
            var open: [Int] = []
            for step in 0..<200 {
                if open.isEmpty || Bool.random() {
                    let count = Int.random(in: 0...5)
                    let number = prefix.admit(
                        unsettled: count, end: Self.checkpoint(left.count), position: Int64(left.count), bytes: 10)
                    #expect(number == left.count)
                    left.append(count)
                    open += Array(repeating: number, count: count)
                } else {
                    let number = open.remove(at: Int.random(in: 0..<open.count))
                    prefix.settle(number)
                    left[number] -= 1
                }
                if step % 3 == 0 {
                    let before = passed
                    while passed < left.count, left[passed] == 0 { passed += 1 }
                    #expect(prefix.canAdvance == (passed > before))
                    let answer = prefix.advance()
                    #expect((answer != nil) == (passed > before))
                    if let answer {
                        #expect(answer.position == Int64(passed - 1))
                        #expect(answer.end == Self.checkpoint(passed - 1))
                    }
                }
                #expect(prefix.unsettled == left.reduce(0, +))
                #expect(prefix.heldBytes == (left.count - passed) * 10)
                #expect(prefix.isEmpty == (passed == left.count))
            }
        }
    }

    private static func checkpoint(_ number: Int) -> Checkpoint {
        var checkpoint = Checkpoint()
        checkpoint.ordinal = number
        return checkpoint
    }
}
