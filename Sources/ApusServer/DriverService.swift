import ApusSandbox
import ServiceLifecycle

/// Ends the server when it can start no environment any more: the launcher's keeper was killed, and the server has given up the
/// privilege to start another. Who watches over the server starts it again.
struct DriverService: Service {
    let driver: LinuxDriver

    func run() async throws {
        try await cancelWhenGracefulShutdown {
            if await driver.waitForLoss() {
                throw StartError(
                    "the launcher and its keeper have ended; no environment can be started. Start the server again.")
            }
            // The engine has ended, and the driver with it.
            try? await gracefulShutdown()
        }
    }
}
