import ApusModel
import NIOPosix

/// Where an image comes from. Nothing that it hands out has been checked against a digest.
protocol ImageSource: Sendable {
    /// What the URI names: an index or a manifest.
    func root() async throws(ImageFailure) -> Document

    func manifest(_ digest: ImageDigest) async throws(ImageFailure) -> Document

    /// Whether the source has a configuration or a layer for us.
    func has(_ part: Descriptor) async throws(ImageFailure) -> Bool

    /// Copies a configuration or a layer into a new file, no more bytes than it states.
    func copy(_ part: Descriptor, to path: String) async throws(ImageFailure)
}

/// Threads for files: reading and writing them may wait.
struct FileThreads: Sendable {
    let pool: NIOThreadPool

    func run<Value: Sendable>(
        _ body: @escaping @Sendable () throws(ImageFailure) -> Value
    ) async throws(ImageFailure) -> Value {
        let result = try? await pool.runIfActive { Result { () throws(ImageFailure) in try body() } }
        guard let result else { throw ImageFailure(.unavailable, "the server is shutting down") }
        return try result.get()
    }
}
