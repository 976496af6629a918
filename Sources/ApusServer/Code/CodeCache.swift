import ApusArchive
package import ApusEngine
package import ApusModel
package import ApusStore
import Glibc
package import Logging
package import NIOPosix
import Synchronization

/// Unpacked code on the local disk.
///
/// Each request for a tree reads the stored package whole, which checks its seal and its hash; only the unpacking is saved. A
/// tree lies in `FOLDER/SHA256-…` with everything readable by all, below a folder that others may pass through and not list.
package final class CodeCache: CodeSource {
    private typealias Waiter = CheckedContinuation<Result<CodeTree, CodeError>, Never>

    private let folder: String
    private let blobs: any BlobStore
    private let threads: NIOThreadPool
    private let unzippedLimit: Int
    private let logger: Logger
    private let state: Mutex<CodeCacheState<Waiter>>

    /// Takes the folder over. What lies in it is removed soon, in the background.
    ///
    /// - Parameters:
    ///   - unusedLimit: trees that nobody uses and that stay all the same.
    ///   - unzippedLimit: bytes of one tree at the most.
    ///   - threads: where files are read and written; must be running.
    package init(
        folder: String, blobs: any BlobStore, unusedLimit: Int = 32, unzippedLimit: Int = 262_144_000,
        threads: NIOThreadPool, logger: Logger
    ) throws(CodeError) {
        self.folder = folder
        self.blobs = blobs
        self.threads = threads
        self.unzippedLimit = unzippedLimit
        self.logger = logger
        self.state = Mutex(CodeCacheState(unusedLimit: unusedLimit))
        guard mkdir(folder, 0o711) == 0 || errno == EEXIST, chmod(folder, 0o711) == 0,
            let leftovers = FileTree.names(in: folder)
        else { throw .unavailable("create code cache \(folder): \(String(cString: strerror(errno)))") }
        remove(leftovers.map { "\(folder)/\($0)" })
    }

    package func tree(_ code: CodeReference) async throws(CodeError) -> CodeTree {
        let result: Result<CodeTree, CodeError> = await withCheckedContinuation { waiter in
            guard state.withLock({ $0.join(code, waiter) }) else { return }
            // A check serves many callers, so it is a child of none, and one who gives up does not end it for the others.
            Task { await check(code) }
        }
        return try result.get()
    }

    /// Checks and unpacks a code for all who wait for it, until nobody does.
    private func check(_ code: CodeReference) async {
        while true {
            let outcome = await verifiedPath(code)
            let ending = state.withLock { state in
                state.end(code, outcome.mapError { if case .corrupt = $0 { .corrupt } else { .unavailable } })
            }
            remove(ending.removals)
            for waiter in ending.waiters {
                waiter.resume(
                    returning: outcome.map { path in
                        CodeTree(path: path) { [self] in
                            guard let id = ending.tree?.id else { return }
                            remove(state.withLock { $0.release(id) })
                        }
                    })
            }
            guard ending.beginsAnother else { return }
        }
    }

    private func verifiedPath(_ code: CodeReference) async -> Result<String, CodeError> {
        guard let id = BlobID(hex: code.sha256) else {
            return .failure(.unavailable("\(code.sha256) names no package"))
        }
        let bytes: [UInt8]
        do {
            bytes = try await blobs.get(id)
        } catch {
            return .failure(error.code == .corrupt ? .corrupt(error.context) : .unavailable(error.context))
        }
        if let path = state.withLock({ $0.path(of: code) }) { return .success(path) }
        return await unpack(bytes, code)
    }

    private func unpack(_ bytes: [UInt8], _ code: CodeReference) async -> Result<String, CodeError> {
        // A name of its own each time: a tree that is being removed is never in the way of its successor.
        let path = "\(folder)/\(code.sha256)-\(String(UInt32.random(in: .min ... .max), radix: 16))"
        return await withCheckedContinuation { continuation in
            threads.submit { [unzippedLimit] state in
                guard case .active = state else {
                    continuation.resume(returning: .failure(.unavailable("unpack \(code.sha256): shutting down")))
                    return
                }
                do throws(ArchiveError) {
                    try ZipArchive.unpack(bytes, into: path, unzippedLimit: unzippedLimit)
                    continuation.resume(returning: .success(path))
                } catch {
                    let reason = "unpack \(code.sha256): \(error.context)"
                    continuation.resume(returning: .failure(.unavailable(reason)))
                }
            }
        }
    }

    private func remove(_ paths: [String]) {
        guard !paths.isEmpty else { return }
        threads.submit { [logger] state in
            guard case .active = state else { return }
            for path in paths where !FileTree.remove(path) {
                logger.warning("a tree of code could not be removed", metadata: ["path": "\(path)"])
            }
        }
    }
}
