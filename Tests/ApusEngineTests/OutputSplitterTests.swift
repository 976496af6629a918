import ApusEngine
import ApusTesting
import NIOCore
import Testing

struct LineSplitterTests {
    @Test func eachLineIsAnEventWithItsLineFeed() {
        var splitter = LineSplitter()
        #expect(splitter.take(ByteBuffer(string: "one\ntwo\n\nthr")).texts == ["one\n", "two\n", "\n"])
        #expect(splitter.take(ByteBuffer(string: "ee\n")).texts == ["three\n"])
        #expect(splitter.rest() == nil)
    }

    @Test func theRestIsTakenOnce() {
        var splitter = LineSplitter()
        _ = splitter.take(ByteBuffer(string: "no line feed"))
        #expect(splitter.rest().map { String(decoding: $0, as: UTF8.self) } == "no line feed")
        #expect(splitter.rest() == nil)
        #expect(splitter.take(ByteBuffer(string: "x\n")).texts == ["x\n"])
    }

    @Test func aLineOfMoreThan256KiBIsCut() {
        var splitter = LineSplitter()
        let lines = splitter.take(ByteBuffer(repeating: 0x78, count: LineSplitter.limit * 2 + 10))
        #expect(lines.map(\.count) == [262_144, 262_144])
        #expect(splitter.rest()?.count == 10)
    }

    @Test func aLineMayCarryAnyByte() {
        var splitter = LineSplitter()
        let bytes: [UInt8] = [0, 0xFF, 0x0D, 0x0A]
        #expect(splitter.take(ByteBuffer(bytes: bytes)) == [bytes])
    }

    @Test func noSplitLosesOrMovesAByte() {
        var generator = SeededGenerator(seed: 3)
        for _ in 0..<500 {
            let bytes = generator.bytes(0...200).map { $0 < 30 ? UInt8(ascii: "\n") : $0 }
            var (whole, split) = (LineSplitter(), LineSplitter())
            var lines = whole.take(ByteBuffer(bytes: bytes))
            whole.rest().map { lines.append($0) }
            var others = generator.pieces(bytes).flatMap { split.take(ByteBuffer(bytes: $0)) }
            split.rest().map { others.append($0) }
            #expect(others == lines)
            #expect(lines.flatMap { $0 } == bytes)
        }
    }
}

struct FrameSplitterTests {
    private static func frame(_ text: String, type: UInt32 = 0xA55A_0003) -> [UInt8] {
        var buffer = ByteBuffer()
        buffer.writeInteger(type)
        buffer.writeInteger(UInt32(text.utf8.count))
        buffer.writeInteger(UInt64(1_795_508_130_007_000))
        buffer.writeString(text)
        return Array(buffer: buffer)
    }

    @Test func eachFrameIsARecordWhateverItHolds() {
        var splitter = FrameSplitter()
        let bytes = Self.frame("two\nlines") + Self.frame("") + Self.frame("{\"a\":1}", type: 0xA55A_001E)
        #expect(splitter.take(ByteBuffer(bytes: bytes)).texts == ["two\nlines", "", "{\"a\":1}"])
    }

    @Test func aFrameMayComeByteByByte() {
        var splitter = FrameSplitter()
        let records = (Self.frame("hello") + Self.frame("world")).flatMap { splitter.take(ByteBuffer(bytes: [$0])) }
        #expect(records.texts == ["hello", "world"])
    }

    @Test(arguments: [
        ("plain text\n", ["plain text\n"]), ("\u{0}\u{0}\u{0}\u{0}\u{0}\u{0}\u{0}\u{0}\n", ["\0\0\0\0\0\0\0\0\n"]),
    ])
    func whatIsNoFrameIsReadAsLines(_ text: String, lines: [String]) {
        var splitter = FrameSplitter()
        #expect(splitter.take(ByteBuffer(string: text)).texts == lines)
        // And stays so: there is no way back into step.
        let later = splitter.take(ByteBuffer(bytes: Self.frame("x") + [0x0A]))
        #expect(later.flatMap { $0 } == Self.frame("x") + [0x0A])
    }

    @Test func aFrameThatClaimsMoreThanAMebibyteIsNone() {
        var splitter = FrameSplitter()
        var head = ByteBuffer()
        head.writeInteger(UInt32(0xA55A_0003))
        head.writeInteger(UInt32(FrameSplitter.contentLimit + 1))
        head.writeString("tail\n")
        #expect(splitter.take(head) == [Array(buffer: head)])
    }

    @Test func aLargestFrameIsARecord() {
        var splitter = FrameSplitter()
        let text = String(repeating: "x", count: FrameSplitter.contentLimit)
        #expect(splitter.take(ByteBuffer(bytes: Self.frame(text))).map(\.count) == [FrameSplitter.contentLimit])
    }

    @Test func whatComesBeforeTheNoiseIsKept() {
        var splitter = FrameSplitter()
        #expect(
            splitter.take(ByteBuffer(bytes: Self.frame("first") + Array("12345678\n".utf8))).texts == [
                "first", "12345678\n",
            ])
    }

    @Test func shortNoiseIsNotLost() {
        var splitter = FrameSplitter()
        #expect(splitter.take(ByteBuffer(string: "no\n")).texts == ["no\n"])
        #expect(splitter.take(ByteBuffer(string: "x")).texts == [])
        #expect(splitter.rest() == [UInt8(ascii: "x")])
    }

    @Test func aFrameThatIsOnItsWayIsNotTakenForNoise() {
        var splitter = FrameSplitter()
        let frame = Self.frame("hello")
        _ = splitter.take(ByteBuffer(bytes: frame.prefix(3)))
        #expect(splitter.rest() == nil)
        #expect(splitter.take(ByteBuffer(bytes: frame.dropFirst(3))).texts == ["hello"])
    }

    @Test func hostileFramesNeverDependOnHowTheyAreSplit() {
        var generator = SeededGenerator(seed: 4)
        let alphabet: [UInt8] = [0xA5, 0x5A, 0, 1, 3, 0xFF, 0x0A, 0x10]
        for _ in 0..<5000 {
            let frames = (0..<3).flatMap { Self.frame("record \($0)") }
            let bytes = generator.mutated(frames, alphabet: alphabet)
            var (whole, split) = (FrameSplitter(), FrameSplitter())
            let records = whole.take(ByteBuffer(bytes: bytes)).joined()
            let others = generator.pieces(bytes).flatMap { split.take(ByteBuffer(bytes: $0)) }.joined()
            #expect(Array(records) == Array(others))
            #expect(whole.rest() == split.rest())
        }
    }
}

struct LogTailTests {
    @Test func theTailIsTheLast4KiB() {
        var tail = LogTail()
        tail.append(Array("short".utf8))
        #expect(tail.last() == Array("short".utf8))
        for number in 0..<10_000 { tail.append(Array("line \(number)\n".utf8)) }
        let expected = (0..<10_000).flatMap { Array("line \($0)\n".utf8) }.suffix(4096)
        #expect(tail.last() == Array(expected))
    }

    @Test func aLineLongerThanTheTailLeavesItsEnd() {
        var tail = LogTail()
        tail.append([UInt8](repeating: 1, count: 100_000))
        tail.append([2, 3])
        #expect(tail.last().count == 4096)
        #expect(tail.last().suffix(3) == [1, 2, 3])
    }
}

extension [[UInt8]] {
    fileprivate var texts: [String] { map { String(decoding: $0, as: UTF8.self) } }
}
