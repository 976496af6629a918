import ApusEngine
import ServiceLifecycle

/// The engine's part in the server's life: closes idle environments, and all of them in the end.
struct EngineService: Service {
    private static let reclaimPause = Duration.seconds(5)

    /// What calls that still run are given when the server goes down.
    private static let grace = Duration.seconds(10)

    let engine: Engine

    func run() async throws {
        await cancelWhenGracefulShutdown {
            while !Task.isCancelled {
                try? await Task.sleep(for: Self.reclaimPause)
                engine.reclaimIdle()
            }
        }
        await engine.shutdown(grace: Self.grace)
    }
}
