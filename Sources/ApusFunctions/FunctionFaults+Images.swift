import ApusModel
import ApusServiceKit

/// Sources: recorded responses, unless a line says otherwise.
extension FunctionFaults {
    static let notForImages = Fault.invalidParameter(
        "Please don't provide Handler or Runtime or Layer when the intended function PackageType is Image.")

    /// (unverified) text, after the one of the update.
    static let imageRequired = Fault.invalidParameter(
        "Please provide ImageUri when creating a function with packageType Image.")

    static let imageRequiredForUpdate = Fault.invalidParameter(
        "Please provide ImageUri when updating a function with packageType Image.")

    /// (unverified) text.
    static let imageConfigForZip = Fault.invalidParameter(
        "Please don't provide ImageConfig when the intended function PackageType is Zip.")

    /// Ours.
    static let imageSettingsTooLarge = Fault.invalidParameter(
        "ImageConfig must be smaller than \(ImageRules.settingsLimit) bytes")

    /// Ours.
    static let imageSettingsDamaged = Fault.invalidParameter("ImageConfig must not have null characters.")

    static let imageDenied = Fault(
        "AccessDeniedException", status: 403,
        "Lambda does not have permission to access the ECR image. Check the ECR permissions.")

    static func notInState(_ state: String) -> Fault {
        Fault(
            "ResourceConflictException", status: 409,
            "The operation cannot be performed at this time. The function is currently in the following state: \(state)"
        )
    }

    /// Why an image was refused. Of paths, which AWS does not know, more is told.
    static func image(_ uri: String, _ failure: ImageFailure) -> Fault {
        let detail = uri.hasPrefix("oci") ? " \(failure.context)" : ""
        switch failure.code {
        case .badReference, .invalid:
            return .invalidParameter("Source image \(uri) is not valid. Provide a valid source image.\(detail)")
        case .notFound:
            return .invalidParameter("Source image \(uri) does not exist. Provide a valid source image.\(detail)")
        case .unsupported:
            return .invalidParameter(
                "The image manifest, config or layer media type for the source image \(uri) is not supported.\(detail)")
        case .denied: return imageDenied
        // Ours: what can be done about it, the operator knows.
        case .unavailable:
            return .invalidParameter("Source image \(uri) cannot be fetched now: \(failure.context)")
        }
    }
}
