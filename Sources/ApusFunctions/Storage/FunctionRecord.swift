import ApusModel
import ApusServiceKit
import ApusShapes
import ApusWire

/// A function: its `$LATEST` and what belongs to all of its versions.
struct FunctionRecord: Record {
    var configuration: Lambda.FunctionConfiguration

    /// SHA-256 of the package, hexadecimal: the blob's name.
    var code: String
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
    }

    var stored: ShapeValue {
        var members = ShapeMembers()
        members.set("configuration", configuration)
        members.set("code", code)
        members.set("tags", tags)
        members.set("lastVersion", lastVersion)
        return members.shapeValue
    }
}

/// A published version, which never changes.
struct VersionRecord: Record {
    var configuration: Lambda.FunctionConfiguration
    var code: String

    init(configuration: Lambda.FunctionConfiguration, code: String) {
        self.configuration = configuration
        self.code = code
    }

    init?(stored: ShapeValue) {
        let members = ShapeMembers(stored)
        guard let configuration: Lambda.FunctionConfiguration = members.get("configuration"),
            let code: String = members.get("code")
        else { return nil }
        self.init(configuration: configuration, code: code)
    }

    var stored: ShapeValue {
        var members = ShapeMembers()
        members.set("configuration", configuration)
        members.set("code", code)
        return members.shapeValue
    }
}
