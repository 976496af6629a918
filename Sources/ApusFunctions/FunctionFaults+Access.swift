import ApusModel
import ApusServiceKit

/// Sources: recorded responses.
extension FunctionFaults {
    static let policyOfLatest = Fault.invalidParameter("We currently do not support adding policies for $LATEST.")

    static let invalidPrincipal = Fault.invalidParameter(
        "The provided principal was invalid. Please check the principal and try again.")

    static let policyMismatch = Fault(
        "PreconditionFailedException", status: 412,
        "The Revision Id provided does not match the latest Revision Id. "
            + "Call the GetPolicy API to retrieve the latest Revision Id")

    /// When a statement is to be removed from a function that is not there.
    static func noPolicyFound(_ arn: String) -> Fault {
        Fault("ResourceNotFoundException", status: 404, "No policy found for: \(arn)")
    }

    static func urlExists(_ arn: String) -> Fault {
        Fault(
            "ResourceConflictException", status: 409,
            "Failed to create function url config for [functionArn = \(arn)]. Error message:  "
                + "FunctionUrlConfig exists for this Lambda function")
    }

    /// When a URL is to be made or changed, also for an alias that is not there.
    static let noFunctionForURL = Fault("ResourceNotFoundException", status: 404, "Function does not exist")
}
