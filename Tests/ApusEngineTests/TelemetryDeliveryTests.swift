import ApusEngine
import ApusModel
import ApusRuntimeAPI
import ApusTesting
import ApusWire
import Foundation
import Glibc
import NIOCore
import NIOPosix
import Testing

/// A subscriber is any process: it may be slow, silent, rude or gone.
@Suite(.timeLimit(.minutes(1)))
struct TelemetryDeliveryTests {
    @Test func anHTTPSubscriberGetsEverythingInOrder() async throws {
        try await Subscriber.run { subscriber in
            try await subscriber.subscribe(#"{"protocol":"HTTP","URI":"http://sandbox:\#(subscriber.port)/logs?a=b"}"#)
            try await subscriber.print(0..<3)
            let connection = try await subscriber.accept()
            let request = try await connection.request()
            #expect(request.line == "POST /logs?a=b HTTP/1.1")
            #expect(request.headers["host"] == "sandbox:\(subscriber.port)")
            #expect(request.headers["content-type"] == "application/json")
            #expect(try request.records() == ["line 0\n", "line 1\n", "line 2\n"])
            try await connection.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nOK")
            // The connection is used again.
            try await subscriber.print(3..<4)
            #expect(try await connection.request().records() == ["line 3\n"])
        }
    }

    @Test func aTCPSubscriberGetsLines() async throws {
        try await Subscriber.run { subscriber in
            try await subscriber.subscribe(#"{"protocol":"TCP","port":\#(subscriber.port)}"#)
            try await subscriber.print(0..<2)
            let connection = try await subscriber.accept()
            for number in 0..<2 {
                let line = try await connection.line()
                #expect(try JSON(parsing: line)["record"] == .string("line \(number)\n"))
            }
        }
    }

    @Test func whatIsNotAcknowledgedIsSentAgain() async throws {
        try await Subscriber.run { subscriber in
            try await subscriber.subscribe()
            try await subscriber.print(0..<1)
            for answer in ["HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n", "nonsense\r\n\r\n", ""] {
                let connection = try await subscriber.accept()
                #expect(try await connection.request().records() == ["line 0\n"])
                try await connection.send(answer)
                await connection.close()
            }
            let connection = try await subscriber.accept()
            #expect(try await connection.request().records() == ["line 0\n"])
        }
    }

    /// Its listener need not be there when it subscribes.
    @Test func aListenerMayComeLate() async throws {
        try await Subscriber.run { subscriber in
            let socketsOpened = subscriber.sockets
            try await subscriber.subscribe(#"{"protocol":"HTTP","URI":"http://sandbox:\#(subscriber.latePort)"}"#)
            try await subscriber.print(0..<1)
            try await socketsOpened.wait(for: "a try in vain") { $0 >= 2 }
            try await subscriber.listenLate()
            #expect(try await subscriber.accept().request().records() == ["line 0\n"])
        }
    }

    @Test func anEndlessAnswerIsCutOff() async throws {
        try await Subscriber.run { subscriber in
            try await subscriber.subscribe()
            try await subscriber.print(0..<1)
            let connection = try await subscriber.accept()
            _ = try await connection.request()
            try await connection.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
            let chunk = "1000\r\n\(String(repeating: "x", count: 4096))\r\n"
            // Much more than what is read, and what the kernel takes.
            await #expect(throws: (any Error).self) {
                for _ in 0..<4096 { try await connection.send(chunk) }
            }
            // It counts as an answer, and the next batch takes another connection.
            try await subscriber.print(1..<2)
            #expect(try await subscriber.accept().request().records() == ["line 1\n"])
        }
    }

    @Test func whoNeverAnswersKeepsNobodyWaitingAndLosesWhatIsTooMuch() async throws {
        try await Subscriber.run { subscriber in
            try await subscriber.subscribe(types: #"["function","platform"]"#)
            try await subscriber.print(0..<1)
            let connection = try await subscriber.accept()
            _ = try await connection.request()
            let line = String(repeating: "x", count: 100_000)
            for _ in 0..<40 { try await subscriber.print(line) }
            try await connection.send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
            var records = 0
            var dropped: JSON?
            while dropped == nil {
                let request = try await connection.request()
                for record in try #require(try JSON(parsing: request.body).array) {
                    if record["type"] == "platform.logsDropped" { dropped = record["record"] } else { records += 1 }
                }
                try await connection.send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
            }
            #expect(records < 12)
            #expect(dropped?["droppedRecords"]?.integer.map { $0 + records } == 40)
            #expect(dropped?["droppedBytes"]?.integer ?? 0 > 2_800_000)
        }
    }

    @Test func nothingIsSentToWhoIsFrozen() async throws {
        try await Subscriber.run { subscriber in
            try await subscriber.subscribe()
            try await subscriber.freeze()
            try await subscriber.print(0..<1)
            // Longer than the subscription's time.
            try await subscriber.pass(.milliseconds(60))
            #expect(subscriber.sockets.value == 0)
            try await subscriber.thaw()
            #expect(try await subscriber.accept().request().records() == ["line 0\n"])
        }
    }

    @Test func aFlushEndsWhenEverythingHasArrived() async throws {
        try await Subscriber.run { subscriber in
            try await subscriber.subscribe(buffering: #"{"timeoutMs":30000}"#)
            try await subscriber.print(0..<2)
            let isFlushed = Watched(false)
            subscriber.flush { isFlushed.change { $0 = true } }
            let connection = try await subscriber.accept()
            #expect(try await connection.request().records() == ["line 0\n", "line 1\n"])
            #expect(!isFlushed.value)
            try await connection.send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
            try await isFlushed.wait(for: "the end of the flush") { $0 }
        }
    }

    @Test func recordsAreObjectsWhereTheFunctionLogsInJSON() async throws {
        try await Subscriber.run { subscriber in
            try await subscriber.subscribe(buffering: #"{"timeoutMs":30000}"#)
            try await subscriber.print(#"{"level":"INFO","n":1}"# + "\n", isObject: true)
            try await subscriber.print("plain \u{1}\n")
            subscriber.flush {}
            let request = try await subscriber.accept().request()
            let records = try #require(try JSON(parsing: request.body).array)
            #expect(records.map { $0["record"] } == [["level": "INFO", "n": 1], "plain \u{1}\n"])
            #expect(records.map { $0["type"] } == ["function", "function"])
            #expect(records.first?["time"] == "2026-11-24T08:00:00.000Z")
        }
        try await Subscriber.run { subscriber in
            try await subscriber.subscribe(version: "2022-07-01")
            try await subscriber.print("{}\n", isObject: true)
            #expect(try await subscriber.accept().request().records() == ["{}\n"])
        }
    }

    @Test func oneAPIAnExtension() async throws {
        try await Subscriber.run { subscriber in
            try await subscriber.subscribe()
            // Once more is the same.
            try await subscriber.subscribe()
            do {
                try await subscriber.subscribe(version: "2021-03-18", api: .logs)
                Issue.record("subscribed twice")
            } catch let refusal as RuntimeAPIState.Refusal {
                #expect(refusal.status == 400)
                #expect(
                    refusal.message
                        == "The extension probe is already subscribed to the TelemetryAPI. You must either subscribe to the LogsAPI or the TelemetryAPI"
                )
            }
            try await subscriber.print(0..<1)
            #expect(try await subscriber.accept().request().records() == ["line 0\n"])
        }
    }

    /// 1,000 calls a second have some five records each.
    @Test func whoKeepsUpLosesNothing() async throws {
        try await Subscriber.run { subscriber in
            try await subscriber.subscribe(buffering: #"{"timeoutMs":25}"#)
            let taken = Watched(0)
            let server = Task {
                var next = 0
                let connection = try await subscriber.accept()
                while next < 50_000 {
                    for text in try await connection.request().records() {
                        #expect(text == "line \(next)\n")
                        next += 1
                    }
                    let count = next
                    taken.change { $0 = count }
                    try await connection.send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
                }
                return next
            }
            for round in 0..<500 {
                // It keeps up: less is on its way than may wait.
                try await taken.wait(for: "the subscriber") { $0 + 5_000 >= round * 100 }
                try await subscriber.print(round * 100..<(round + 1) * 100)
                if round % 5 == 4 { try await subscriber.pass(.milliseconds(1)) }
            }
            #expect(try await server.value == 50_000)
        }
    }
}

/// A subscription of one extension, and the listener that the test plays.
private final class Subscriber: Sendable {
    let port: UInt16
    /// Nobody listens there before ``listenLate()``.
    let latePort: UInt16

    /// Sockets that were asked for.
    let sockets: Watched<Int>

    private let eventLoop: any EventLoop
    private let telemetry: NIOLoopBound<Telemetry>
    private let listener: LoopbackListener
    private let late: LateListener
    private let time = ManualTime()

    private init(_ eventLoop: any EventLoop) async throws {
        self.eventLoop = eventLoop
        listener = try LoopbackListener()
        late = try LateListener()
        (port, latePort) = (listener.port, late.port)
        let sockets = Watched(0)
        self.sockets = sockets
        let time = self.time
        telemetry = try await eventLoop.submit {
            let telemetry = Telemetry(on: eventLoop, time: time) {
                sockets.change { $0 += 1 }
                return socket(AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
            }
            return NIOLoopBound(telemetry, eventLoop: eventLoop)
        }.get()
    }

    static func run(_ body: (Subscriber) async throws -> Void) async throws {
        let subscriber = try await Subscriber(MultiThreadedEventLoopGroup.singleton.next())
        defer { close(subscriber.listener.descriptor) }
        do {
            try await body(subscriber)
        } catch {
            try await subscriber.perform { $0.close() }
            throw error
        }
        try await subscriber.perform { $0.close() }
    }

    private func perform<Value: Sendable>(_ body: @escaping @Sendable (Telemetry) throws -> Value) async throws -> Value
    {
        let telemetry = telemetry
        return try await eventLoop.submit { try body(telemetry.value) }.get()
    }

    func subscribe(
        _ destination: String? = nil, types: String = #"["function"]"#, version: String = "2022-12-13",
        buffering: String = #"{"timeoutMs":25}"#, api: TelemetrySubscription.API = .telemetry
    ) async throws {
        let destination = destination ?? #"{"protocol":"HTTP","URI":"http://sandbox.localdomain:\#(port)"}"#
        let body =
            #"{"schemaVersion":"\#(version)","types":\#(types),"buffering":\#(buffering),"destination":\#(destination)}"#
        let subscription = try TelemetrySubscription(api: api, body: ByteBuffer(string: body))
        let lines = PlatformLines(revision: .sample(), runtimeVersion: "v", instance: "i")
        try await perform { telemetry in
            _ = try telemetry.subscribe(subscription, for: "probe", history: TelemetryHistory(), lines)
        }
    }

    func print(_ numbers: Range<Int>) async throws {
        let wall = time.wall
        try await perform { telemetry in
            for number in numbers {
                Array("line \(number)\n".utf8).withUnsafeBytes {
                    telemetry.printed($0, isObject: false, at: wall)
                }
            }
        }
    }

    func print(_ line: String, isObject: Bool = false) async throws {
        let wall = time.wall
        try await perform { telemetry in
            Array(line.utf8).withUnsafeBytes { telemetry.printed($0, isObject: isObject, at: wall) }
        }
    }

    func freeze() async throws { try await perform { $0.freeze() } }
    func thaw() async throws { try await perform { $0.thaw() } }

    func flush(_ completion: @escaping @Sendable () -> Void) {
        let telemetry = telemetry
        eventLoop.execute { telemetry.value.flush(within: .seconds(10)).whenSuccess { completion() } }
    }

    /// Returns after timers of the event loop have had that much time.
    func pass(_ time: TimeAmount) async throws { try await eventLoop.scheduleTask(in: time) {}.futureResult.get() }

    func listenLate() async throws { try late.listen() }

    func accept() async throws -> Peer { try await Peer(of: late.listens ? late.descriptor : listener.descriptor) }
}

/// A port that is taken, at first without a listener.
private final class LateListener: Sendable {
    let descriptor: Int32
    let port: UInt16
    private let isListening = Watched(false)

    init() throws {
        descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(INADDR_LOOPBACK).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let isBound = withUnsafeMutablePointer(to: &address) { [descriptor] pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(descriptor, $0, length) == 0 && getsockname(descriptor, $0, &length) == 0
            }
        }
        try #require(isBound)
        port = UInt16(bigEndian: address.sin_port)
    }

    deinit { close(descriptor) }

    var listens: Bool { isListening.value }

    func listen() throws {
        try #require(Glibc.listen(descriptor, 8) == 0)
        isListening.change { $0 = true }
    }
}

/// What has connected. Blocking calls are made on a thread of their own.
private final class Peer: Sendable {
    struct Request: Sendable {
        var line: String
        var headers: [String: String]
        var body: [UInt8]

        /// The texts of an array of function records.
        func records() throws -> [String] {
            try #require(try JSON(parsing: body).array).map { try #require($0["record"]?.string) }
        }
    }

    private let descriptor: Int32
    private let unread = Watched<[UInt8]>([])

    init(of listener: Int32) async throws {
        descriptor = try await Peer.onAThread {
            var waiting = pollfd(fd: listener, events: Int16(POLLIN), revents: 0)
            guard poll(&waiting, 1, 20_000) > 0 else { throw DeadlineMissed(what: "a connection", found: "none") }
            let accepted = Glibc.accept(listener, nil, nil)
            _ = fcntl(accepted, F_SETFL, 0)
            var limit = timeval(tv_sec: 20, tv_usec: 0)
            setsockopt(accepted, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
            return accepted
        }
    }

    deinit { Glibc.close(descriptor) }

    /// Of its own: many tests wait at the same time.
    private static func onAThread<Value: Sendable>(
        _ body: @escaping @Sendable () throws -> Value
    ) async throws -> Value {
        try await withCheckedThrowingContinuation { continuation in
            Thread.detachNewThread { continuation.resume(with: Result { try body() }) }
        }
    }

    func close() async { shutdown(descriptor, Int32(SHUT_RDWR)) }

    func send(_ text: String) async throws {
        try await Peer.onAThread { [descriptor] in
            let bytes = Array(text.utf8)
            var sent = 0
            while sent < bytes.count {
                let count = bytes[sent...].withUnsafeBytes {
                    Glibc.send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
                }
                guard count > 0 else { throw IOError(errnoCode: errno, reason: "send") }
                sent += count
            }
        }
    }

    func line() async throws -> String {
        while true {
            let line = unread.change { bytes -> String? in
                guard let end = bytes.firstIndex(of: 0x0A) else { return nil }
                defer { bytes.removeFirst(end + 1) }
                return String(decoding: bytes[..<end], as: UTF8.self)
            }
            if let line { return line }
            try await fill()
        }
    }

    func request() async throws -> Request {
        var request = Request(line: try await line().trimmingReturn, headers: [:], body: [])
        while case let field = try await line().trimmingReturn, !field.isEmpty {
            let parts = field.split(separator: ":", maxSplits: 1)
            request.headers[parts[0].lowercased()] = String(parts[1].drop { $0 == " " })
        }
        let length = try #require(request.headers["content-length"].flatMap { Int($0) })
        while unread.value.count < length { try await fill() }
        request.body = unread.change { bytes in
            defer { bytes.removeFirst(length) }
            return Array(bytes.prefix(length))
        }
        return request
    }

    private func fill() async throws {
        let more = try await Peer.onAThread { [descriptor] in
            var buffer = [UInt8](repeating: 0, count: 64 << 10)
            let count = recv(descriptor, &buffer, buffer.count, 0)
            guard count > 0 else { throw IOError(errnoCode: count == 0 ? ECONNRESET : errno, reason: "receive") }
            return Array(buffer.prefix(count))
        }
        unread.change { $0 += more }
    }
}

extension String {
    fileprivate var trimmingReturn: String { hasSuffix("\r") ? String(dropLast()) : self }
}
