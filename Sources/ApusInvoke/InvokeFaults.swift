import ApusModel

/// What Invoke refuses, in Lambda's words. Source: API reference and recorded responses.
enum InvokeFaults {
    static func notReady(_ state: String) -> Fault {
        Fault(
            "ResourceConflictException", status: 409,
            "The operation cannot be performed at this time. The function is currently in the following state: \(state)"
        )
    }

    static func payloadTooLarge(limit: Int) -> Fault {
        Fault(
            "RequestTooLargeException", status: 413,
            "Request must be smaller than \(limit) bytes for the InvokeFunction operation")
    }

    static func badPayload(_ detail: String) -> Fault {
        Fault(
            "InvalidRequestContentException", status: 400,
            "Could not parse request body into json: Could not parse payload into json: \(detail)")
    }

    static let badClientContext = Fault(
        "InvalidRequestContentException", status: 400,
        "Client context must be a valid Base64-encoded JSON object.")

    static func badEnum(_ value: String, member: String, _ accepted: [String]) -> Fault {
        Fault(
            "ValidationException", status: 400,
            "1 validation error detected: Value '\(value)' at '\(member)' failed to satisfy constraint: "
                + "Member must satisfy enum value set: [\(accepted.joined(separator: ", "))]")
    }

    static let storeUnavailable = Fault(
        "ServiceException", status: 500, "An error occurred and the request cannot be processed.")
}
