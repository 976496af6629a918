import ApusModel
import Testing

struct RequestIDTests {
    @Test func identifiersAreRandomUUIDsInLowerCase() {
        let shape = /[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}/
        for _ in 0..<1000 {
            let text = RequestID().text
            #expect(text.wholeMatch(of: shape) != nil, "\(text)")
        }
    }

    @Test func noTwoAreEqual() {
        #expect(Set((0..<10_000).map { _ in RequestID() }).count == 10_000)
    }

    @Test func everyBitButTheFixedSixVaries() {
        var (seenOne, seenZero) = (UInt64.zero, UInt64.zero)
        for _ in 0..<200 {
            let digits = RequestID().text.replacing("-", with: "")
            let high = UInt64(digits.prefix(16), radix: 16)!
            seenOne |= high
            seenZero |= ~high
        }
        #expect(seenOne & seenZero == 0xFFFF_FFFF_FFFF_0FFF)
    }

    @Test func anIdentifierFromElsewhereIsKeptAsItIs() {
        #expect(RequestID(existing: "Not-A-UUID").description == "Not-A-UUID")
    }
}
