package import ApusModel
package import ApusWire

/// Verifies every request's signature.
package struct SignatureAuthenticator: Authenticator {
    private let credentials: any CredentialDirectory
    private let keys = SigningKeyCache()
    private let time: any TimeSource

    package init(credentials: any CredentialDirectory, time: any TimeSource) {
        self.credentials = credentials
        self.time = time
    }

    package func authenticate(_ request: inout WireRequest, for service: ServiceModel) throws(Fault) -> Caller {
        do throws(SigV4Flaw) {
            guard let claim = try SigV4.parse(request) else { throw .missing }
            guard claim.service == service.signingName else {
                throw .invalid("Credential should be scoped to correct service: '\(service.signingName)'.")
            }
            guard let credential = credentials.credential(claim.accessKey),
                credential.sessionToken == claim.sessionToken
            else { throw .unknownKey }
            let key = keys.key(for: claim, secret: credential.secretAccessKey)
            request.body = try SigV4.verify(claim, request, body: request.body, key: key, now: time.wall).body
            return Caller(
                principal: credential.principal,
                scope: Scope(account: credential.principal.account, region: Region(claim.region)))
        } catch {
            throw error.fault(service.signatureStyle)
        }
    }
}

/// `--dev`: takes everybody for an administrator. An access key of twelve digits names the account.
package struct DevelopmentAuthenticator: Authenticator {
    private let scope: Scope

    /// - Parameter scope: of requests that do not say.
    package init(scope: Scope) { self.scope = scope }

    package func authenticate(_ request: inout WireRequest, for service: ServiceModel) throws(Fault) -> Caller {
        let claim = (try? SigV4.parse(request)) ?? nil
        let account = claim.flatMap { AccountID($0.accessKey) } ?? scope.account
        let region = claim.map { Region($0.region) } ?? scope.region
        return Caller(principal: .root(of: account), scope: Scope(account: account, region: region))
    }
}
