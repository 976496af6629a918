package import ApusModel
import ApusWire

/// Names a part of an image.
package struct Descriptor: Equatable, Sendable {
    package var mediaType: String
    package var digest: ImageDigest

    /// In bytes, as the image states it.
    package var size: Int

    init?(_ json: JSON?) {
        guard let digest = json?["digest"]?.string.flatMap({ ImageDigest($0) }), let size = json?["size"]?.integer,
            size >= 0
        else { return nil }
        self.digest = digest
        self.size = size
        mediaType = json?["mediaType"]?.string ?? ""
    }
}

/// The parts of an image for one platform.
package struct ImageManifest: Equatable, Sendable {
    /// Compressed bytes of all layers at the most, and layers.
    static let sizeLimit = 10 << 30
    static let layerLimit = 500

    let configuration: Descriptor
    /// The lowest first.
    package let layers: [Descriptor]

    /// Every part once.
    package var blobs: [ImageDigest] {
        var seen: Set<ImageDigest> = []
        return ([configuration] + layers).map(\.digest).filter { seen.insert($0).inserted }
    }

    /// - Throws: `.unsupported` for a manifest of something that is no image, `.invalid` for what is no manifest.
    package init(_ bytes: [UInt8]) throws(ImageFailure) {
        let json = try Document.parse(bytes)
        guard let configuration = Descriptor(json["config"]), let parts = json["layers"]?.array else {
            throw ImageFailure(.unsupported, "the manifest has neither config nor layers")
        }
        let layers = parts.compactMap { Descriptor($0) }
        guard layers.count == parts.count, layers.count <= Self.layerLimit,
            layers.allSatisfy({ $0.size <= Self.sizeLimit }), layers.reduce(0, { $0 + $1.size }) <= Self.sizeLimit
        else { throw ImageFailure(.invalid, "the manifest's layers are damaged, too many or too large") }
        guard MediaType.configurations.contains(configuration.mediaType),
            layers.allSatisfy({ MediaType.layers.contains($0.mediaType) })
        else { throw ImageFailure(.unsupported, "the manifest has parts of other kinds than an image's") }
        self.configuration = configuration
        self.layers = layers
    }
}

/// The manifests of one image for several platforms.
package struct ImageIndex: Sendable {
    struct Entry: Sendable {
        var descriptor: Descriptor
        var architecture: String?
        var system: String?
        /// By which a directory of images names this one.
        var name: String?
    }

    var entries: [Entry]

    package init(_ bytes: [UInt8]) throws(ImageFailure) {
        let json = try Document.parse(bytes)
        guard let manifests = json["manifests"]?.array, manifests.count <= 1000 else {
            throw ImageFailure(.invalid, "the index has no manifests")
        }
        entries = manifests.compactMap { manifest in
            Descriptor(manifest).map { descriptor in
                Entry(
                    descriptor: descriptor, architecture: manifest["platform"]?["architecture"]?.string,
                    system: manifest["platform"]?["os"]?.string,
                    name: manifest["annotations"]?["org.opencontainers.image.ref.name"]?.string)
            }
        }
    }

    /// The manifest for Linux on this host. One that names no platform may be for it.
    package func manifest() throws(ImageFailure) -> Descriptor {
        let suitable = entries.filter { entry in
            (entry.system ?? "linux") == "linux"
                && (entry.architecture ?? Platform.architecture) == Platform.architecture
        }
        let choice = suitable.first { $0.architecture != nil } ?? suitable.first
        guard let choice else {
            throw ImageFailure(.unsupported, "the image is not for linux/\(Platform.architecture)")
        }
        return choice.descriptor
    }
}

/// This host, as images name it.
package enum Platform {
    #if arch(arm64)
    package static let architecture = "arm64"
    #else
    package static let architecture = "amd64"
    #endif
}

/// An index, a manifest or a configuration as it is stored.
struct Document: Equatable, Sendable {
    /// Bytes at the most.
    static let limit = 4 << 20

    var bytes: [UInt8]
    var digest: ImageDigest { ImageDigest(of: bytes) }

    /// Whether it leads to manifests. It says so itself or, in older images, by its members.
    var isIndex: Bool {
        get throws(ImageFailure) {
            let json = try Self.parse(bytes)
            let type = json["mediaType"]?.string ?? ""
            if MediaType.indexes.contains(type) || MediaType.manifests.contains(type) {
                return MediaType.indexes.contains(type)
            }
            guard type.isEmpty else { throw ImageFailure(.unsupported, "\(type) is not read here") }
            return json["manifests"] != nil
        }
    }

    static func parse(_ bytes: [UInt8]) throws(ImageFailure) -> JSON {
        guard bytes.count <= limit, let json = try? JSON(parsing: bytes, depth: 32), json.object != nil else {
            throw ImageFailure(.invalid, "a document of the image is damaged or too large")
        }
        return json
    }
}
