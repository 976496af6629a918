package import ApusSandbox
import Glibc

/// What this host offers to Apus, for `apus doctor`.
package struct Diagnosis: Sendable {
    package let driver: String

    /// The driver's findings; empty when it could not be asked.
    package let probes: [Probe]

    /// Runtime identifiers with what stands in their way; nil when nothing does.
    package let runtimes: [(id: String, obstacle: String?)]

    /// Why the server would not start here; nil when it would.
    package let obstacle: String?

    /// Looks at the host the way a start does, beside a server that may be running.
    ///
    /// To be called while the process has one thread, as ``Foundations``.
    package static func examine(_ settings: ServerSettings) async -> Self {
        var runtimes: [(id: String, obstacle: String?)] = []
        do {
            let foundations = try Foundations(settings, instanceSuffix: "-doctor")
            runtimes = try await RuntimeCatalog(
                folder: foundations.places.runtimes, aliases: settings.runtimeAliases
            ).survey()
            let driver = foundations.driver
            await driver.shutdown()
            let missing = driver.probes.first { $0.result == .missing }
            return Self(
                driver: driver.name, probes: driver.probes, runtimes: runtimes,
                obstacle: missing.map { "\($0.feature): \($0.detail)" })
        } catch {
            return Self(driver: settings.driver.rawValue, probes: [], runtimes: runtimes, obstacle: "\(error)")
        }
    }
}
