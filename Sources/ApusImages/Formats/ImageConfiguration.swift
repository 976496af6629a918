package import ApusModel
import ApusWire

/// What an image says about its process, and what its layers uncompress to.
///
/// - Source: OCI image specification, "Image Configuration". `USER`, `EXPOSE`, `VOLUME` and `STOPSIGNAL` mean nothing to Lambda.
package struct ImageConfiguration: Sendable {
    package var process: ImageProcess

    /// The lowest layer's first.
    package var diffIDs: [ImageDigest]

    /// - Throws: `.unsupported` for another platform, `.invalid` for what is no configuration.
    package init(_ bytes: [UInt8]) throws(ImageFailure) {
        let json = try Document.parse(bytes)
        let (system, architecture) = (json["os"]?.string ?? "linux", json["architecture"]?.string)
        guard system == "linux", (architecture ?? Platform.architecture) == Platform.architecture else {
            throw ImageFailure(
                .unsupported,
                "the image is for \(system)/\(architecture ?? "unknown"), this host for linux/\(Platform.architecture)")
        }
        let ids = json["rootfs"]?["diff_ids"]?.array ?? []
        diffIDs = ids.compactMap { $0.string.flatMap { ImageDigest($0) } }
        guard diffIDs.count == ids.count else { throw Self.damaged("diff_ids") }
        let config = json["config"]
        let folder = config?["WorkingDir"]?.string ?? ""
        process = ImageProcess(
            entryPoint: try Self.texts(config, "Entrypoint"), command: try Self.texts(config, "Cmd"),
            workingDirectory: folder.isEmpty ? "/" : folder, variables: try Self.variables(config))
        guard folder.isEmpty || folder.hasPrefix("/"), !folder.utf8.contains(0) else {
            throw Self.damaged("WorkingDir")
        }
    }

    private static func variables(_ config: JSON?) throws(ImageFailure) -> [(name: String, value: String)] {
        var variables: [(name: String, value: String)] = []
        for text in try texts(config, "Env") {
            let parts = text.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            guard parts.count == 2, !parts[0].isEmpty else { throw damaged("Env") }
            variables.append((String(parts[0]), String(parts[1])))
        }
        return variables
    }

    private static func texts(_ config: JSON?, _ name: String) throws(ImageFailure) -> [String] {
        guard let value = config?[name], value != .null else { return [] }
        let texts = value.array?.compactMap(\.string) ?? []
        guard texts.count == value.array?.count, texts.count <= 1000, texts.allSatisfy({ !$0.utf8.contains(0) }) else {
            throw damaged(name)
        }
        return texts
    }

    private static func damaged(_ name: String) -> ImageFailure {
        ImageFailure(.invalid, "\(name) of the image's configuration is damaged")
    }
}
