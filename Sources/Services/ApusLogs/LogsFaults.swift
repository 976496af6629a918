import ApusModel

/// CloudWatch Logs' words. Source: API reference and recorded responses, unless a line says otherwise.
enum LogsFaults {
    static let noSuchGroup = Fault(
        "ResourceNotFoundException", status: 400, "The specified log group does not exist.")
    static let noSuchStream = Fault(
        "ResourceNotFoundException", status: 400, "The specified log stream does not exist.")
    static let groupExists = Fault(
        "ResourceAlreadyExistsException", status: 400, "The specified log group already exists")
    static let badToken = invalid("The specified nextToken is invalid.")
    static let bothNames = invalid("LogGroupName and LogGroupIdentifier cannot be provided at the same time.")
    static let noName = invalid("LogGroupName or LogGroupIdentifier must be provided.")

    static func invalid(_ message: String) -> Fault { Fault("InvalidParameterException", status: 400, message) }

    /// Ours: a kind of pattern that is not read here yet.
    static func patternUnavailable(_ pattern: String) -> Fault {
        invalid("Filter patterns of this kind are not available in this version of Apus: \(pattern)")
    }
}
