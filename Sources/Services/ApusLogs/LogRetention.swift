import ApusModel
import ApusServiceKit
import ApusStore
import Logging
import ServiceLifecycle

/// Removes events that are older than their group keeps them. May run at any time, and twice.
package struct LogRetention: Service {
    private static let pause = Duration.seconds(60)

    let groups: LogGroups
    let time: any TimeSource
    let logger: Logger

    package func run() async throws {
        await cancelWhenGracefulShutdown {
            while !Task.isCancelled {
                do {
                    try await trim()
                } catch {
                    logger.error("old log events could not be removed", metadata: ["error": "\(error)"])
                }
                try? await Task.sleep(for: Self.pause)
            }
        }
    }

    func trim() async throws {
        for scope in try await groups.records.scopes() {
            for group in try await groups.records.list(scope) {
                guard let days = group.value.retention else { continue }
                let limit = time.wall + .seconds(-86_400 * days)
                try await groups.store.trim(groups.log(group.key, scope), before: limit)
            }
        }
    }
}
