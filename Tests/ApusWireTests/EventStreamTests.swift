import ApusTesting
import ApusWire
import NIOCore
import Testing

struct EventStreamTests {
    private static let chunk = EventStreamHeaders([
        ":event-type": "PayloadChunk", ":content-type": "application/octet-stream", ":message-type": "event",
    ])

    private static func message(_ payload: [UInt8], _ headers: EventStreamHeaders = chunk) -> ByteBuffer {
        var buffer = ByteBuffer()
        buffer.writeEventStreamMessage(headers, ByteBuffer(bytes: payload))
        return buffer
    }

    private static func hexadecimal(_ buffer: ByteBuffer) -> String {
        buffer.readableBytesView.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    }

    /// Source: Smithy specification, the empty message of its test vectors; botocore's decoder for the others.
    @Test(arguments: [
        (EventStreamHeaders([:]), "", "000000100000000005c248eb7d98c8ff"),
        (EventStreamHeaders([:]), "{'foo':'bar'}", "0000001d00000000fd528c5a7b27666f6f273a27626172277dc3653936"),
        (EventStreamHeaders(["a": "b"]), "", "000000160000000663e1187e016107000162a5dc6154"),
    ])
    func knownMessages(_ headers: EventStreamHeaders, _ payload: String, _ expected: String) {
        #expect(Self.hexadecimal(Self.message(Array(payload.utf8), headers)) == expected)
    }

    @Test func whatIsWrittenIsRead() throws {
        var generator = SeededGenerator(seed: 1)
        var buffer = ByteBuffer()
        let payloads = (0..<50).map { _ in generator.bytes(0...3000) }
        for payload in payloads {
            let before = buffer.readableBytes
            buffer.writeEventStreamMessage(Self.chunk, ByteBuffer(bytes: payload))
            #expect(
                buffer.readableBytes - before == EventStreamMessage.length(Self.chunk, ByteBuffer(bytes: payload)))
        }
        let decoder = EventStreamDecoder()
        for payload in payloads {
            let message = try #require(try decoder.next(&buffer))
            #expect(Array(message.payload.readableBytesView) == payload)
            #expect(message[":event-type"] == "PayloadChunk")
            #expect(message[":content-type"] == "application/octet-stream")
            #expect(message[":message-type"] == "event")
            #expect(message["other"] == nil)
        }
        #expect(try decoder.next(&buffer) == nil)
        #expect(buffer.readableBytes == 0)
    }

    @Test func aPayloadNeedNotBeCopied() throws {
        let payload = ByteBuffer(string: "somewhere else")
        // Whatever was written before does not belong to the message.
        var buffer = ByteBuffer(string: "6a\r\n")
        let checksum = buffer.writeEventStreamHead(Self.chunk, before: payload)
        buffer.writeImmutableBuffer(payload)
        buffer.writeInteger(checksum)
        buffer.moveReaderIndex(forwardBy: 4)
        #expect(buffer == Self.message(Array(payload.readableBytesView)))
    }

    @Test func aMessageMayComeInPieces() throws {
        let whole = Array(Self.message(Array("hello".utf8)).readableBytesView)
        var buffer = ByteBuffer()
        for byte in whole.dropLast() {
            buffer.writeInteger(byte)
            #expect(try EventStreamDecoder().next(&buffer) == nil)
        }
        buffer.writeInteger(whole.last!)
        #expect(try EventStreamDecoder().next(&buffer)?.payload == ByteBuffer(string: "hello"))
    }

    @Test func headersOfOtherTypesArePassedOver() throws {
        let types: [[UInt8]] = [
            [0], [1], [2, 9], [3, 9, 9], [4, 9, 9, 9, 9], [5] + [UInt8](repeating: 9, count: 8), [6, 0, 2, 9, 9],
            [8] + [UInt8](repeating: 9, count: 8), [9] + [UInt8](repeating: 9, count: 16),
        ]
        let fields = types.reduce(into: [UInt8]()) { $0 += [1, 0x78] + $1 } + [1, 0x79, 7, 0, 1, 0x7A]
        var buffer = Self.raw(headers: fields)
        let message = try #require(try EventStreamDecoder().next(&buffer))
        #expect(message.headers.map(\.name) == ["y"])
        #expect(message["y"] == "z")
    }

    @Test(
        arguments: [
            [1], [1, 0x78], [0, 7, 0, 0], [1, 0x78, 10], [1, 0x78, 7], [1, 0x78, 7, 0, 2, 0x79],
            [1, 0x78, 7, 255, 255],
            [9, 0x78], [1, 0x78, 4, 1, 2, 3],
        ] as [[UInt8]])
    func headersThatAreNoneAreMalformed(_ bytes: [UInt8]) {
        var buffer = Self.raw(headers: bytes)
        #expect(throws: EventStreamDecoder.Failure.malformed) { try EventStreamDecoder().next(&buffer) }
    }

    @Test(arguments: [
        (UInt32(15), UInt32(0), EventStreamDecoder.Failure.malformed), (16, 1, .malformed), (100, 85, .malformed),
        (0, 0, .malformed), (.max, 0, .tooLarge), (1 << 20, .max, .tooLarge), (24 << 20 + 1, 0, .tooLarge),
        (1 << 20, 128 << 10 + 1, .tooLarge),
    ])
    func lengthsThatCannotBeAreRefused(_ length: UInt32, _ headers: UInt32, _ failure: EventStreamDecoder.Failure) {
        var buffer = ByteBuffer()
        buffer.writeInteger(length)
        buffer.writeInteger(headers)
        buffer.writeInteger(Self.checksum(buffer))
        buffer.writeBytes([UInt8](repeating: 0, count: 200))
        #expect(throws: failure) { try EventStreamDecoder().next(&buffer) }
    }

    @Test func aSingleWrongByteIsFound() {
        let whole = Array(Self.message(Array("hello".utf8)).readableBytesView)
        for place in whole.indices {
            var bytes = whole
            bytes[place] ^= 0x10
            var buffer = ByteBuffer(bytes: bytes)
            #expect(throws: EventStreamDecoder.Failure.malformed) { try EventStreamDecoder().next(&buffer) }
        }
    }

    @Test func mutatedBytesAreReadOrRefused() {
        var generator = SeededGenerator(seed: 7)
        let whole = Array(Self.message(Array("hello".utf8)).readableBytesView)
        for _ in 0..<5000 {
            var buffer = ByteBuffer(bytes: whole.mutated(&generator))
            let before = buffer.readableBytes
            if let message = try? EventStreamDecoder().next(&buffer) {
                #expect(String(buffer: message.payload) == "hello")
            } else {
                #expect(buffer.readableBytes == before)
            }
        }
    }

    /// A message of these headers, its checksums right.
    private static func raw(headers: [UInt8]) -> ByteBuffer {
        var buffer = ByteBuffer()
        buffer.writeInteger(UInt32(16 + headers.count))
        buffer.writeInteger(UInt32(headers.count))
        buffer.writeInteger(checksum(buffer))
        buffer.writeBytes(headers)
        buffer.writeInteger(checksum(buffer))
        return buffer
    }

    /// Bit by bit, as the standard has it.
    private static func checksum(_ buffer: ByteBuffer) -> UInt32 {
        var register = ~UInt32(0)
        for byte in buffer.readableBytesView {
            register ^= UInt32(byte)
            for _ in 0..<8 { register = register & 1 == 0 ? register >> 1 : register >> 1 ^ 0xEDB8_8320 }
        }
        return ~register
    }
}
