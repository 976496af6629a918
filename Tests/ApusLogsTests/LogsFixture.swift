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

    init(store: any Store, time: ManualTime) {
        self.store = store
        self.time = time
        service = LogsService(
            store: store, time: time, logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
    }

    var now: Int { Int(time.wall.milliseconds) }

    /// Writes lines as functions do, and returns when they can be read.
    ///
    /// - Parameter offset: of each line's time, in milliseconds from now.
    func write(
        _ lines: [(stream: String, offset: Int, text: String)], to group: String = group, in scope: Scope = .test
    ) async {
        for line in lines {
            _ = service.buffer.append(
                Array(line.text.utf8), time: time.wall + .milliseconds(line.offset), scope: scope, group: group,
                stream: line.stream)
        }
        await service.buffer.stored()
    }

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
