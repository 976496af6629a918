package import ApusModel

/// What an operation knows of the request beside its input.
package struct RequestContext: Sendable {
    package let requestID: RequestID
    package let principal: Principal

    /// The account of the principal and the region that the request was signed for.
    package let scope: Scope

    /// How the client reached the server, such as `http://127.0.0.1:4566`; for URLs in answers.
    package let endpoint: String

    package init(requestID: RequestID, principal: Principal, scope: Scope, endpoint: String) {
        self.requestID = requestID
        self.principal = principal
        self.scope = scope
        self.endpoint = endpoint
    }
}
