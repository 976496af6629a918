/// - Source: the public runtime interface emulator.
extension RuntimeAPIState.Refusal {
    private static func forbidden(_ type: String, _ message: String) -> Self {
        Self(status: 403, type: type, message: message, isFatal: false)
    }

    static let noExtensions = Self(
        status: 404, type: "NotFound", message: "There is no such call", isFatal: false)
    static let emptyName = forbidden("Extension.InvalidExtensionName", "Empty extension name")
    static let registrationClosed = forbidden(
        "Extension.RegistrationClosed", "Extension registration closed already")
    static let tooManyExtensions = forbidden(
        "Extension.TooManyExtensions", "Extension limit (\(ExtensionsState.limit)) reached")
    static let alreadyRegistered = forbidden(
        "Extension.InvalidExtensionState", "Extension with this name already registered")
    static let shutdownIsForExternalOnes = forbidden(
        "Extension.InvalidEventType", "SHUTDOWN: ShutdownEventNotSupportedForInternalExtension")
    static let missingIdentifier = forbidden(
        "Extension.MissingExtensionIdentifier", "Missing Lambda-Extension-Identifier header")
    static let invalidIdentifier = forbidden(
        "Extension.InvalidExtensionIdentifier", "Invalid Lambda-Extension-Identifier")
    static let missingErrorType = forbidden(
        "Extension.MissingHeader", "Lambda-Extension-Function-Error-Type not found")
    static let configurationKeys = invalidFormat(
        "configurationKeys are deprecated; use environment variables instead")

    static func unknownEvent(_ name: String) -> Self {
        forbidden("Extension.InvalidEventType", "\(name): ErrorInvalidEventType")
    }

    static func unknownExtension(_ message: String) -> Self {
        forbidden("Extension.UnknownExtensionIdentifier", message)
    }

    static func invalidFormat(_ message: String) -> Self { forbidden("InvalidRequestFormat", message) }

    static func transition(
        from phase: ExtensionsState.Phase, to next: ExtensionsState.Phase, of subject: String
    ) -> Self {
        forbidden(
            "Extension.InvalidExtensionState",
            "State transition from \(phase.rawValue) to \(next.rawValue) failed for extension \(subject). "
                + "Error: State transition is not allowed")
    }
}
