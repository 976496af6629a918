import ApusModel
import ApusServiceKit
import ApusShapes
import ApusWire

/// A function: its `$LATEST` and what belongs to all of its versions.
struct FunctionRecord: Record {
    var configuration: Lambda.FunctionConfiguration

    /// SHA-256 of the package, hexadecimal: the blob's name.
    var code: String

    /// Bytes of the package's files; 0 in records of before this was kept.
    var unzippedSize = 0
    var layers: [AttachedLayer] = []

    /// Set for a function that is a container image; `code` is its manifest then.
    var image: AttachedImage?

    /// What runs until the function's image can, and goes on when it never will.
    var previous: VersionRecord?
    var tags: WireMap<String>

    /// The highest number ever published; numbers are not used twice.
    var lastVersion: Int

    init(configuration: Lambda.FunctionConfiguration, code: String, tags: WireMap<String>, lastVersion: Int = 0) {
        self.configuration = configuration
        self.code = code
        self.tags = tags
        self.lastVersion = lastVersion
    }

    init?(stored: ShapeValue) {
        let members = ShapeMembers(stored)
        guard let configuration: Lambda.FunctionConfiguration = members.get("configuration"),
            let code: String = members.get("code"), let lastVersion: Int = members.get("lastVersion")
        else { return nil }
        self.init(
            configuration: configuration, code: code, tags: members.get("tags") ?? [:], lastVersion: lastVersion)
        unzippedSize = members.get("unzippedSize") ?? 0
        layers = members.get("layers") ?? []
        image = members.get("image")
        previous = members.get("previous")
    }

    var stored: ShapeValue {
        var members = ShapeMembers()
        members.set("configuration", configuration)
        members.set("code", code)
        members.set("unzippedSize", unzippedSize)
        members.set("layers", layers)
        members.set("image", image)
        members.set("previous", previous)
        members.set("tags", tags)
        members.set("lastVersion", lastVersion)
        return members.shapeValue
    }
}

/// A published version, which never changes.
struct VersionRecord: Record {
    var configuration: Lambda.FunctionConfiguration
    var code: String
    var layers: [AttachedLayer]
    var image: AttachedImage?

    init(
        configuration: Lambda.FunctionConfiguration, code: String, layers: [AttachedLayer], image: AttachedImage?
    ) {
        self.configuration = configuration
        self.code = code
        self.layers = layers
        self.image = image
    }

    /// What a function is now.
    init(_ function: FunctionRecord) {
        self.init(
            configuration: function.configuration, code: function.code, layers: function.layers, image: function.image)
    }

    init?(stored: ShapeValue) {
        let members = ShapeMembers(stored)
        guard let configuration: Lambda.FunctionConfiguration = members.get("configuration"),
            let code: String = members.get("code")
        else { return nil }
        self.init(
            configuration: configuration, code: code, layers: members.get("layers") ?? [], image: members.get("image"))
    }

    var stored: ShapeValue {
        var members = ShapeMembers()
        members.set("configuration", configuration)
        members.set("code", code)
        members.set("layers", layers)
        members.set("image", image)
        return members.shapeValue
    }
}

/// As a part of another record.
extension VersionRecord: WireValue {
    init?(wire: ShapeValue) { self.init(stored: wire) }

    var wire: ShapeValue { stored }
}
