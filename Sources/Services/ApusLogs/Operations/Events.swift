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
        let group = try await groups.group(name, context.scope)
        let log = groups.log(name, context.scope)
        let known = try await groups.store.tags(of: log, prefix: request.logStreamName, after: nil, limit: 1)
        guard known.first?.tag == request.logStreamName else { throw LogsFaults.noSuchStream }

        let token = try request.nextToken.map { token throws(Fault) in try LogToken.direction(token) }
        let isForward = token.map { $0.0 == .forward } ?? (request.startFromHead == true)
        let limit = request.limit ?? Self.pageLimit
        let until = request.endTime.map { Timestamp(milliseconds: Int64($0)) }
        var reader = StreamReader(
            groups.store, log, stream: request.logStreamName,
            times: times(of: group.value, from: request.startTime, until: until), isForward: isForward, after: token?.1,
            limit: limit)
        var events: [LogEvent] = []
        var bytes = 0
        while events.count < limit, let event = try await reader.next() {
            bytes += event.message.utf8.count
            if bytes > Self.pageBytes, !events.isEmpty { break }
            events.append(event)
        }
        if !isForward { events.reverse() }
        let standing = token?.1 ?? .start
        return Logs.GetLogEventsResponse(
            events: events.map {
                Logs.OutputLogEvent(
                    timestamp: Int($0.time.milliseconds), message: $0.message, ingestionTime: $0.ingested)
            },
            nextForwardToken: LogToken.text(.forward, events.last?.place ?? standing),
            nextBackwardToken: LogToken.text(.backward, events.first?.place ?? standing))
    }

    func filterEvents(
        _ request: Logs.FilterLogEventsRequest, _ context: RequestContext
    ) async throws -> Logs.FilterLogEventsResponse {
        let name = try LogGroups.name(request.logGroupName, identifier: request.logGroupIdentifier)
        if request.logStreamNames != nil, request.logStreamNamePrefix != nil {
            throw LogsFaults.invalid("logStreamNamePrefix and logStreamNames cannot be specified together.")
        }
        let pattern = try FilterPattern(request.filterPattern ?? "")
        let group = try await groups.group(name, context.scope)
        let streams = request.logStreamNames.map(Set.init)
        let limit = request.limit ?? Self.pageLimit
        // Here the end belongs to the range, unlike that of GetLogEvents.
        let until = request.endTime.map { Timestamp(milliseconds: min(Int64($0), .max - 1) + 1) }
        var reader = GroupReader(
            groups.store, groups.log(name, context.scope), stream: streams?.count == 1 ? streams?.first : nil,
            prefix: request.logStreamNamePrefix, times: times(of: group.value, from: request.startTime, until: until),
            after: try request.nextToken.map { token throws(Fault) in try LogToken.position(token) })

        var found: [LogEvent] = []
        var (bytes, seen) = (0, 0)
        var last: EventPosition?
        var goesOn = false
        while let event = try await reader.next() {
            // One answer looks at one stretch of the log; the client asks on.
            if found.count >= limit || bytes >= Self.pageBytes || seen >= Self.pageLimit {
                goesOn = true
                break
            }
            seen += 1
            last = event.position
            if streams?.contains(event.stream) ?? true, pattern.matches(event.message) {
                found.append(event)
                bytes += event.message.utf8.count
            }
        }
        return Logs.FilterLogEventsResponse(
            events: found.map {
                Logs.FilteredLogEvent(
                    logStreamName: $0.stream, timestamp: Int($0.time.milliseconds), message: $0.message,
                    ingestionTime: $0.ingested, eventId: LogToken.eventID($0))
            }, searchedLogStreams: [], nextToken: goesOn ? last.map { LogToken.text($0) } : nil)
    }

    /// The times asked for, without those that have expired.
    private func times(of group: LogGroupRecord, from: Int?, until: Timestamp?) -> Range<Timestamp> {
        let first = from.map { Timestamp(milliseconds: Int64($0)) } ?? Timestamp(nanoseconds: .min)
        let low = max(first, group.oldest(at: time.wall) ?? first)
        return low..<max(low, until ?? Timestamp(nanoseconds: .max))
    }
}
