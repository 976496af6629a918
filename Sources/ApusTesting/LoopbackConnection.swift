import Glibc
import Synchronization

/// A listening socket on the loopback address, non-blocking and close-on-exec, as drivers make them.
package struct LoopbackListener: Sendable {
    /// Belongs to whoever serves it.
    package let descriptor: Int32
    package let port: UInt16

    package init() throws {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | O_NONBLOCK | O_CLOEXEC, 0)
        var address = sockaddr_in.loopback(port: 0)
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let isListening = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(descriptor, $0, length) == 0 && listen(descriptor, 64) == 0
                    && getsockname(descriptor, $0, &length) == 0
            }
        }
        guard descriptor >= 0, isListening else { throw LoopbackError(step: "listen", errno: errno) }
        self.descriptor = descriptor
        self.port = UInt16(bigEndian: address.sin_port)
    }
}

/// A blocking connection to a port of this machine, for clients that tests play.
package final class LoopbackConnection: Sendable {
    /// An HTTP answer with a `Content-Length`.
    package struct Reply: Sendable {
        package var status: Int
        package var headers: [String: String]
        package var body: [UInt8]

        package var text: String { String(decoding: body, as: UTF8.self) }
    }

    private let descriptor: Int32
    private let unread = Mutex<[UInt8]>([])

    /// - Parameter timeout: seconds that one read may take; nil waits for ever.
    package init(port: UInt16, timeout: Int? = 10) throws {
        // A peer that is gone is an error of the write, not the end of the process.
        signal(SIGPIPE, SIG_IGN)
        descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | O_CLOEXEC, 0)
        if let timeout {
            var limit = timeval(tv_sec: timeout, tv_usec: 0)
            setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
        }
        var one: Int32 = 1
        setsockopt(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, &one, socklen_t(MemoryLayout<Int32>.size))
        var address = sockaddr_in.loopback(port: port)
        let result = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        guard result == 0 else { throw LoopbackError(step: "connect", errno: errno) }
    }

    deinit { Glibc.close(descriptor) }

    package func send(_ text: String) throws { try send(Array(text.utf8)) }

    package func send(_ bytes: [UInt8]) throws {
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { Glibc.send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
            guard count > 0 else { throw LoopbackError(step: "send", errno: errno) }
            rest = rest.dropFirst(count)
        }
    }

    /// Reads one answer, head and body.
    package func reply() throws -> Reply {
        let end: [UInt8] = [13, 10, 13, 10]
        var headEnd: Int?
        while headEnd == nil {
            headEnd = unread.withLock { bytes in
                (0...max(0, bytes.count - 4)).first { bytes[$0...].starts(with: end) }
            }
            if headEnd == nil, try fill() == 0 { throw LoopbackError(step: "read the head", errno: 0) }
        }
        let head = unread.withLock { bytes in
            defer { bytes.removeFirst(headEnd! + 4) }
            return String(decoding: bytes[..<headEnd!], as: UTF8.self)
        }
        var lines = head.split(separator: "\r\n")[...]
        let status = Int(lines.removeFirst().split(separator: " ")[1])!
        var headers: [String: String] = [:]
        for line in lines {
            let parts = line.split(separator: ":", maxSplits: 1)
            headers[parts[0].lowercased()] = parts.count > 1 ? String(parts[1].drop { $0 == " " }) : ""
        }
        let length = headers["content-length"].flatMap { Int($0) } ?? 0
        while unread.withLock({ $0.count < length }) {
            if try fill() == 0 { throw LoopbackError(step: "read the body", errno: 0) }
        }
        let body = unread.withLock { bytes in
            defer { bytes.removeFirst(length) }
            return Array(bytes.prefix(length))
        }
        return Reply(status: status, headers: headers, body: body)
    }

    /// Sends one request and reads its answer.
    package func call(
        _ method: String, _ path: String, headers: [(name: String, value: String)] = [], body: [UInt8] = []
    ) throws -> Reply {
        var text = "\(method) \(path) HTTP/1.1\r\nHost: local\r\n"
        for (name, value) in headers { text += "\(name): \(value)\r\n" }
        if method != "GET" { text += "Content-Length: \(body.count)\r\n" }
        try send(Array("\(text)\r\n".utf8) + body)
        return try reply()
    }

    /// Everything up to the end of the connection.
    package func readToEnd() throws -> [UInt8] {
        while try fill() > 0 {}
        return unread.withLock { bytes in
            defer { bytes = [] }
            return bytes
        }
    }

    /// What has come, at least one byte; empty at the end of the connection.
    package func read() throws -> [UInt8] {
        if unread.withLock({ $0.isEmpty }), try fill() == 0 { return [] }
        return unread.withLock { bytes in
            defer { bytes = [] }
            return bytes
        }
    }

    /// Ends both directions; a read that waits returns.
    package func disconnect() { shutdown(descriptor, Int32(SHUT_RDWR)) }

    private func fill() throws -> Int {
        var buffer = [UInt8](repeating: 0, count: 64 << 10)
        let count = recv(descriptor, &buffer, buffer.count, 0)
        if count < 0, errno == ECONNRESET { return 0 }
        guard count >= 0 else { throw LoopbackError(step: "receive", errno: errno) }
        unread.withLock { $0 += buffer.prefix(count) }
        return count
    }
}

package struct LoopbackError: Error, CustomStringConvertible {
    let step: String
    let errno: Int32

    package var description: String {
        "\(step): \(errno == 0 ? "the connection ended" : String(cString: strerror(errno)))"
    }
}

extension sockaddr_in {
    fileprivate static func loopback(port: UInt16) -> sockaddr_in {
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        return address
    }
}
