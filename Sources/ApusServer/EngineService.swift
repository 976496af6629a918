import ApusEngine
import ServiceLifecycle

/// The engine's part in the server's life: freezes and closes idle environments, and closes all of them in the end.
struct EngineService: Service {
    private static let settlePause = Duration.milliseconds(100)

    /// Of freezes.
    private static let tidyEvery = 10

    /// What calls that still run are given when the server goes down.
    private static let grace = Duration.seconds(10)

    let engine: Engine

    func run() async throws {
        await cancelWhenGracefulShutdown {
            var rounds = 0
            while !Task.isCancelled {
                try? await Task.sleep(for: Self.settlePause)
                engine.settle()
                rounds += 1
                if rounds % Self.tidyEvery == 0 { engine.tidy() }
            }
        }
        await engine.shutdown(grace: Self.grace)
    }
}
