import ApusLogs
import ApusModel
import ApusServiceKit
import ApusShapes
import ApusStore
import ApusTesting
import Logging

/// The Logs service over a store on disk, with its buffer at work.
struct LogsFixture {
    static let group = "/aws/lambda/hello"

    let service: LogsService
    let store: any Store
    let time: ManualTime

    static func run(_ body: (LogsFixture) async throws -> Void) async throws {
        try await TemporaryStore.run { store, time in
            let fixture = LogsFixture(store: store, time: time)
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { [buffer = fixture.service.buffer] in try await buffer.run() }
                try await body(fixture)
                group.cancelAll()
            }
        }
    }

    init(
        store: any Store, time: ManualTime, logger: Logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
    ) {
        self.store = store
        self.time = time
        service = LogsService(store: store, time: time, logger: logger)
    }

    var now: Int { Int(time.wall.milliseconds) }

    /// Writes lines as functions do, and returns when they can be read.
    ///
    /// - Parameter offset: of each line's time, in milliseconds from now.
    func write(
        _ lines: [(stream: String, offset: Int, text: String)], to group: String = group, in scope: Scope = .test
    ) async {
        var destinations: [String: LogDestination] = [:]
        for line in lines {
            let destination =
                destinations[line.stream] ?? LogDestination(scope: scope, group: group, stream: line.stream)
            destinations[line.stream] = destination
            _ = service.buffer.append(
                LogBlock(line.text, at: time.wall + .milliseconds(line.offset)), to: destination)
        }
        await service.buffer.stored()
    }

    /// The group's log in the store.
    var log: LogName { LogName(kind: "logs", partition: "000000000000/us-east-1/\(Self.group)") }

    func events(
        _ stream: String = "s", _ change: (inout Logs.GetLogEventsRequest) -> Void = { _ in }
    ) async throws -> Logs.GetLogEventsResponse {
        var request = Logs.GetLogEventsRequest(logGroupName: Self.group, logStreamName: stream)
        change(&request)
        return try await service.call(Logs.getLogEvents, request)
    }

    func filter(
        _ change: (inout Logs.FilterLogEventsRequest) -> Void = { _ in }
    ) async throws -> Logs.FilterLogEventsResponse {
        var request = Logs.FilterLogEventsRequest(logGroupName: Self.group)
        change(&request)
        return try await service.call(Logs.filterLogEvents, request)
    }
}

extension Logs.GetLogEventsResponse {
    var texts: [String] { events?.compactMap(\.message) ?? [] }
}

extension Logs.FilterLogEventsResponse {
    var texts: [String] { events?.compactMap(\.message) ?? [] }
}

extension LogBlock {
    /// A block of one line.
    init(_ text: String, at time: Timestamp) {
        self.init()
        _ = Array(text.utf8).withUnsafeBytes { append($0, at: time) }
    }
}

extension LogDestination {
    static func test(_ stream: String, group: String = LogsFixture.group) -> LogDestination {
        LogDestination(scope: .test, group: group, stream: stream)
    }
}
