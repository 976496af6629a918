import ApusTesting
import ApusWire
import NIOCore
import NIOEmbedded
import NIOHTTP1

/// Reads streamed answers from a connection as they come.
final class StreamReader {
    private let connection: FrontConnection
    private var bytes = ByteBuffer()

    init(_ connection: FrontConnection) { self.connection = connection }

    /// The head of the next answer.
    func head() async throws -> (status: String, headers: HTTPHeaders) {
        let text = try await until("\r\n\r\n")
        let lines = text.split(separator: "\r\n")
        let fields = lines.dropFirst().map { line in
            let parts = line.split(separator: ":", maxSplits: 1)
            return (String(parts[0]), String(parts[1].dropFirst()))
        }
        return (lines.first.map(String.init) ?? "", HTTPHeaders(fields))
    }

    /// The next message; one chunk has to hold it whole.
    func message() async throws -> EventStreamMessage {
        let size = Int(try await until("\r\n"), radix: 16) ?? 0
        var chunk = try await take(size + 2)
        let message = try EventStreamDecoder().next(&chunk)
        guard let message, chunk.readableBytes == 2 else { throw DeadlineMissed(what: "a message", found: "\(size)") }
        return message
    }

    /// The next message's payload, which has to be a part of the answer.
    func part() async throws -> String {
        let message = try await message()
        guard message[":event-type"] == "PayloadChunk" else {
            throw DeadlineMissed(what: "a part", found: String(buffer: message.payload))
        }
        return String(buffer: message.payload)
    }

    /// The parts up to the end of the answer, and what it ends with.
    func rest() async throws -> (parts: [String], completion: JSON) {
        var parts: [String] = []
        while true {
            let message = try await message()
            let payload = String(buffer: message.payload)
            if message[":event-type"] == "InvokeComplete" {
                let end = try await until("\r\n\r\n")
                guard end == "0" else { throw DeadlineMissed(what: "the end of the chunks", found: end) }
                return (parts, try JSON(parsing: payload))
            }
            parts.append(payload)
        }
    }

    private func until(_ mark: String) async throws -> String {
        while true {
            let text = String(buffer: bytes)
            if let range = text.firstRange(of: mark) {
                // Heads and sizes are ASCII, so that characters are bytes.
                let length = text[..<range.lowerBound].utf8.count
                let found = bytes.readString(length: length) ?? ""
                bytes.moveReaderIndex(forwardBy: mark.utf8.count)
                return found
            }
            try await more(mark)
        }
    }

    private func take(_ count: Int) async throws -> ByteBuffer {
        while bytes.readableBytes < count { try await more("\(count) bytes") }
        return bytes.readSlice(length: count) ?? ByteBuffer()
    }

    private func more(_ what: String) async throws {
        // The channel's own way to wait has no end.
        for _ in 0..<10_000 {
            if var next = try await connection.channel.readOutbound(as: ByteBuffer.self) {
                bytes.writeBuffer(&next)
                return
            }
            try await Task.sleep(for: .milliseconds(1))
        }
        throw DeadlineMissed(what: what, found: String(buffer: bytes))
    }
}
