import ApusImages
import ApusModel
import ApusStore
import ApusTesting
import Crypto
import Foundation
import Logging
import NIOPosix
import Testing

/// A store of images over blobs on disk, and a folder that images may be taken from.
struct ImageFixture {
    let folder: String
    let images: ImageStore
    let store: any Store
    let time: ManualTime

    static func run(_ body: (ImageFixture) async throws -> Void) async throws {
        try await TemporaryStore.run { store, time in
            let folder = "\(NSTemporaryDirectory())apus-images-\(UUID().uuidString)"
            try FileManager.default.createDirectory(atPath: "\(folder)/open", withIntermediateDirectories: true)
            defer { try? FileManager.default.removeItem(atPath: folder) }
            let images = try make(folder, store, time)
            let result: Result<Void, any Error>
            do {
                try await body(ImageFixture(folder: folder, images: images, store: store, time: time))
                result = .success(())
            } catch {
                result = .failure(error)
            }
            await images.close()
            try result.get()
        }
    }

    static func make(_ folder: String, _ store: any Store, _ time: ManualTime) throws -> ImageStore {
        try ImageStore(
            folder: "\(folder)/unpacked", blobs: store.blobs, folders: ImageFolders(["\(folder)/open"]),
            credentials: "\(folder)/credentials", eventLoops: MultiThreadedEventLoopGroup.singleton, time: time,
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
    }

    var blobs: any BlobStore { store.blobs }

    /// Lends what another server makes of the same folders.
    static func again(_ fixture: ImageFixture, _ body: (ImageStore) async throws -> Void) async throws {
        let images = try make(fixture.folder, fixture.store, fixture.time)
        let result: Result<Void, any Error>
        do {
            try await body(images)
            result = .success(())
        } catch {
            result = .failure(error)
        }
        await images.close()
        try result.get()
    }

    /// Writes an image as a layout and finds it.
    func add(_ name: String, layers: [[TarEntry]]) async throws -> ResolvedImage {
        try await add(name, files: layers.map(TarEntry.tar))
    }

    /// - Parameters:
    ///   - files: the layers as they are distributed.
    ///   - ids: what they are said to uncompress to, if not to themselves.
    ///   - edit: makes another manifest of the right one.
    func add(
        _ name: String, files tars: [[UInt8]], ids: [ImageDigest]? = nil, edit: (String) -> String = { $0 }
    ) async throws -> ResolvedImage {
        let files = "\(folder)/open/\(name)"
        try FileManager.default.createDirectory(atPath: "\(files)/blobs/sha256", withIntermediateDirectories: true)
        func put(_ bytes: [UInt8], _ type: String) throws -> String {
            let digest = ImageDigest(of: bytes)
            try Data(bytes).write(to: URL(fileURLWithPath: "\(files)/blobs/sha256/\(digest.hex)"))
            return #"{"mediaType":"\#(type)","digest":"\#(digest)","size":\#(bytes.count)}"#
        }
        let parts = try tars.map { try put($0, "application/vnd.oci.image.layer.v1.tar") }
        let ids = (ids ?? tars.map { ImageDigest(of: $0) }).map { "\"\($0)\"" }.joined(separator: ",")
        let configuration = try put(
            Array(#"{"os":"linux","config":{"Cmd":["/x"]},"rootfs":{"diff_ids":[\#(ids)]}}"#.utf8),
            "application/vnd.oci.image.config.v1+json")
        let manifest = try put(
            Array(edit(#"{"config":\#(configuration),"layers":[\#(parts.joined(separator: ","))]}"#).utf8),
            "application/vnd.oci.image.manifest.v1+json")
        try Data(#"{"manifests":[\#(manifest)]}"#.utf8).write(to: URL(fileURLWithPath: "\(files)/index.json"))
        return try await images.resolve("oci:\(files)")
    }

    func names(_ part: String) throws -> Set<String> {
        Set(try FileManager.default.contentsOfDirectory(atPath: "\(folder)/unpacked/\(part)"))
    }
}

/// One entry of a tar file.
struct TarEntry {
    var name: String
    var kind: Character = "0"
    var content = ""
    var target = ""

    static func file(_ name: String, _ content: String = "x") -> TarEntry { TarEntry(name: name, content: content) }
    static func folder(_ name: String) -> TarEntry { TarEntry(name: name, kind: "5") }
    static func link(_ name: String, _ target: String) -> TarEntry { TarEntry(name: name, kind: "2", target: target) }
    static func hardLink(_ name: String, _ target: String) -> TarEntry {
        TarEntry(name: name, kind: "1", target: target)
    }

    /// What an extended header says of the entry that follows.
    ///
    /// - Source: POSIX.1-2001, pax.
    static func pax(_ key: String, _ value: String) -> TarEntry {
        let rest = " \(key)=\(value)\n"
        var length = rest.utf8.count
        while "\(length)\(rest)".utf8.count != length { length += 1 }
        return TarEntry(name: "pax", kind: "x", content: "\(length)\(rest)")
    }

    /// - Source: POSIX.1-1988, ustar.
    static func tar(_ entries: [TarEntry]) -> [UInt8] {
        entries.flatMap(\.bytes) + [UInt8](repeating: 0, count: 1024)
    }

    private var bytes: [UInt8] {
        var header = [UInt8](repeating: 0, count: 512)
        func put(_ text: String, at place: Int) {
            header.replaceSubrange(place..<place + text.utf8.count, with: text.utf8)
        }
        func octal(_ number: Int, _ width: Int) -> String {
            let digits = String(number, radix: 8)
            return String(repeating: "0", count: width - digits.count) + digits
        }
        put(name, at: 0)
        put(octal(0o644, 7), at: 100)
        put(octal(content.utf8.count, 11), at: 124)
        put(octal(1_700_000_000, 11), at: 136)
        put("        ", at: 148)
        put(String(kind), at: 156)
        put(target, at: 157)
        put("ustar", at: 257)
        put("00", at: 263)
        put(octal(header.reduce(0) { $0 + Int($1) }, 6), at: 148)
        header[154] = 0
        return header + Array(content.utf8) + [UInt8](repeating: 0, count: (512 - content.utf8.count % 512) % 512)
    }
}
