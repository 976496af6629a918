package import ApusModel
package import ApusServiceKit
import ApusShapes
package import ApusStore
package import ApusWire
package import Logging

/// CloudWatch Logs, as far as functions need it.
package struct LogsService: AWSService {
    let groups: LogGroups
    let time: any TimeSource
    package let buffer: LogBuffer
    package let retention: LogRetention
    package var model: ServiceModel { Logs.model }

    package init(store: any Store, time: any TimeSource, logger: Logger) {
        groups = LogGroups(store)
        self.time = time
        buffer = LogBuffer(groups: groups, time: time, logger: logger)
        retention = LogRetention(groups: groups, time: time, logger: logger)
    }

    package var operations: OperationTable {
        var table = OperationTable()
        table.on(Logs.createLogGroup, action: "logs:CreateLogGroup", createGroup)
        table.on(Logs.deleteLogGroup, action: "logs:DeleteLogGroup", deleteGroup)
        table.on(Logs.describeLogGroups, action: "logs:DescribeLogGroups", describeGroups)
        table.on(Logs.describeLogStreams, action: "logs:DescribeLogStreams", describeStreams)
        table.on(Logs.putRetentionPolicy, action: "logs:PutRetentionPolicy", putRetention)
        table.on(Logs.deleteRetentionPolicy, action: "logs:DeleteRetentionPolicy", deleteRetention)
        table.on(Logs.getLogEvents, action: "logs:GetLogEvents", getEvents)
        table.on(Logs.filterLogEvents, action: "logs:FilterLogEvents", filterEvents)
        return table
    }
}
