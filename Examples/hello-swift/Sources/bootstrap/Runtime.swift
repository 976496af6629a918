import FoundationEssentials
import Glibc

/// The Runtime API over one connection.
struct Runtime {
    private let host: String
    private let connection: Int32

    init() throws {
        host = ProcessInfo.processInfo.environment["AWS_LAMBDA_RUNTIME_API"] ?? ""
        let parts = host.split(separator: ":")
        guard parts.count == 2, let port = UInt16(parts[1]) else { throw Failure("AWS_LAMBDA_RUNTIME_API is not set") }
        connection = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = inet_addr(String(parts[0]))
        let status = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(connection, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        guard status == 0 else { throw Failure("the Runtime API does not answer at \(host)") }
    }

    /// Takes one event after the other.
    func serve<Event: Decodable, Answer: Encodable>(_ handle: (Event) throws -> Answer) throws -> Never {
        let encoder = JSONEncoder()
        encoder.outputFormatting = .sortedKeys
        while true {
            try send("GET", "next", Data())
            let next = try receive()
            guard let id = next.fields["lambda-runtime-aws-request-id"] else { throw Failure("an event without an id") }
            setenv("_X_AMZN_TRACE_ID", next.fields["lambda-runtime-trace-id"] ?? "", 1)
            do {
                let answer = try encoder.encode(try handle(try JSONDecoder().decode(Event.self, from: next.body)))
                // What was printed belongs to this event's log.
                fflush(nil)
                try send("POST", "\(id)/response", answer)
            } catch {
                fflush(nil)
                let report = ["errorMessage": "\(error)", "errorType": "\(type(of: error))"]
                try send("POST", "\(id)/error", try encoder.encode(report))
            }
            _ = try receive()
        }
    }

    private func send(_ method: String, _ path: String, _ body: Data) throws {
        let head = """
            \(method) /2018-06-01/runtime/invocation/\(path) HTTP/1.1\r
            Host: \(host)\r
            Content-Length: \(body.count)\r
            \r

            """
        var rest = Data(head.utf8) + body
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { write(connection, $0.baseAddress, $0.count) }
            guard count > 0 else { throw Failure("the connection was lost") }
            rest = rest.dropFirst(count)
        }
    }

    private func receive() throws -> (fields: [String: String], body: Data) {
        var received = Data()
        let end = Data("\r\n\r\n".utf8)
        while received.firstRange(of: end) == nil { received += try read() }
        let head = received.firstRange(of: end)!
        var fields: [String: String] = [:]
        for line in String(decoding: received[..<head.lowerBound], as: UTF8.self).split(separator: "\r\n").dropFirst() {
            let parts = line.split(separator: ":", maxSplits: 1)
            fields[parts[0].lowercased()] = parts.count == 2 ? String(parts[1].drop { $0 == " " }) : ""
        }
        var body = Data(received[head.upperBound...])
        while body.count < Int(fields["content-length"] ?? "") ?? 0 { body += try read() }
        return (fields, body)
    }

    private func read() throws -> Data {
        var bytes = [UInt8](repeating: 0, count: 64 << 10)
        let count = Glibc.read(connection, &bytes, bytes.count)
        guard count > 0 else { throw Failure("the connection was lost") }
        return Data(bytes[..<count])
    }
}

struct Failure: Error, CustomStringConvertible {
    let description: String

    init(_ description: String) { self.description = description }
}
