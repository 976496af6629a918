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
/// Each request for a function's tree reads the stored package whole, which checks its seal and its hash; only the unpacking is
/// saved. Layers, often many times as large and shared by many functions, are checked when they are unpacked.
///
/// A tree lies in `FOLDER/SHA256-…` with everything readable by all, below a folder that others may pass through and not list. The
/// merged tree of a function's layers lies beside those of each layer and shares their files.
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

    package func tree(_ code: CodeReference) async throws(CodeError) -> CodeTree { try await tree(.package(code)) }

    package func layers(_ layers: [CodeReference]) async throws(CodeError) -> LayerTree {
        let files = try await tree(.layers(layers))
        let extensions = FileTree.names(in: "\(files.path)/extensions") ?? []
        return LayerTree(files: files, hasExtensions: !extensions.isEmpty)
    }

    private func tree(_ key: TreeKey) async throws(CodeError) -> CodeTree {
        let result: Result<CodeTree, CodeError> = await withCheckedContinuation { waiter in
            guard state.withLock({ $0.join(key, waiter) }) else { return }
            // A check serves many callers, so it is a child of none, and one who gives up does not end it for the others.
            Task { await check(key) }
        }
        return try result.get()
    }

    /// Checks a code and makes its directory for all who wait for it, until nobody does.
    private func check(_ key: TreeKey) async {
        while true {
            let outcome: Result<String, CodeError>
            do throws(CodeError) {
                outcome = .success(try await verifiedPath(key))
            } catch {
                outcome = .failure(error)
            }
            let ending = state.withLock { state in
                state.end(key, outcome.mapError { if case .corrupt = $0 { .corrupt } else { .unavailable } })
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

    private func verifiedPath(_ key: TreeKey) async throws(CodeError) -> String {
        switch key {
        case .package(let code):
            let bytes = try await verifiedBytes(code)
            if let path = path(of: key) { return path }
            return try await make(key) { [unzippedLimit] path throws(ArchiveError) in
                try ZipArchive.unpack(bytes, into: path, unzippedLimit: unzippedLimit)
            }
        case .layers(let layers):
            if let path = path(of: key) { return path }
            var trees: [CodeTree] = []
            for layer in layers { trees.append(try await tree(layer)) }
            return try await make(key) { [trees] path throws(ArchiveError) in
                try FileTree.merge(trees.map(\.path), into: path)
            }
        }
    }

    private func path(of key: TreeKey) -> String? { state.withLock { $0.path(of: key) } }

    private func verifiedBytes(_ code: CodeReference) async throws(CodeError) -> [UInt8] {
        guard let id = BlobID(hex: code.sha256) else { throw .unavailable("\(code.sha256) names no package") }
        do {
            return try await blobs.get(id)
        } catch {
            throw error.code == .corrupt ? .corrupt(error.context) : .unavailable(error.context)
        }
    }

    /// Makes a directory where there is none yet.
    private func make(
        _ key: TreeKey, _ fill: @escaping @Sendable (String) throws(ArchiveError) -> Void
    ) async throws(CodeError) -> String {
        // A name of its own each time: a tree that is being removed is never in the way of its successor.
        let path = "\(folder)/\(key.name)-\(String(UInt32.random(in: .min ... .max), radix: 16))"
        let result: Result<String, CodeError> = await withCheckedContinuation { continuation in
            threads.submit { state in
                guard case .active = state else {
                    continuation.resume(returning: .failure(.unavailable("make \(key.name): shutting down")))
                    return
                }
                do throws(ArchiveError) {
                    try fill(path)
                    continuation.resume(returning: .success(path))
                } catch {
                    continuation.resume(returning: .failure(.unavailable("make \(key.name): \(error.context)")))
                }
            }
        }
        return try result.get()
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
