import ApusModel
import ApusServiceKit

/// Sources: recorded responses, unless a line says otherwise.
extension FunctionFaults {
    static func aliasExists(_ arn: String) -> Fault {
        Fault("ResourceConflictException", status: 409, "Alias already exists: \(arn)")
    }

    /// When an alias is to be read or used.
    static func noSuchAlias(_ arn: String) -> Fault {
        Fault("ResourceNotFoundException", status: 404, "Cannot find alias arn: \(arn)")
    }

    /// When it is to be changed.
    static func aliasToUpdateNotFound(_ arn: String) -> Fault {
        Fault("ResourceNotFoundException", status: 404, "Alias not found: \(arn)")
    }

    static let tooManyWeights = Fault.invalidParameter(
        "Number of items in AdditionalVersionWeights cannot be greater than 1")

    static func alreadyRouted(_ version: String) -> Fault {
        .invalidParameter(
            "Invalid function version \(version). "
                + "Function version \(version) is already included in routing configuration.")
    }

    static let weightedLatest = Fault.invalidParameter(
        "$LATEST is not supported for an alias pointing to more than 1 version")

    /// Source: serverless-heaven/serverless-aws-alias, issue 64.
    static let differentRoles = Fault.invalidParameter(
        "Specified versions must be associated with the same execution role")

    /// Source: an answer of AWS to an update of a pending function, and hashicorp/terraform-provider-aws, issue 49904.
    static func wrongState(_ arn: String, _ state: String, _ code: String) -> Fault {
        Fault(
            "ResourceConflictException", status: 409,
            "The operation cannot be performed at this time. The resource \(arn) is currently in the following state: "
                + "'\(state)'. StateReasonCode: '\(code)'")
    }

    /// Source: karl-cardenas-coding/go-lambda-cleanup, issue 45.
    static func versionInUse(by aliases: [String]) -> Fault {
        Fault(
            "ResourceConflictException", status: 409,
            "Unable to delete version because the following aliases reference it: [\(aliases.joined(separator: ", "))]")
    }

    static let aliasDeletion = Fault.invalidParameter("Deletion of aliases is not currently supported.")
}
