import ApusModel
import ApusServiceKit
import ApusShapes
import ApusStore

extension LogsService {
    /// Events of one answer at the most.
    private static let pageLimit = 10_000

    /// Bytes of one answer's messages, about.
    private static let pageBytes = 1 << 20

    func getEvents(
        _ request: Logs.GetLogEventsRequest, _ context: RequestContext
    ) async throws -> Logs.GetLogEventsResponse {
        let name = try LogGroups.name(request.logGroupName, identifier: request.logGroupIdentifier)
        _ = try await groups.group(name, context.scope)
        let log = groups.log(name, context.scope)
        let known = try await groups.store.tags(of: log, prefix: request.logStreamName, after: nil, limit: 1)
        guard known.first?.tag == request.logStreamName else { throw LogsFaults.noSuchStream }

        let token = try request.nextToken.map { token throws(Fault) in try LogToken.direction(token) }
        let isForward = token.map { $0.0 == .forward } ?? (request.startFromHead == true)
        let records = try await groups.store.read(
            log,
            LogQuery(
                tag: request.logStreamName, from: request.startTime.map { Timestamp(milliseconds: Int64($0)) },
                until: request.endTime.map { Timestamp(milliseconds: Int64($0)) },
                order: isForward ? .sequence : .newestFirst,
                after: token.map { LogPosition(time: Timestamp(seconds: 0), sequence: $0.1) },
                limit: request.limit ?? Self.pageLimit))
        var events: [LogEvent] = []
        var bytes = 0
        for event in records.lazy.map(LogEvent.init) {
            bytes += event.message.utf8.count
            if bytes > Self.pageBytes, !events.isEmpty { break }
            events.append(event)
        }
        if !isForward { events.reverse() }
        let standing = token?.1 ?? 0
        return Logs.GetLogEventsResponse(
            events: events.map {
                Logs.OutputLogEvent(
                    timestamp: Int($0.time.milliseconds), message: $0.message, ingestionTime: $0.ingested)
            },
            nextForwardToken: LogToken.text(.forward, events.last?.sequence ?? standing),
            nextBackwardToken: LogToken.text(.backward, events.first?.sequence ?? standing))
    }

    func filterEvents(
        _ request: Logs.FilterLogEventsRequest, _ context: RequestContext
    ) async throws -> Logs.FilterLogEventsResponse {
        let name = try LogGroups.name(request.logGroupName, identifier: request.logGroupIdentifier)
        if request.logStreamNames != nil, request.logStreamNamePrefix != nil {
            throw LogsFaults.invalid("logStreamNamePrefix and logStreamNames cannot be specified together.")
        }
        let pattern = try FilterPattern(request.filterPattern ?? "")
        _ = try await groups.group(name, context.scope)
        let streams = request.logStreamNames.map(Set.init)
        let limit = request.limit ?? Self.pageLimit
        var query = LogQuery(
            tag: streams?.count == 1 ? streams?.first : nil, tagPrefix: request.logStreamNamePrefix,
            from: request.startTime.map { Timestamp(milliseconds: Int64($0)) },
            // Here the end belongs to the range, unlike that of GetLogEvents.
            until: request.endTime.map { Timestamp(milliseconds: min(Int64($0), .max - 1) + 1) }, order: .time,
            limit: Self.pageLimit)
        query.after = try request.nextToken.map { token throws(Fault) in try LogToken.position(token) }

        var found: [LogEvent] = []
        var bytes = 0
        var goesOn = false
        let records = try await groups.store.read(groups.log(name, context.scope), query)
        for (index, record) in records.enumerated() {
            let event = LogEvent(record)
            query.after = event.position
            if streams?.contains(event.stream) ?? true, pattern.matches(event.message) {
                found.append(event)
                bytes += event.message.utf8.count
            }
            if found.count >= limit || bytes >= Self.pageBytes {
                goesOn = index + 1 < records.count || records.count == query.limit
                break
            }
            // One answer looks at one stretch of the log; the client asks on.
            goesOn = index + 1 == query.limit
        }
        return Logs.FilterLogEventsResponse(
            events: found.map {
                Logs.FilteredLogEvent(
                    logStreamName: $0.stream, timestamp: Int($0.time.milliseconds), message: $0.message,
                    ingestionTime: $0.ingested, eventId: LogToken.eventID($0))
            }, searchedLogStreams: [], nextToken: goesOn ? query.after.map { LogToken.text($0) } : nil)
    }
}
