import ApusModel
import ApusServiceKit
import ApusShapes
import ApusTesting
import ApusWire
import NIOCore
import Testing

private struct OneKey: CredentialDirectory {
    var token: String?

    func credential(_ accessKeyID: String) -> Credential? {
        guard accessKeyID == "AKIAEXAMPLE" else { return nil }
        return Credential(
            accessKeyID: accessKeyID, secretAccessKey: "secret", sessionToken: token,
            principal: .root(of: AccountID("123456789012")!))
    }
}

struct SignatureAuthenticatorTests {
    private let time = ManualTime()

    private func request(
        key: String = "AKIAEXAMPLE", secret: String = "secret", token: String? = nil, region: String = "eu-west-1",
        service: String = "lambda"
    ) -> WireRequest {
        var request = WireRequest(
            method: "POST", target: "/2015-03-31/functions/f/invocations", headers: ["Host": "127.0.0.1:4566"],
            body: ByteBuffer(string: "{}"))
        SigV4.sign(
            &request, by: SigningCredential(accessKey: key, secret: secret, sessionToken: token), region: region,
            service: service, at: time.wall)
        return request
    }

    private func refusal(
        _ request: WireRequest, token: String? = nil, service: ServiceModel = Lambda.model
    ) throws -> Fault {
        var request = request
        let authenticator = SignatureAuthenticator(credentials: OneKey(token: token), time: time)
        return try #require(throws: Fault.self) { try authenticator.authenticate(&request, for: service) }
    }

    @Test func theCallerIsThePrincipalInTheRegionThatWasSignedFor() throws {
        var request = request()
        let caller = try SignatureAuthenticator(credentials: OneKey(), time: time).authenticate(
            &request, for: Lambda.model)
        #expect(caller.principal == .root(of: AccountID("123456789012")!))
        #expect(caller.scope.description == "123456789012/eu-west-1")
        #expect(String(buffer: request.body) == "{}")
    }

    @Test func aSessionHasToShowItsToken() throws {
        var request = request(token: "token")
        let authenticator = SignatureAuthenticator(credentials: OneKey(token: "token"), time: time)
        #expect(try authenticator.authenticate(&request, for: Lambda.model).scope.region == Region("eu-west-1"))
        #expect(try refusal(self.request(), token: "token").code == "UnrecognizedClientException")
        #expect(try refusal(self.request(token: "other"), token: "token").code == "UnrecognizedClientException")
        #expect(try refusal(self.request(token: "token")).code == "UnrecognizedClientException")
    }

    @Test func aSignatureForAnotherServiceIsRefused() throws {
        let message = "Credential should be scoped to correct service: 'lambda'."
        #expect(
            try refusal(request(service: "sqs")) == Fault("InvalidSignatureException", status: 403, message))
    }

    @Test func refusalsAreInTheWordsOfTheServiceThatWasCalled() throws {
        let request = request(key: "AKIAOTHER")
        let query = self.request(key: "AKIAOTHER", service: "sts")
        let message = "The security token included in the request is invalid."
        #expect(try refusal(request) == Fault("UnrecognizedClientException", status: 403, message))
        #expect(try refusal(query, service: STS.model) == Fault("InvalidClientTokenId", status: 403, message))
    }

    @Test func aWrongSecretAndAChangedBodyAreMismatches() throws {
        #expect(try refusal(request(secret: "other")).code == "InvalidSignatureException")
        var changed = request()
        changed.body = ByteBuffer(string: "[]")
        #expect(try refusal(changed).code == "InvalidSignatureException")
    }

    @Test func anUnsignedRequestSaysWhatIsMissing() throws {
        var unsigned = request()
        unsigned.headers = ["Host": "x"]
        #expect(
            try refusal(unsigned)
                == Fault("MissingAuthenticationTokenException", status: 403, "Missing Authentication Token"))
    }

    @Test func anOldSignatureIsRefused() throws {
        let old = request()
        time.advance(by: .seconds(299))
        var fresh = old
        _ = try SignatureAuthenticator(credentials: OneKey(), time: time).authenticate(&fresh, for: Lambda.model)
        time.advance(by: .seconds(2))
        #expect(try refusal(old).code == "InvalidSignatureException")
    }
}

struct DevelopmentAuthenticatorTests {
    private let authenticator = DevelopmentAuthenticator(scope: .test)

    @Test(arguments: [
        ("123456789012", "eu-west-1", "123456789012/eu-west-1"), ("test", "us-west-2", "000000000000/us-west-2"),
        ("12345678901", "us-west-2", "000000000000/us-west-2"),
    ])
    func theAccessKeyMayNameTheAccount(_ key: String, _ region: String, scope: String) throws {
        var request = WireRequest(method: "GET", target: "/", headers: ["Host": "x"], body: ByteBuffer())
        SigV4.sign(
            &request, by: SigningCredential(accessKey: key, secret: "whatever"), region: region, service: "lambda",
            at: Timestamp(seconds: 0))
        let caller = try authenticator.authenticate(&request, for: Lambda.model)
        #expect(caller.scope.description == scope)
        #expect(caller.principal.kind == .root)
        #expect(caller.principal.account == caller.scope.account)
    }

    @Test(arguments: [nil, "", "Bearer x", "AWS4-HMAC-SHA256 nonsense"])
    func whatCannotBeReadIsTheStandardAccount(_ authorization: String?) throws {
        var request = WireRequest(method: "GET", target: "/", headers: ["Host": "x"], body: ByteBuffer())
        if let authorization { request.headers.add("Authorization", authorization) }
        #expect(try authenticator.authenticate(&request, for: Lambda.model).scope == .test)
    }
}

struct AuthorizerTests {
    private let role = Principal(
        kind: .executionRole, account: .standard, arn: "arn:aws:sts::000000000000:assumed-role/r/f", userID: "AROA:f")

    @Test func functionsMayAskWhoTheyAreAndNothingElse() throws {
        try AdministratorsOnly().authorize(role, action: "sts:GetCallerIdentity", resource: "*")
        try AdministratorsOnly().authorize(.root(of: .standard), action: "lambda:DeleteFunction", resource: "*")
        let fault = try #require(throws: Fault.self) {
            try AdministratorsOnly().authorize(
                role, action: "lambda:InvokeFunction", resource: "arn:aws:lambda:r:a:function:g")
        }
        #expect(
            fault
                == Fault(
                    "AccessDeniedException", status: 403,
                    "User: arn:aws:sts::000000000000:assumed-role/r/f is not authorized to perform: lambda:InvokeFunction on resource: arn:aws:lambda:r:a:function:g because no identity-based policy allows the lambda:InvokeFunction action"
                ))
    }

    @Test func inDevelopmentEverybodyMayDoEverything() throws {
        try Everybody().authorize(role, action: "lambda:DeleteFunction", resource: "*")
    }
}
