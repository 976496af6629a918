import ApusModel
import ApusServiceKit

/// Sources: recorded responses, unless a line says otherwise.
extension FunctionFaults {
    static let tooManyLayers = Fault.invalidParameter("Cannot reference more than \(LayerRules.limit) layers.")

    static func layerOfOtherRegion(expected region: String) -> Fault {
        .invalidParameter(
            "Layers are not in the same region as the function. Layers are expected to be in region \(region).")
    }

    static func sameLayer(_ one: String, _ other: String) -> Fault {
        .invalidParameter(
            "Two different versions of the same layer are not allowed to be referenced in the same function. "
                + "\(one) and \(other) are versions of the same layer.")
    }

    /// Source: lambci/git-lambda-layer, issue 27.
    static func tooLargeWithLayers(_ size: Int) -> Fault {
        .invalidParameter(
            "Function code combined with layers exceeds the maximum allowed size of \(CodeRules.unzippedLimit) bytes. "
                + "The actual size is \(size) bytes.")
    }

    /// When a function is to have it.
    static func noSuchLayerVersion(_ arn: String) -> Fault {
        .invalidParameter("Layer version \(arn) does not exist.")
    }

    /// When its policy is to be read or changed.
    static func layerVersionNotFound(_ arn: String) -> Fault {
        Fault("ResourceNotFoundException", status: 404, "Layer version \(arn) does not exist.")
    }

    /// When it is to be read itself; also of functions, their policies and URLs.
    static let noSuchResource = Fault(
        "ResourceNotFoundException", status: 404, "The resource you requested does not exist.")

    static let layerVersionBelowOne = Fault.invalidParameter("Layer Version Cannot be less than 1")

    /// The order of AWS's list changes from answer to answer.
    static func notRuntimes(_ value: String, at member: String, accepted: [String]) -> Fault {
        Fault(
            "ValidationException", status: 400,
            "1 validation error detected: Value '\(value)' at '\(member)' failed to satisfy constraint: "
                + "Member must satisfy enum value set: [\(accepted.joined(separator: ", "))]")
    }

    /// Source: crucial-project/serverless-shell, issue 2.
    static func layerDenied(_ principal: Principal, _ action: String, _ arn: String) -> Fault {
        Fault(
            "AccessDeniedException", status: 403,
            "User: \(principal.arn) is not authorized to perform: lambda:\(action) on resource: \(arn) "
                + "because no resource-based policy allows the lambda:\(action) action")
    }

    /// Of one layer at the same time; SDKs try again.
    static let tooManyLayerRequests = Fault("TooManyRequestsException", status: 429, "Rate exceeded")

    static func statementExists(_ id: String) -> Fault {
        Fault(
            "ResourceConflictException", status: 409,
            "The statement id (\(id)) provided already exists. "
                + "Please provide a new statement id, or remove the existing statement.")
    }

    static func noStatement(_ id: String) -> Fault {
        Fault("ResourceNotFoundException", status: 404, "Statement \(id) is not found in resource policy.")
    }

    static let noPolicy = Fault(
        "ResourceNotFoundException", status: 404, "No policy is associated with the given resource.")

    static let layerPolicyMismatch = Fault(
        "PreconditionFailedException", status: 412,
        "The Revision Id provided does not match the latest Revision Id. "
            + "Call the GetLayerPolicy API to retrieve the latest Revision Id")

    /// Source: adobe/helix-deploy, issue 24.
    static func policyTooLarge(_ size: Int) -> Fault {
        Fault(
            "PolicyLengthExceededException", status: 400,
            "The final policy size (\(size)) is bigger than the limit (\(ResourcePolicy.sizeLimit)).")
    }
}
