import ApusModel
import ApusServiceKit

/// Sources: recorded responses, unless a line says otherwise.
extension FunctionFaults {
    static func reservedBelowMinimum(_ minimum: Int) -> Fault {
        .invalidParameter(
            "Specified ReservedConcurrentExecutions for function decreases account's UnreservedConcurrentExecution "
                + "below its minimum value of [\(minimum)].")
    }

    /// The spaces are AWS's.
    static func reservedBelowProvisioned(_ reserved: Int, _ provisioned: Int) -> Fault {
        .invalidParameter(
            " ReservedConcurrentExecutions  \(reserved) should not be lower than function's total provisioned concurrency "
                + "[\(provisioned)].")
    }

    static let provisionedAboveReserved = Fault.invalidParameter(
        "Requested Provisioned Concurrency should not be greater than the reservedConcurrentExecution for function")

    static func provisionedAboveUnreserved(_ unreserved: Int) -> Fault {
        .invalidParameter(
            "Specified ConcurrentExecutions for function is greater than account's unreserved concurrency "
                + "[\(unreserved)].")
    }

    static func provisionedBelowMinimum(_ minimum: Int) -> Fault {
        .invalidParameter(
            "Specified ConcurrentExecutions for function decreases account's UnreservedConcurrentExecution "
                + "below its minimum value of [\(minimum)].")
    }

    /// When it is to be set.
    static let provisionedLatest = Fault.invalidParameter(
        "Provisioned Concurrency Configs cannot be applied to unpublished function versions.")

    /// When it is to be read or removed.
    static let latestIsNotProvisioned = Fault.invalidParameter(
        "The function resource provided must be an alias or a published version.")

    static let notProvisioned = Fault(
        "ProvisionedConcurrencyConfigNotFoundException", status: 404,
        "No Provisioned Concurrency Config found for this function")

    static let versionIsProvisioned = Fault(
        "ResourceConflictException", status: 409,
        "Alias can't be used for Provisioned Concurrency configuration on an already Provisioned version")

    static let aliasIsProvisioned = Fault(
        "ResourceConflictException", status: 409, "Version is pointed by a Provisioned Concurrency alias")

    /// Source: hashicorp/terraform, issue 24957.
    static let provisionedWeights = Fault.invalidParameter(
        "Alias with weights can not be used with Provisioned Concurrency")

    /// AWS says so of runtimes, architectures and images; of what else SnapStart excludes it is an assumption.
    static func notWithSnapStart(_ subject: String) -> Fault {
        .invalidParameter("\(subject) is not supported for SnapStart enabled functions.")
    }
}
