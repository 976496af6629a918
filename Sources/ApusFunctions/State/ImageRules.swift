import ApusModel
import ApusServiceKit
import ApusShapes

/// What functions of images may ask for. Pure.
///
/// - Source: Lambda API reference, CreateFunction; Lambda quotas, "Container image settings size".
enum ImageRules {
    /// Bytes of all parts of `ImageConfig`.
    static let settingsLimit = 16_384

    static func check(_ request: Lambda.CreateFunctionRequest) throws(Fault) {
        guard request.runtime == nil, request.handler == nil, request.layers?.isEmpty != false else {
            throw FunctionFaults.notForImages
        }
    }

    static func check(_ request: Lambda.UpdateFunctionConfigurationRequest) throws(Fault) {
        guard request.runtime == nil, request.handler == nil, request.layers?.isEmpty != false else {
            throw FunctionFaults.notForImages
        }
    }

    /// What a reply says of the settings; nil when they change nothing of the image.
    static func response(_ config: Lambda.ImageConfig?) throws(Fault) -> Lambda.ImageConfigResponse? {
        guard let config else { return nil }
        let texts = (config.entryPoint ?? []) + (config.command ?? []) + [config.workingDirectory ?? ""]
        guard texts.reduce(0, { $0 + $1.utf8.count }) <= settingsLimit else {
            throw FunctionFaults.imageSettingsTooLarge
        }
        guard texts.allSatisfy({ !$0.utf8.contains(0) }) else { throw FunctionFaults.imageSettingsDamaged }
        return texts.allSatisfy(\.isEmpty) ? nil : Lambda.ImageConfigResponse(imageConfig: config)
    }
}

extension Lambda.FunctionConfiguration {
    var isImage: Bool { packageType == "Image" }

    /// The image could not be had.
    mutating func fail(_ failure: ImageFailure) {
        let isNew = state == "Pending"
        settle()
        let (code, reason) = failure.stateReason
        if isNew { (state, stateReason, stateReasonCode) = ("Failed", reason, code) }
        (lastUpdateStatus, lastUpdateStatusReason, lastUpdateStatusReasonCode) = ("Failed", reason, code)
    }
}

extension ImageFailure {
    /// `StateReasonCode` and `StateReason`.
    fileprivate var stateReason: (code: String, reason: String) {
        switch code {
        case .denied: ("ImageAccessDenied", FunctionFaults.imageDenied.message)
        case .notFound, .badReference: ("ImageDeleted", "The image is not there any more: \(context)")
        case .unsupported, .invalid: ("InvalidImage", "The image is not valid: \(context)")
        case .unavailable: ("InternalError", "The image could not be fetched: \(context)")
        }
    }
}
