package import ApusEngine
package import ApusImages
import ApusModel
import ApusServiceKit

/// The control plane finds images.
extension ImageStore: ImageLibrary {}

/// Environments run them.
extension ImageStore: ImageSource {
    package func image(_ manifest: String) async throws(CodeError) -> ImageTree {
        do throws(ImageFailure) {
            let unpacked = try await open(manifest)
            return ImageTree(
                root: CodeTree(path: unpacked.root, onRelease: unpacked.release), process: unpacked.process)
        } catch {
            throw error.code == .invalid ? .corrupt(error.context) : .unavailable(error.context)
        }
    }
}
