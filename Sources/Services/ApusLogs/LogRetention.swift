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
                guard let oldest = group.value.oldest(at: time.wall) else { continue }
                // Readers pass over what has expired in a row that also holds younger events.
                try await groups.store.trim(groups.log(group.key, scope), before: LogRow.time(holding: oldest))
            }
        }
    }
}
