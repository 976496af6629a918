import ApusModel
import ApusServiceKit

/// Lambda's words. Sources: recorded responses and the API reference, unless a line says otherwise.
enum FunctionFaults {
    static func alreadyExists(_ name: String) -> Fault {
        Fault("ResourceConflictException", status: 409, "Function already exist: \(name)")
    }

    static func updateInProgress(_ arn: String) -> Fault {
        Fault(
            "ResourceConflictException", status: 409,
            "The operation cannot be performed at this time. An update is in progress for resource: \(arn)")
    }

    static let revisionMismatch = Fault(
        "PreconditionFailedException", status: 412,
        "The Revision Id provided does not match the latest Revision Id. Call the GetFunction/GetAlias API to retrieve the latest Revision Id"
    )

    static func codeMismatch(given: String, current: String) -> Fault {
        .invalidParameter(
            "CodeSHA256 (\(given)) is different from current CodeSHA256 in $LATEST (\(current)). "
                + "Please try again with the CodeSHA256 in $LATEST.")
    }

    static let latestCannotBeDeleted = Fault.invalidParameter(
        "$LATEST version cannot be deleted without deleting the function.")

    static let zipTooLarge = Fault(
        "RequestEntityTooLargeException", status: 413, "Zipped size must be smaller than \(CodeRules.zippedLimit) bytes"
    )

    static let unzippedTooLarge = Fault.invalidParameter(
        "Unzipped size must be smaller than \(CodeRules.unzippedLimit) bytes")

    static let badZip = Fault.invalidParameter(
        "Could not unzip uploaded file. Please check your file, then try to upload again.")

    static let noCode = Fault.invalidParameter("Please provide a source for function code.")

    static let runtimeAndHandlerRequired = Fault.invalidParameter(
        "Runtime and Handler are mandatory parameters for functions created with deployment packages.")

    static func deprecatedRuntime(_ id: String) -> Fault {
        .invalidParameter(
            "The runtime parameter of \(id) is no longer supported for creating or updating AWS Lambda functions. "
                + "We recommend you use a supported runtime while creating or updating functions.")
    }

    static func unknownRuntime(_ id: String, accepted: [String]) -> Fault {
        .invalidParameter(
            "Value \(id) at 'runtime' failed to satisfy constraint: Member must satisfy enum value set: "
                + "[\(accepted.joined(separator: ", "))] or be a valid ARN")
    }

    static let logLevelOfText = Fault.invalidParameter(
        "LogLevel is not supported when LogFormat is set to \"Text\". "
            + "Remove LogLevel from your request or change the LogFormat to \"Json\" and try again.")

    /// Ours: AWS has every runtime.
    static func runtimeNotInstalled(_ id: String, _ detail: String) -> Fault {
        .invalidParameter("The runtime \(id) is not available on this host: \(detail)")
    }

    static func environmentTooLarge(measured: String) -> Fault {
        .invalidParameter(
            "Lambda was unable to configure your environment variables because the environment variables you have "
                + "provided exceeded the 4KB limit. String measured: \(measured)")
    }

    static func reservedVariables(_ names: [String]) -> Fault {
        .invalidParameter(
            "Lambda was unable to configure your environment variables because the environment variables you have provided "
                + "contains reserved keys that are currently not supported for modification. Reserved keys used in this request: "
                + names.joined(separator: ", "))
    }

    static func aboveLimit(_ member: String, _ value: Int, _ limit: Int) -> Fault {
        Fault(
            "ValidationException", status: 400,
            "1 validation error detected: Value '\(value)' at '\(member)' failed to satisfy constraint: "
                + "Member must have value less than or equal to \(limit)")
    }

    static let tagLimit = Fault.invalidParameter("Number of tags exceeds resource tag limit.")
    static let noTags = Fault.invalidParameter("An error occurred and the request cannot be processed.")
    static let qualifiedTagTarget = Fault.invalidParameter(
        "Tags on function aliases and versions are not supported. Please specify a function ARN.")
    static let imageForZip = Fault.invalidParameter(
        "Please don't provide ImageUri when updating a function with packageType Zip.")
    static let badMarker = Fault.invalidParameter("The provided marker is invalid.")

    static let codeStorageFailed = Fault(
        "ServiceException", status: 500, "An error occurred and the request cannot be processed.")

    /// Ours: says of a parameter that it means nothing here yet, rather than to accept and ignore it.
    static func notAvailable(_ parameter: String) -> Fault {
        .invalidParameter("The parameter \(parameter) is not available in this version of Apus.")
    }
}
