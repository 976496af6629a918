import ApusEngine
import ApusTesting
import NIOCore
import Testing

struct LineSplitterTests {
    @Test func eachLineIsAnEventWithItsLineFeed() {
        var splitter = LineSplitter()
        #expect(splitter.take(Array(utf8: "one\ntwo\n\nthr")).texts == ["one\n", "two\n", "\n"])
        #expect(splitter.take(Array(utf8: "ee\n")).texts == ["three\n"])
        #expect(splitter.rest() == nil)
    }

    @Test func theRestIsTakenOnce() {
        var splitter = LineSplitter()
        _ = splitter.take(Array(utf8: "no line feed"))
        #expect(splitter.rest().map { String(decoding: $0, as: UTF8.self) } == "no line feed")
        #expect(splitter.rest() == nil)
        #expect(splitter.take(Array(utf8: "x\n")).texts == ["x\n"])
    }

    @Test func aLineOfMoreThan256KiBIsCut() {
        var splitter = LineSplitter()
        let lines = splitter.take([UInt8](repeating: 0x78, count: LineSplitter.limit * 2 + 10))
        #expect(lines.map(\.count) == [262_144, 262_144])
        #expect(splitter.rest()?.count == 10)
    }

    @Test func aLineMayCarryAnyByte() {
        var splitter = LineSplitter()
        let bytes: [UInt8] = [0, 0xFF, 0x0D, 0x0A]
        #expect(splitter.take(Array(bytes)) == [bytes])
    }

    @Test func noSplitLosesOrMovesAByte() {
        var generator = SeededGenerator(seed: 3)
        for _ in 0..<500 {
            let bytes = generator.bytes(0...200).map { $0 < 30 ? UInt8(ascii: "\n") : $0 }
            var (whole, split) = (LineSplitter(), LineSplitter())
            var lines = whole.take(Array(bytes))
            whole.rest().map { lines.append($0) }
            var others = generator.pieces(bytes).flatMap { split.take(Array($0)) }
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
        #expect(splitter.take(Array(bytes)).texts == ["two\nlines", "", "{\"a\":1}"])
    }

    @Test func aFrameMayComeByteByByte() {
        var splitter = FrameSplitter()
        let records = (Self.frame("hello") + Self.frame("world")).flatMap { splitter.take(Array([$0])) }
        #expect(records.texts == ["hello", "world"])
    }

    @Test(arguments: [
        ("plain text\n", ["plain text\n"]), ("\u{0}\u{0}\u{0}\u{0}\u{0}\u{0}\u{0}\u{0}\n", ["\0\0\0\0\0\0\0\0\n"]),
    ])
    func whatIsNoFrameIsReadAsLines(_ text: String, lines: [String]) {
        var splitter = FrameSplitter()
        #expect(splitter.take(Array(utf8: text)).texts == lines)
        // And stays so: there is no way back into step.
        let later = splitter.take(Array(Self.frame("x") + [0x0A]))
        #expect(later.flatMap { $0 } == Self.frame("x") + [0x0A])
    }

    @Test func aFrameThatClaimsMoreThanAMebibyteIsNone() {
        var splitter = FrameSplitter()
        var head = ByteBuffer()
        head.writeInteger(UInt32(0xA55A_0003))
        head.writeInteger(UInt32(FrameSplitter.contentLimit + 1))
        head.writeString("tail\n")
        #expect(splitter.take(Array(buffer: head)) == [Array(buffer: head)])
    }

    @Test func aLargestFrameIsARecord() {
        var splitter = FrameSplitter()
        let text = String(repeating: "x", count: FrameSplitter.contentLimit)
        #expect(splitter.take(Array(Self.frame(text))).map(\.count) == [FrameSplitter.contentLimit])
    }

    @Test func whatComesBeforeTheNoiseIsKept() {
        var splitter = FrameSplitter()
        #expect(
            splitter.take(Array(Self.frame("first") + Array("12345678\n".utf8))).texts == [
                "first", "12345678\n",
            ])
    }

    @Test func shortNoiseIsNotLost() {
        var splitter = FrameSplitter()
        #expect(splitter.take(Array(utf8: "no\n")).texts == ["no\n"])
        #expect(splitter.take(Array(utf8: "x")).texts == [])
        #expect(splitter.rest() == [UInt8(ascii: "x")])
    }

    @Test func aFrameThatIsOnItsWayIsNotTakenForNoise() {
        var splitter = FrameSplitter()
        let frame = Self.frame("hello")
        _ = splitter.take(Array(frame.prefix(3)))
        #expect(splitter.rest() == nil)
        #expect(splitter.take(Array(frame.dropFirst(3))).texts == ["hello"])
    }

    @Test func hostileFramesNeverDependOnHowTheyAreSplit() {
        var generator = SeededGenerator(seed: 4)
        let alphabet: [UInt8] = [0xA5, 0x5A, 0, 1, 3, 0xFF, 0x0A, 0x10]
        for _ in 0..<5000 {
            let frames = (0..<3).flatMap { Self.frame("record \($0)") }
            let bytes = generator.mutated(frames, alphabet: alphabet)
            var (whole, split) = (FrameSplitter(), FrameSplitter())
            let records = whole.take(Array(bytes)).joined()
            let others = generator.pieces(bytes).flatMap { split.take(Array($0)) }.joined()
            #expect(Array(records) == Array(others))
            #expect(whole.rest() == split.rest())
        }
    }
}

struct LogTailTests {
    @Test func theTailIsTheLast4KiB() {
        var tail = LogTail()
        tail.append("short")
        #expect(tail.last() == Array("short".utf8))
        for number in 0..<10_000 { tail.append("line \(number)\n") }
        let expected = (0..<10_000).flatMap { Array("line \($0)\n".utf8) }.suffix(4096)
        #expect(tail.last() == Array(expected))
    }

    @Test func aLineLongerThanTheTailLeavesItsEnd() {
        var tail = LogTail()
        tail.append(String(repeating: "1", count: 100_000))
        tail.append("23")
        #expect(tail.last().count == 4096)
        #expect(tail.last().suffix(3) == Array("123".utf8))
    }
}

extension LogTail {
    fileprivate mutating func append(_ text: String) { Array(text.utf8).withUnsafeBytes { append($0) } }
}

extension LineSplitter {
    fileprivate mutating func take(_ bytes: [UInt8]) -> [[UInt8]] {
        var lines: [[UInt8]] = []
        bytes.withUnsafeBytes { take($0) { lines.append(Array($0)) } }
        return lines
    }

    fileprivate mutating func rest() -> [UInt8]? {
        var line: [UInt8]?
        rest { line = Array($0) }
        return line
    }
}

extension FrameSplitter {
    fileprivate mutating func take(_ bytes: [UInt8]) -> [[UInt8]] {
        var records: [[UInt8]] = []
        bytes.withUnsafeBytes { take($0) { records.append(Array($0)) } }
        return records
    }

    fileprivate mutating func rest() -> [UInt8]? {
        var line: [UInt8]?
        rest { line = Array($0) }
        return line
    }
}

extension [UInt8] {
    fileprivate init(utf8 text: String) { self.init(text.utf8) }
}

extension [[UInt8]] {
    fileprivate var texts: [String] { map { String(decoding: $0, as: UTF8.self) } }
}
