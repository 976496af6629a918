import ApusArchive
import ApusModel
import ApusServiceKit
import ApusShapes
import ApusStore
import ApusWire
import Crypto
import Dispatch

/// A package that was looked at and stored.
struct DeploymentPackage: WireShape, Equatable {
    /// SHA-256 of the package, hexadecimal: the blob's name.
    var code: String

    /// Base64 of the SHA-256, as `CodeSha256` gives it.
    var sha256: String
    var size: Int

    /// Bytes of its files.
    var unzippedSize: Int

    init(code: String, sha256: String, size: Int, unzippedSize: Int) {
        self.code = code
        self.sha256 = sha256
        self.size = size
        self.unzippedSize = unzippedSize
    }

    init(_ value: ShapeValue) {
        let members = ShapeMembers(value)
        self.init(
            code: members.get("code") ?? "", sha256: members.get("sha256") ?? "", size: members.get("size") ?? 0,
            unzippedSize: members.get("unzippedSize") ?? 0)
    }

    var shapeValue: ShapeValue {
        var members = ShapeMembers()
        members.set("code", code)
        members.set("sha256", sha256)
        members.set("size", size)
        members.set("unzippedSize", unzippedSize)
        return members.shapeValue
    }
}

extension FunctionsService {
    /// Checks a package and, unless it is only to be looked at, stores it.
    ///
    /// - Parameter layers: those of the function; their files and the package's have a common limit.
    /// - Throws: Lambda's faults for no code, too much of it, and what is not a zip.
    func deploymentPackage(
        zip: [UInt8]?, s3Bucket: String?, imageURI: String?, isDryRun: Bool = false, beside layers: [AttachedLayer] = []
    ) async throws -> DeploymentPackage {
        if imageURI != nil { throw FunctionFaults.imageForZip }
        if s3Bucket != nil { throw FunctionFaults.notAvailable("S3Bucket") }
        guard let zip, !zip.isEmpty else { throw FunctionFaults.noCode }
        guard zip.count <= CodeRules.zippedLimit else { throw FunctionFaults.zipTooLarge }
        let summary = try await inspect(zip)
        try LayerRules.checkSize(code: summary.unzippedBytes, layers: layers)
        let digest = Array(SHA256.hash(data: zip))
        let id = isDryRun ? nil : try await blobs.put(zip)
        return DeploymentPackage(
            code: id?.hex ?? "", sha256: Base64.encode(digest), size: zip.count, unzippedSize: summary.unzippedBytes)
    }

    /// Reading a large package takes long, so it is done beside the threads that serve.
    private func inspect(_ zip: [UInt8]) async throws(Fault) -> ZipArchive.Summary {
        let result: Result<ZipArchive.Summary, ArchiveError> = await withCheckedContinuation { continuation in
            DispatchQueue.global(qos: .utility).async {
                continuation.resume(
                    returning: Result { () throws(ArchiveError) in
                        try ZipArchive.inspect(zip, unzippedLimit: CodeRules.unzippedLimit)
                    })
            }
        }
        switch result {
        case .success(let summary) where summary.entries > 0: return summary
        case .failure(let error) where error.code == .tooLarge: throw FunctionFaults.unzippedTooLarge
        case .success, .failure: throw FunctionFaults.badZip
        }
    }
}
