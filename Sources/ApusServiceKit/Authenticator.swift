package import ApusModel
package import ApusWire

/// Who called, and from which account and region's point of view.
package struct Caller: Sendable {
    package let principal: Principal
    package let scope: Scope

    package init(principal: Principal, scope: Scope) {
        self.principal = principal
        self.scope = scope
    }
}

/// Tells who sent a request. Asked for every request, on the event loop: it must not wait.
package protocol Authenticator: Sendable {
    /// Checks the signature.
    ///
    /// - Parameter service: the one that was called: a request is signed for one service alone.
    /// - Returns: the caller, and the body with its framing taken off when it was signed in chunks.
    /// - Throws: AWS's fault for what is wrong with the signature, in the words of the service that was called.
    func authenticate(_ request: inout WireRequest, for service: ServiceModel) throws(Fault) -> Caller
}

/// Tells what a caller may do.
package protocol Authorizer: Sendable {
    /// - Throws: `AccessDeniedException` with AWS's sentence.
    func authorize(_ principal: Principal, action: String, resource: String) throws(Fault)
}

/// The rule until roles have policies: administrators may do everything, functions may ask who they are.
package struct AdministratorsOnly: Authorizer {
    package init() {}

    package func authorize(_ principal: Principal, action: String, resource: String) throws(Fault) {
        guard principal.kind != .root, action != "sts:GetCallerIdentity" else { return }
        throw Fault(
            "AccessDeniedException", status: 403,
            "User: \(principal.arn) is not authorized to perform: \(action) on resource: \(resource) because no "
                + "identity-based policy allows the \(action) action")
    }
}

/// `--dev`: everybody may do everything.
package struct Everybody: Authorizer {
    package init() {}

    package func authorize(_ principal: Principal, action: String, resource: String) throws(Fault) {}
}
