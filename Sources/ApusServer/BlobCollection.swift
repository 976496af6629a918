import ApusImages
import ApusModel
import ApusServiceKit
import Logging
import ServiceLifecycle

/// Collects blobs, and what is unpacked of them, soon after the start, and once a day.
struct BlobCollection: Service {
    private static let firstPause = Duration.seconds(60)
    private static let pause = Duration.seconds(86_400)

    /// A package is named by a record within the time of one request.
    private static let grace = Duration.seconds(-3600)

    let collector: BlobCollector
    let images: ImageStore?
    let time: any TimeSource
    let logger: Logger

    func run() async throws {
        await cancelWhenGracefulShutdown {
            var pause = Self.firstPause
            while (try? await Task.sleep(for: pause)) != nil {
                pause = Self.pause
                do {
                    try await collector.collect(putBefore: time.wall + Self.grace)
                    try await images?.removeUnused()
                } catch {
                    logger.error("unused blobs could not be removed", metadata: ["error": "\(error)"])
                }
            }
        }
    }
}
