package import ApusSandbox

/// What this host offers to Apus, for `apus doctor`. Looks the way a start does, beside a server that may be running.
package struct Diagnosis: Sendable {
    /// The driver's findings; what keeps it from starting stands in their place.
    package let probes: [Probe]

    private let settings: ServerSettings
    private let foundations: Foundations?

    /// To be made while the process has one thread, as ``Foundations``.
    package init(_ settings: ServerSettings) {
        self.settings = settings
        do {
            let foundations = try Foundations(settings, instanceSuffix: "-doctor")
            self.foundations = foundations
            probes = foundations.driver.probes
        } catch {
            foundations = nil
            probes = [Probe(feature: "\(settings.driver.rawValue) driver", result: .missing, detail: "\(error)")]
        }
    }

    /// Every runtime that has a data file, with what stands in its way; nil when nothing does. Gives the driver back.
    package func runtimes() async -> [(id: String, obstacle: String?)] {
        guard let foundations else { return [] }
        await foundations.driver.shutdown()
        return await foundations.runtimes.survey()
    }
}
