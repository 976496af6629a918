import ApusModel
import ApusServiceKit
import ApusShapes

extension FunctionsService {
    /// Finds the image of a function that is one; the tag's digest is settled by this.
    ///
    /// - Returns: nil for a function of a package.
    /// - Throws: Lambda's faults; `missing` when there is no URI.
    func findImage(
        _ uri: String?, for configuration: Lambda.FunctionConfiguration, orElse missing: Fault
    ) async throws(Fault) -> AttachedImage? {
        guard configuration.isImage else { return nil }
        guard let uri, !uri.isEmpty else { throw missing }
        guard let images else { throw FunctionFaults.notAvailable("PackageType=Image") }
        do throws(ImageFailure) {
            return AttachedImage(try await images.resolve(uri))
        } catch {
            throw FunctionFaults.image(uri, error)
        }
    }
}
