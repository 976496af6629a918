import ApusModel
import ApusTesting
import Testing

struct LogBlockTests {
    private static func block(_ lines: [(time: Int64, text: String)]) -> LogBlock {
        var block = LogBlock()
        for line in lines { #expect(block.append(line.text, at: line.time) == true) }
        return block
    }

    @Test func linesComeBackAsTheyWereAdded() {
        let block = Self.block([(5, "one\n"), (3, ""), (9, "three\0\n")])
        #expect(block.texts == ["5 one\n", "3 ", "9 three\0\n"])
        #expect(block.earliest == Timestamp(milliseconds: 3))
        #expect(block.latest == Timestamp(milliseconds: 9))
        #expect(LogBlock(block.bytes[...]) == block)
        #expect(LogBlock([])?.isEmpty == true)
    }

    @Test func aBlockHasItsBytesAndAnEmptyOneTakesAnyLine() {
        var block = LogBlock()
        let half = String(repeating: "x", count: LogBlock.limit / 2 - 12)
        #expect(block.append(half, at: 0) == true)
        #expect(block.append(half, at: 0) == true)
        #expect(block.bytes.count == LogBlock.limit)
        #expect(block.append("", at: 0) == false)
        #expect(block.texts.count == 2)
        var large = LogBlock()
        #expect(large.append(String(repeating: "x", count: 2 * LogBlock.limit), at: 0) == true)
        #expect(large.append("", at: 0) == false)
    }

    @Test(arguments: [(100, 199, true), (100, 200, false), (100, 1, true), (100, 0, false)])
    func theTimesOfABlockAreLessThanItsSpanApart(_ first: Int64, _ second: Int64, fits: Bool) {
        var block = Self.block([(first, "first")])
        let copy = block
        #expect(block.append("second", at: second) == fits)
        #expect((block == copy) == !fits)
        var joined = Self.block([(first, "first")])
        #expect(joined.append(Self.block([(second, "second")])) == fits)
        #expect(joined == block)
    }

    @Test func joinedBlocksKeepTheirOrderAndTheirLimit() {
        var block = Self.block([(5, "b")])
        #expect(block.append(Self.block([(4, "a"), (6, "c")])) == true)
        #expect(block.append(LogBlock()) == true)
        #expect(block.texts == ["5 b", "4 a", "6 c"])
        #expect(block.earliest == Timestamp(milliseconds: 4))
        var large = Self.block([(0, String(repeating: "x", count: LogBlock.limit - 30))])
        #expect(large.append(Self.block([(0, "1234567")])) == false)
        #expect(large.append(Self.block([(0, "123456")])) == true)
        var empty = LogBlock()
        #expect(empty.append(block) == true)
        #expect(empty == block)
    }

    @Test func bytesThatAreNoBlockAreNotTakenForOne() {
        let bytes = Self.block([(1, "one"), (2, "two")]).bytes
        for count in 0...bytes.count {
            #expect((LogBlock(bytes[..<count]) != nil) == [0, 15, 30].contains(count))
        }
        var generator = SeededGenerator(seed: 11)
        for _ in 0..<20_000 {
            let other = generator.mutated(bytes, alphabet: [0, 1, 3, 12, 0x7F, 0xFF])
            // What is read is what was there, whatever it is.
            guard let block = LogBlock(other[...]) else { continue }
            #expect(block.lines.reduce(0) { $0 + 12 + $1.bytes.count } == other.count)
        }
    }
}

extension LogBlock {
    fileprivate mutating func append(_ text: String, at milliseconds: Int64) -> Bool {
        Array(text.utf8).withUnsafeBytes { append($0, at: Timestamp(milliseconds: milliseconds)) }
    }

    fileprivate var texts: [String] {
        lines.map { "\($0.time.milliseconds) \(String(decoding: $0.bytes, as: UTF8.self))" }
    }
}
