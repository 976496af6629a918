import ApusModel
import ApusServiceKit
import ApusShapes
import ApusStore
import ApusWire

extension LogsService {
    /// - Source: API reference, PutRetentionPolicy.
    private static let retentionDays: Set<Int> = [
        1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653,
    ]

    func createGroup(_ request: Logs.CreateLogGroupRequest, _ context: RequestContext) async throws -> EmptyShape {
        guard try await groups.create(request.logGroupName, context.scope, at: time.wall) else {
            throw LogsFaults.groupExists
        }
        return EmptyShape()
    }

    func deleteGroup(_ request: Logs.DeleteLogGroupRequest, _ context: RequestContext) async throws -> EmptyShape {
        _ = try await groups.group(request.logGroupName, context.scope)
        try await groups.store.commit([groups.records.delete(request.logGroupName, context.scope)])
        try await groups.store.deleteLog(groups.log(request.logGroupName, context.scope), tag: nil)
        return EmptyShape()
    }

    func describeGroups(
        _ request: Logs.DescribeLogGroupsRequest, _ context: RequestContext
    ) async throws -> Logs.DescribeLogGroupsResponse {
        let limit = request.limit ?? 50
        let pattern = request.logGroupNamePattern
        let stored = try await groups.records.list(
            context.scope, prefix: request.logGroupNamePrefix ?? "", after: try request.nextToken.map(LogToken.name),
            limit: pattern == nil ? limit + 1 : 10_000
        ).filter { group in pattern.map { group.key.contains($0) } ?? true }
        var replies: [Logs.LogGroup] = []
        for group in stored.prefix(limit) {
            let streams = try await groups.store.tags(
                of: groups.log(group.key, context.scope), prefix: "", after: nil, limit: 10_000)
            let arn = LogGroups.arn(group.key, context.scope)
            replies.append(
                Logs.LogGroup(
                    logGroupName: group.key, creationTime: Int(group.value.created.milliseconds),
                    retentionInDays: group.value.retention, metricFilterCount: 0, arn: "\(arn):*",
                    storedBytes: streams.reduce(0) { $0 + $1.bytes }, logGroupClass: "STANDARD", logGroupArn: arn))
        }
        return Logs.DescribeLogGroupsResponse(
            logGroups: replies,
            nextToken: stored.count > limit ? replies.last?.logGroupName.map(LogToken.text(name:)) : nil)
    }

    func describeStreams(
        _ request: Logs.DescribeLogStreamsRequest, _ context: RequestContext
    ) async throws -> Logs.DescribeLogStreamsResponse {
        let name = try LogGroups.name(request.logGroupName, identifier: request.logGroupIdentifier)
        let byTime = request.orderBy == "LastEventTime"
        if byTime, request.logStreamNamePrefix != nil {
            throw LogsFaults.invalid("Cannot order by LastEventTime with a logStreamNamePrefix.")
        }
        let group = try await groups.group(name, context.scope)
        var streams = try await groups.store.tags(
            of: groups.log(name, context.scope), prefix: request.logStreamNamePrefix ?? "", after: nil, limit: 10_000)
        if byTime { streams.sort { ($0.last, $0.tag) < ($1.last, $1.tag) } }
        if request.descending == true { streams.reverse() }
        let start = try request.nextToken.map { token throws(Fault) -> Int in
            let name = try LogToken.name(token)
            guard let index = streams.firstIndex(where: { $0.tag == name }) else { throw LogsFaults.badToken }
            return index + 1
        }
        let limit = request.limit ?? 50
        let rest = streams.dropFirst(start ?? 0)
        let page = rest.prefix(limit)
        let arn = LogGroups.arn(name, context.scope)
        return Logs.DescribeLogStreamsResponse(
            logStreams: page.map { stream in
                Logs.LogStream(
                    logStreamName: stream.tag,
                    creationTime: Int(max(stream.first, group.value.created).milliseconds),
                    firstEventTimestamp: Int(stream.first.milliseconds),
                    lastEventTimestamp: Int(stream.last.milliseconds),
                    lastIngestionTime: Int(stream.last.milliseconds),
                    uploadSequenceToken: LogToken.text(.forward, .start),
                    arn: "\(arn):log-stream:\(stream.tag)", storedBytes: 0)
            }, nextToken: rest.count > limit ? page.last.map { LogToken.text(name: $0.tag) } : nil)
    }

    func putRetention(
        _ request: Logs.PutRetentionPolicyRequest, _ context: RequestContext
    ) async throws -> EmptyShape {
        guard Self.retentionDays.contains(request.retentionInDays) else {
            throw LogsFaults.invalid(
                "The retention policy has an invalid value: \(request.retentionInDays). Valid values: "
                    + "\(Self.retentionDays.sorted())")
        }
        return try await setRetention(request.retentionInDays, request.logGroupName, context)
    }

    func deleteRetention(
        _ request: Logs.DeleteRetentionPolicyRequest, _ context: RequestContext
    ) async throws -> EmptyShape { try await setRetention(nil, request.logGroupName, context) }

    private func setRetention(_ days: Int?, _ name: String, _ context: RequestContext) async throws -> EmptyShape {
        var group = try await groups.group(name, context.scope)
        group.value.retention = days
        let put = groups.records.put(group.value, name, context.scope, when: .present)
        guard try await groups.store.commits([put]) else { throw LogsFaults.noSuchGroup }
        return EmptyShape()
    }
}
