package import ApusModel
import ApusSandbox

/// An unpacked container image.
package struct ImageTree: Sendable {
    /// The root file system. As with all trees, it may go away when the last copy is released.
    package let root: CodeTree
    package let process: ImageProcess

    package init(root: CodeTree, process: ImageProcess) {
        self.root = root
        self.process = process
    }
}

/// Finds unpacked images.
package protocol ImageSource: Sendable {
    /// The root of an image, which stays until the tree is let go of.
    ///
    /// - Parameter manifest: as ``ImageReference/manifest``.
    func image(_ manifest: String) async throws(CodeError) -> ImageTree
}

/// Where there are no images.
package struct NoImages: ImageSource {
    package init() {}

    package func image(_ manifest: String) async throws(CodeError) -> ImageTree {
        throw .unavailable("find the image \(manifest): this server runs none")
    }
}

extension RuntimeBundle {
    /// What an image is by itself: it has no runtime of the host's.
    init(_ process: ImageProcess) {
        self.init(
            // An image that names no program has one that cannot be executed.
            id: "image", arguments: process.arguments.isEmpty ? [""] : process.arguments, mounts: [],
            variables: process.variables, executionEnvironment: nil, hasFramedLogs: false, version: "")
        image = process
    }
}
