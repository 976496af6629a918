import ApusSandbox
import Glibc

/// The files that a function brings along, kept as long as an environment has them mounted.
struct FunctionFiles: Sendable {
    /// Becomes `/var/task` or, of an image, `/`.
    var code: CodeTree

    /// Set for an image.
    var image: SandboxSpecification.Image?

    /// Becomes `/opt`, which is empty without layers.
    var layers: LayerTree?

    var layerMounts: [SandboxSpecification.Mount] {
        layers.map { [SandboxSpecification.Mount(source: $0.path, target: "/opt")] } ?? []
    }

    /// - Parameter path: as the function sees it.
    func hasProgram(_ path: String) -> Bool {
        let places = [("/var/task/", code.path), ("/opt/", layers?.path)]
        return places.contains { inside, folder in
            guard path.hasPrefix(inside), let folder else { return false }
            let program = "\(folder)/\(path.dropFirst(inside.count))"
            var status = stat()
            return stat(program, &status) == 0 && status.st_mode & S_IFMT == S_IFREG && access(program, X_OK) == 0
        }
    }
}

extension RuntimeBundle {
    /// The command line. Of a runtime without a program of its own, the first that the function or its layers have.
    func arguments(with files: FunctionFiles) -> [String] {
        guard let standard = entrypoints.first, let found = entrypoints.first(where: files.hasProgram) else {
            return arguments
        }
        return arguments.map { $0 == standard ? found : $0 }
    }
}
