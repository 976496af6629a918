/// Where the log of one environment goes. One object for all its lines, which so share three texts.
package final class LogDestination: Sendable {
    package let scope: Scope
    package let group: String
    package let stream: String

    package init(scope: Scope, group: String, stream: String) {
        self.scope = scope
        self.group = group
        self.stream = stream
    }
}
