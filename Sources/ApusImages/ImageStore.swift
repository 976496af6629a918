import ApusArchive
package import ApusModel
package import ApusStore
import AsyncHTTPClient
import Glibc
package import Logging
package import NIOCore
import NIOPosix
import Synchronization

/// The images of functions: found by their URIs, copied into the store of blobs, and unpacked once.
///
/// ```
/// FOLDER/layers/DIGEST   the tree of a layer, by the digest of its uncompressed bytes
/// FOLDER/images/DIGEST   the root of an image, hard links into the trees of its layers, by the digest of its manifest
/// FOLDER/new/…           parts on their way
/// ```
///
/// What is unpacked is a cache: what the blobs hold makes it again. Nobody but the server can write to it.
package final class ImageStore: Sendable {
    private let folder: String
    private let blobs: any BlobStore
    private let folders: ImageFolders
    private let credentials: String
    private let eventLoops: any EventLoopGroup

    /// Made for the first image of a registry: a server that knows none need not have it in memory.
    private let http = Mutex<HTTPClient?>(nil)
    private let threads: FileThreads
    private let time: any TimeSource
    private let logger: Logger

    /// One piece of work on an image or a layer at a time.
    private let turns = Turns<String>()

    /// Images that are fetched: all under one key, a few at a time.
    private let preparations = Turns<String>(width: 4)

    /// Which layers have been seen to uncompress to a digest.
    private let proofs = Mutex<[String: Set<ImageDigest>]>([:])
    private let known = Mutex<[String: Known]>([:])

    /// An image that is unpacked.
    private struct Known {
        var process: ImageProcess
        var users = 0
    }

    /// Takes the folder over; what a kill left unfinished in it is removed.
    ///
    /// - Parameters:
    ///   - folder: only its owner should be able to enter it.
    ///   - credentials: the file of ``RegistryCredentials``, which may be missing. It is read anew for every image.
    ///   - eventLoops: for connections to registries.
    package init(
        folder: String, blobs: any BlobStore, folders: ImageFolders, credentials: String,
        eventLoops: any EventLoopGroup, time: any TimeSource, logger: Logger
    ) throws(ImageFailure) {
        self.folder = folder
        self.blobs = blobs
        self.folders = folders
        self.credentials = credentials
        self.eventLoops = eventLoops
        threads = FileThreads(pool: NIOThreadPool(numberOfThreads: 2))
        threads.pool.start()
        self.time = time
        self.logger = logger
        for part in ["", "/layers", "/images", "/new"] {
            guard mkdir(folder + part, 0o700) == 0 || errno == EEXIST else {
                throw systemFailure("create \(folder)\(part)")
            }
        }
        try Folder("\(folder)/new").removeAll()
        for part in ["layers", "images"] {
            for draft in FileTree.names(in: "\(folder)/\(part)") ?? [] where draft.contains(".") {
                try Folder.remove("\(folder)/\(part)/\(draft)")
            }
        }
    }

    /// Ends what is on its way, with failures. Nothing may be asked for afterwards.
    package func close() async {
        try? await http.withLock { $0 }?.shutdown()
        try? await threads.pool.shutdownGracefully()
    }

    // MARK: Finding

    /// Finds out which image a URI names now, and stores its manifest. Says of what is no image that it is none.
    package func resolve(_ text: String) async throws(ImageFailure) -> ResolvedImage {
        let uri = try ImageURI(text)
        let source = try await source(uri)
        let root = try await source.root()
        if let wanted = uri.digest, root.digest != wanted {
            throw ImageFailure(.invalid, "what the registry has for \(wanted) is something else")
        }
        var document = root
        if try root.isIndex {
            let choice = try ImageIndex(root.bytes).manifest()
            document = try await source.manifest(choice.digest)
            guard document.digest == choice.digest else {
                throw ImageFailure(.invalid, "the manifest has not the digest \(choice.digest)")
            }
        }
        let manifest = try ImageManifest(document.bytes)
        try await storing { () throws(StoreError) in _ = try await self.blobs.put(document.bytes) }
        return ResolvedImage(
            uri: text, resolvedURI: ImageURI.resolved(text, root.digest), digest: root.digest.hex,
            manifest: document.digest.hex, parts: manifest.blobs.map(\.hex))
    }

    private func source(_ uri: ImageURI) async throws(ImageFailure) -> any ImageSource {
        switch uri.place {
        case .registry(let host, let repository):
            let credentials = try await threads.run { [credentials] () throws(ImageFailure) in
                try RegistryCredentials(file: credentials)
            }
            return RegistrySource(
                host: host, repository: repository, uri: uri, http: client(), credentials: credentials, threads: threads
            )
        case .layout(let path):
            return LayoutSource(files: FolderFiles(folder: try folders.find(path)), uri: uri, threads: threads)
        case .archive(let path):
            return LayoutSource(files: ArchiveFiles(file: try folders.find(path)), uri: uri, threads: threads)
        }
    }

    private func client() -> HTTPClient {
        http.withLock { http in
            let client = http ?? RegistrySource.client(on: eventLoops)
            http = client
            return client
        }
    }

    // MARK: Making

    /// Copies all of an image into the store and unpacks it. Afterwards neither registry nor file is asked again.
    package func prepare(_ image: ResolvedImage) async throws(ImageFailure) {
        let source = try await source(ImageURI(image.resolvedURI))
        _ = try await turns.take(image.manifest) { () throws(ImageFailure) in
            try await self.preparations.take("") { () throws(ImageFailure) in
                try await self.make(image.manifest, from: source)
            }
        }
    }

    /// An image in use, unpacked.
    package struct Unpacked: Sendable {
        package var root: String
        package var process: ImageProcess

        /// To be called once, when nobody uses it any more.
        package var release: @Sendable () -> Void
    }

    /// The root of an image that is in the store.
    ///
    /// - Parameter manifest: of ``ResolvedImage``.
    package func open(_ manifest: String) async throws(ImageFailure) -> Unpacked {
        if let unpacked = use(manifest) { return unpacked }
        return try await turns.take(manifest) { () throws(ImageFailure) in
            try await self.make(manifest, from: nil)
            guard let unpacked = self.use(manifest) else {
                throw ImageFailure(.unavailable, "the image \(manifest) was removed")
            }
            return unpacked
        }
    }

    private func use(_ manifest: String) -> Unpacked? {
        known.withLock { known in
            guard let process = known[manifest]?.process else { return nil }
            known[manifest]?.users += 1
            return Unpacked(root: root(manifest), process: process) { [self] in
                self.known.withLock { $0[manifest]?.users -= 1 }
            }
        }
    }

    /// Makes the root of an image, and what is missing of its layers.
    ///
    /// - Parameter source: for what is not in the store; nil when all of it must be.
    private func make(_ manifest: String, from source: (any ImageSource)?) async throws(ImageFailure) {
        let parts = try ImageManifest(try await blob(manifest))
        let configuration = try await configuration(parts.configuration, from: source)
        guard configuration.diffIDs.count == parts.layers.count else {
            throw ImageFailure(.invalid, "manifest and configuration differ in the number of layers")
        }
        // All of them before any is unpacked: a slow registry holds up nobody who needs the same layers.
        if let source { for layer in parts.layers { try await fetch(layer, from: source) } }
        var budget = LayerBudget()
        for (layer, diffID) in zip(parts.layers, configuration.diffIDs) {
            budget = try await tree(of: layer, diffID, isProven: source == nil, budget)
        }
        let (trees, root) = (configuration.diffIDs.map { tree($0.hex) }, root(manifest))
        let now = time.wall
        try await threads.run { () throws(ImageFailure) in
            // What is unpacked may have taken long. The merge is soon; until then the layers count as in use.
            for tree in trees { try Folder(tree).stamp(now) }
            if access(root, F_OK) != 0 { try RootTree.merge(trees, into: root) }
        }
        known.withLock { $0[manifest, default: Known(process: configuration.process)].process = configuration.process }
    }

    private func configuration(
        _ part: Descriptor, from source: (any ImageSource)?
    ) async throws(ImageFailure) -> ImageConfiguration {
        guard part.size <= Document.limit else { throw ImageFailure(.invalid, "the configuration is too large") }
        if let source { try await fetch(part, from: source) }
        return try await withFile(part) { (file) throws(ImageFailure) in
            try await self.threads.run { () throws(ImageFailure) in
                try ImageConfiguration(OpenFile.read(file, limit: Document.limit))
            }
        }
    }

    /// Has a layer unpacked that is in the store.
    ///
    /// - Parameter isProven: whether it is known that the layer is the one with this digest.
    /// - Returns: what is left of the budget.
    private func tree(
        of layer: Descriptor, _ diffID: ImageDigest, isProven: Bool, _ budget: LayerBudget
    ) async throws(ImageFailure) -> LayerBudget {
        try await turns.take(diffID.hex) { () throws(ImageFailure) in
            let path = self.tree(diffID.hex)
            var rest = budget
            if access(path, F_OK) != 0 {
                rest = try await self.withFile(layer) { (file) throws(ImageFailure) in
                    try await self.threads.run { () throws(ImageFailure) in
                        var rest = budget
                        try Layer.unpack(file, diffID, into: path, &rest)
                        return rest
                    }
                }
            } else if !isProven, self.proofs.withLock({ $0[diffID.hex]?.contains(layer.digest) != true }) {
                // Else an image could get any layer that is here by naming its digest.
                try await self.withFile(layer) { (file) throws(ImageFailure) in
                    try await self.threads.run { () throws(ImageFailure) in try Layer.check(file, diffID) }
                }
            }
            _ = self.proofs.withLock { $0[diffID.hex, default: []].insert(layer.digest) }
            try Folder(path).stamp(self.time.wall)
            return rest
        }
    }

    /// Has a part of an image in the store. What is there already is taken only if the source has it, too.
    private func fetch(_ part: Descriptor, from source: any ImageSource) async throws(ImageFailure) {
        if try await renew(part) {
            guard try await source.has(part) else {
                throw ImageFailure(.notFound, "where the image comes from there is no \(part.digest)")
            }
            return
        }
        try await withDraft(part) { (file) throws(ImageFailure) in
            try await source.copy(part, to: file)
            try Self.check(file, part)
            var stored: BlobID?
            try await self.storing { () throws(StoreError) in stored = try await self.blobs.put(contentsOf: file) }
            guard stored == part.digest.blob else {
                throw ImageFailure(.invalid, "a part of the image has not the digest \(part.digest)")
            }
        }
    }

    /// Lends a part of an image that is in the store as a file.
    private func withFile<Value>(
        _ part: Descriptor, _ body: (String) async throws(ImageFailure) -> Value
    ) async throws(ImageFailure) -> Value {
        try await withDraft(part) { (file) throws(ImageFailure) in
            try await self.storing { () throws(StoreError) in try await self.blobs.copy(part.digest.blob, to: file) }
            try Self.check(file, part)
            return try await body(file)
        }
    }

    private func withDraft<Value>(
        _ part: Descriptor, _ body: (String) async throws(ImageFailure) -> Value
    ) async throws(ImageFailure) -> Value {
        let file = "\(folder)/new/\(part.digest.hex).\(UInt32.random(in: .min ... .max))"
        defer { unlink(file) }
        return try await body(file)
    }

    /// What a manifest says of a size is a claim.
    private static func check(_ file: String, _ part: Descriptor) throws(ImageFailure) {
        var status = stat()
        guard stat(file, &status) == 0 else { throw systemFailure("look at \(file)") }
        guard Int(status.st_size) == part.size else {
            throw ImageFailure(.invalid, "\(part.digest) has not the size that the image states")
        }
    }

    private func renew(_ part: Descriptor) async throws(ImageFailure) -> Bool {
        var isThere = false
        try await storing { () throws(StoreError) in isThere = try await self.blobs.renew(part.digest.blob) }
        return isThere
    }

    private func blob(_ hex: String) async throws(ImageFailure) -> [UInt8] {
        guard let id = BlobID(hex: hex) else { throw ImageFailure(.invalid, "\(hex) names no image") }
        var bytes: [UInt8] = []
        try await storing { () throws(StoreError) in bytes = try await self.blobs.get(id) }
        return bytes
    }

    private func storing(_ work: () async throws(StoreError) -> Void) async throws(ImageFailure) {
        do throws(StoreError) {
            try await work()
        } catch {
            throw ImageFailure(error.code == .corrupt ? .invalid : .unavailable, error.context)
        }
    }

    private func root(_ manifest: String) -> String { "\(folder)/images/\(manifest)" }
    private func tree(_ diffID: String) -> String { "\(folder)/layers/\(diffID)" }
}

// MARK: Removing

extension ImageStore {
    /// A layer that was used within this time may belong to an image that is being made.
    private static let grace = Duration.seconds(-3600)

    /// Removes what is unpacked of images whose manifests are not in the store any more. What cannot be read or removed is logged,
    /// and keeps nothing else.
    package func removeUnused() async throws(ImageFailure) {
        var stored: [BlobID] = []
        try await storing { () throws(StoreError) in stored = try await self.blobs.all() }
        let blobs = Set(stored.map(\.hex))
        var needed: Set<String> = []
        for manifest in FileTree.names(in: "\(folder)/images") ?? [] where !manifest.contains(".") {
            do throws(ImageFailure) {
                if blobs.contains(manifest) {
                    needed.formUnion(try await layers(of: manifest))
                } else {
                    try await remove(image: manifest)
                }
            } catch {
                logger.warning(
                    "an unpacked image cannot be looked after",
                    metadata: ["manifest": "\(manifest)", "error": "\(error.context)"])
            }
        }
        for layer in FileTree.names(in: "\(folder)/layers") ?? [] where !layer.contains(".") && !needed.contains(layer)
        {
            do throws(ImageFailure) {
                try await remove(layer: layer)
            } catch {
                logger.warning(
                    "an unpacked layer cannot be removed", metadata: ["layer": "\(layer)", "error": "\(error.context)"])
            }
        }
    }

    private func layers(of manifest: String) async throws(ImageFailure) -> [String] {
        let parts = try ImageManifest(try await blob(manifest))
        return try await configuration(parts.configuration, from: nil).diffIDs.map(\.hex)
    }

    private func remove(image manifest: String) async throws(ImageFailure) {
        try await turns.take(manifest) { () throws(ImageFailure) in
            let isFree = self.known.withLock { known in
                guard known[manifest]?.users ?? 0 == 0 else { return false }
                known[manifest] = nil
                return true
            }
            guard isFree else { return }
            let path = self.root(manifest)
            try await self.threads.run { () throws(ImageFailure) in try Folder.remove(path) }
            self.logger.info("removed an unpacked image", metadata: ["manifest": "\(manifest)"])
        }
    }

    private func remove(layer: String) async throws(ImageFailure) {
        try await turns.take(layer) { () throws(ImageFailure) in
            let path = self.tree(layer)
            guard try Folder(path).stamped() < self.time.wall + Self.grace else { return }
            try await self.threads.run { () throws(ImageFailure) in try Folder.remove(path) }
            self.proofs.withLock { $0[layer] = nil }
        }
    }
}
