import ApusEngine
import ApusRuntimeAPI
import NIOCore
import Testing

struct TelemetryBufferTests {
    private static func buffer(
        items: Int = 1000, bytes: Int = 262_144, isArray: Bool = true
    ) -> TelemetryBuffer {
        var buffering = TelemetrySubscription.Buffering()
        (buffering.maxItems, buffering.maxBytes) = (items, bytes)
        return TelemetryBuffer(buffering, isArray: isArray)
    }

    private static func record(_ number: Int) -> [UInt8] { Array("{\"n\":\(number)}".utf8) }

    @Test func aBatchIsAnArrayOrLines() {
        for (isArray, expected) in [(true, #"[{"n":0},{"n":1}]"#), (false, "{\"n\":0}\n{\"n\":1}\n")] {
            var buffer = Self.buffer(isArray: isArray)
            #expect(buffer.isEmpty)
            buffer.append(Self.record(0))
            buffer.append(Self.record(1))
            #expect(buffer.isFilling)
            #expect(buffer.next() == nil)
            buffer.seal()
            #expect(!buffer.isFilling)
            #expect(buffer.next().map { String(buffer: $0) } == expected)
            #expect(!buffer.isEmpty)
            buffer.delivered()
            #expect(buffer.isEmpty)
        }
    }

    @Test func aBatchIsFullByItemsOrByBytes() {
        var byItems = Self.buffer(items: 3)
        for number in 0..<7 { byItems.append(Self.record(number)) }
        #expect(byItems.next().map { String(buffer: $0) } == #"[{"n":0},{"n":1},{"n":2}]"#)
        #expect(byItems.isFilling)
        var byBytes = Self.buffer(bytes: 20)
        for number in 0..<4 { byBytes.append(Self.record(number)) }
        // The bracket counts as well.
        #expect(byBytes.next().map { String(buffer: $0) } == #"[{"n":0},{"n":1}]"#)
    }

    @Test func oneBatchTravelsAtATimeAndALostOneGoesFirst() {
        var buffer = Self.buffer(items: 1)
        for number in 0..<3 { buffer.append(Self.record(number)) }
        #expect(buffer.next().map { String(buffer: $0) } == #"[{"n":0}]"#)
        #expect(buffer.next() == nil)
        buffer.lost()
        #expect(buffer.next().map { String(buffer: $0) } == #"[{"n":0}]"#)
        buffer.delivered()
        #expect(buffer.next().map { String(buffer: $0) } == #"[{"n":1}]"#)
    }

    @Test func whatASlowSubscriberCannotTakeIsDroppedAndCounted() {
        var buffer = Self.buffer(bytes: 1000)
        let record = [UInt8](repeating: 0x78, count: 100)
        for _ in 0..<45 { buffer.append(record) }
        // Four batches' bytes are held; there is no room to tell of the rest yet.
        #expect(buffer.takeDropped() == nil)
        var sizes: [Int] = []
        buffer.seal()
        while let batch = buffer.next() {
            sizes.append(batch.readableBytes)
            buffer.delivered()
        }
        #expect(sizes.allSatisfy { $0 <= 1001 })
        let dropped = buffer.takeDropped()
        #expect(dropped?.records == 5)
        #expect(dropped?.bytes == 500)
        #expect(buffer.takeDropped() == nil)
        buffer.append(record)
        #expect(buffer.isFilling)
    }
}
