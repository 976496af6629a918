import ApusModel
import ApusServiceKit
import ApusShapes

/// Which functions may start from a snapshot, and what becomes of a version when it is taken. Pure.
///
/// - Source: Lambda developer guide, "Improving startup performance with Lambda SnapStart".
enum SnapStartRules {
    static let runtimes: Set<String> = [
        "java11", "java17", "java21", "java25", "python3.12", "python3.13", "python3.14", "dotnet8", "dotnet10",
    ]

    /// MB of `/tmp`.
    static let temporarySpaceLimit = 512

    /// Ours: with the value `on`, this tag of a function lets `$LATEST` start from a snapshot too, whatever its runtime.
    static let tag = "apus:snapshot"

    static func check(_ configuration: Lambda.FunctionConfiguration) throws(Fault) {
        guard configuration.hasSnapStart else { return }
        if configuration.isImage { throw FunctionFaults.notWithSnapStart("Container image") }
        let runtime = configuration.runtime ?? ""
        guard runtimes.contains(runtime) else { throw FunctionFaults.notWithSnapStart(runtime) }
        guard configuration.ephemeralStorage?.size ?? 0 <= temporarySpaceLimit else {
            throw FunctionFaults.notWithSnapStart("Ephemeral storage greater than \(temporarySpaceLimit) MB")
        }
    }
}

extension Lambda.FunctionConfiguration {
    /// Whether published versions start from a snapshot.
    var hasSnapStart: Bool { snapStart?.applyOn == "PublishedVersions" }

    /// A version's snapshot was taken, or could not be.
    ///
    /// - Source: of reason and code: hashicorp/terraform-provider-aws, issue 49904, and what CloudFormation reports. The error
    ///   itself is in the function's log.
    mutating func end(_ outcome: SnapshotOutcome) {
        settle()
        switch outcome {
        case .taken, .unforkable: snapStart?.optimizationStatus = "On"
        case .failed:
            state = "Failed"
            stateReason = "An error occurred during function initialization."
            stateReasonCode = "FunctionError"
            lastUpdateStatus = "Failed"
            lastUpdateStatusReason = stateReason
            lastUpdateStatusReasonCode = stateReasonCode
        }
    }
}
