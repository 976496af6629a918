/// The merged directory of a function's layers. As a ``CodeTree``, it may go away when the last copy is released.
package struct LayerTree: Sendable {
    package var path: String { files.path }

    /// There is something in its folder `extensions`.
    package let hasExtensions: Bool

    private let files: CodeTree

    package init(files: CodeTree, hasExtensions: Bool) {
        self.files = files
        self.hasExtensions = hasExtensions
    }
}
