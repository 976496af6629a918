import ApusModel
import ApusServiceKit
import ApusShapes
import ApusWire

/// A layer, which outlives its versions.
struct LayerRecord: Record {
    /// The highest number ever published; numbers are not used twice.
    var lastVersion = 0

    init() {}

    init?(stored: ShapeValue) {
        guard let lastVersion: Int = ShapeMembers(stored).get("lastVersion") else { return nil }
        self.lastVersion = lastVersion
    }

    var stored: ShapeValue {
        var members = ShapeMembers()
        members.set("lastVersion", lastVersion)
        return members.shapeValue
    }
}

/// A version of a layer. But for its policy it never changes.
struct LayerVersionRecord: Record {
    var package: DeploymentPackage
    var description: String

    /// As `CreatedDate` gives it.
    var created: String
    var runtimes: [String]?
    var architectures: [String]?
    var license: String?

    /// Nil when no statement was added.
    var policy: ResourcePolicy?

    init(_ request: Lambda.PublishLayerVersionRequest, _ package: DeploymentPackage, at time: Timestamp) {
        self.package = package
        description = request.description ?? ""
        created = time.civil.lambdaText
        runtimes = request.compatibleRuntimes
        architectures = request.compatibleArchitectures
        license = request.licenseInfo
    }

    init?(stored: ShapeValue) {
        let members = ShapeMembers(stored)
        guard let package: DeploymentPackage = members.get("package"), let created: String = members.get("created")
        else {
            return nil
        }
        self.package = package
        self.created = created
        description = members.get("description") ?? ""
        runtimes = members.get("runtimes")
        architectures = members.get("architectures")
        license = members.get("license")
        policy = members.get("policy")
    }

    var stored: ShapeValue {
        var members = ShapeMembers()
        members.set("package", package)
        members.set("description", description)
        members.set("created", created)
        members.set("runtimes", runtimes)
        members.set("architectures", architectures)
        members.set("license", license)
        members.set("policy", policy)
        return members.shapeValue
    }
}

/// A version of a layer as a function has it, whatever becomes of that version.
struct AttachedLayer: WireShape, Equatable {
    /// As the client wrote it.
    var arn: String

    /// SHA-256 of the package, hexadecimal: the blob's name.
    var code: String

    /// Bytes of the package.
    var size: Int

    /// Bytes of its files.
    var unzippedSize: Int

    init(arn: String, _ package: DeploymentPackage) {
        self.arn = arn
        (code, size, unzippedSize) = (package.code, package.size, package.unzippedSize)
    }

    init(_ value: ShapeValue) {
        let members = ShapeMembers(value)
        arn = members.get("arn") ?? ""
        code = members.get("code") ?? ""
        size = members.get("size") ?? 0
        unzippedSize = members.get("unzippedSize") ?? 0
    }

    var shapeValue: ShapeValue {
        var members = ShapeMembers()
        members.set("arn", arn)
        members.set("code", code)
        members.set("size", size)
        members.set("unzippedSize", unzippedSize)
        return members.shapeValue
    }
}
