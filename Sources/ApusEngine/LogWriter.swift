package import ApusModel

/// Where the log of one environment goes.
package struct LogDestination: Hashable, Sendable {
    package let scope: Scope
    package let group: String
    package let stream: String

    package init(scope: Scope, group: String, stream: String) {
        self.scope = scope
        self.group = group
        self.stream = stream
    }
}

package struct LogLine: Equatable, Sendable {
    package var time: Timestamp
    package var bytes: [UInt8]

    package init(time: Timestamp, bytes: [UInt8]) {
        self.time = time
        self.bytes = bytes
    }
}

/// Takes what functions print. Called on event loops: it must only put aside what it is given.
package protocol LogWriter: Sendable {
    /// - Returns: false when so much is waiting to be stored that the caller should stop reading for a while; the line was
    ///   taken all the same.
    func write(_ line: LogLine, to destination: LogDestination) -> Bool
}
