import ApusIAM
import ApusModel
import ApusServiceKit
import ApusShapes
import ApusTesting
import Testing

struct CredentialStoreTests {
    private static let other = AccountID("123456789012")!
    private static let role = "arn:aws:iam::123456789012:role/service-role/hello-role"

    @Test func anAdministratorsKeyIsMadeOnce() async throws {
        try await TemporaryStore.run { store, _ in
            let first = CredentialStore(store: store)
            let made = try #require(await first.load(account: .standard))
            #expect(made.principal.arn == "arn:aws:iam::000000000000:root")
            #expect(made.sessionToken == nil)
            #expect(first.credential(made.accessKeyID)?.secretAccessKey == made.secretAccessKey)
            #expect(try await first.load(account: .standard) == nil)

            // The next start of the server finds it.
            let second = CredentialStore(store: store)
            #expect(second.credential(made.accessKeyID) == nil)
            #expect(try await second.load(account: .standard) == nil)
            #expect(second.credential(made.accessKeyID)?.secretAccessKey == made.secretAccessKey)
            #expect(second.credential(made.accessKeyID)?.principal == made.principal)
        }
    }

    @Test func eachAccountHasAnAdministratorOfItsOwn() async throws {
        try await TemporaryStore.run { store, _ in
            let credentials = CredentialStore(store: store)
            let first = try #require(await credentials.load(account: .standard))
            let second = try #require(await credentials.load(account: Self.other))
            #expect(second.principal.account == Self.other)
            #expect(first.accessKeyID != second.accessKeyID)
            let later = CredentialStore(store: store)
            #expect(try await later.load(account: .standard) == nil)
            #expect(later.credential(second.accessKeyID)?.principal.account == Self.other)
        }
    }

    @Test func secretsHaveTheShapesOfAWSs() async throws {
        try await TemporaryStore.run { store, _ in
            let credentials = CredentialStore(store: store)
            let administrator = try #require(await credentials.load(account: .standard))
            let session = credentials.issueSession(role: Self.role, session: "hello", account: Self.other)
            #expect(administrator.accessKeyID.wholeMatch(of: /AKIA[A-Z2-7]{16}/) != nil)
            #expect(session.accessKeyID.wholeMatch(of: /ASIA[A-Z2-7]{16}/) != nil)
            for credential in [administrator, session] {
                #expect(credential.secretAccessKey.wholeMatch(of: /[A-Za-z0-9+\/]{40}/) != nil)
            }
            #expect(session.sessionToken?.wholeMatch(of: /[A-Za-z0-9+\/]{128}/) != nil)
        }
    }

    @Test func aSessionIsItsRolesUntilItIsRevoked() async throws {
        try await TemporaryStore.run { store, _ in
            let credentials = CredentialStore(store: store)
            let session = credentials.issueSession(role: Self.role, session: "hello", account: Self.other)
            let principal = session.principal
            #expect(principal.kind == .executionRole)
            #expect(principal.arn == "arn:aws:sts::123456789012:assumed-role/hello-role/hello")
            #expect(principal.userID.wholeMatch(of: /AROA[A-Z2-7]{17}:hello/) != nil)
            #expect(credentials.credential(session.accessKeyID)?.sessionToken == session.sessionToken)
            // A role is the same whoever takes it on; a session is not.
            let another = credentials.issueSession(role: Self.role, session: "hello", account: Self.other)
            #expect(another.principal.userID == principal.userID)
            #expect(another.accessKeyID != session.accessKeyID)
            #expect(another.sessionToken != session.sessionToken)

            credentials.revoke(session.accessKeyID)
            #expect(credentials.credential(session.accessKeyID) == nil)
            #expect(credentials.credential(another.accessKeyID) != nil)
            credentials.revoke(session.accessKeyID)
        }
    }

    @Test func sessionsAreNotKept() async throws {
        try await TemporaryStore.run { store, _ in
            let session = CredentialStore(store: store).issueSession(
                role: Self.role, session: "s", account: Self.other)
            let later = CredentialStore(store: store)
            _ = try await later.load(account: .standard)
            #expect(later.credential(session.accessKeyID) == nil)
        }
    }
}

struct STSServiceTests {
    @Test func theCallerIsToldWhoItIs() async throws {
        let service = STSService()
        let root = try await service.call(STS.getCallerIdentity, STS.GetCallerIdentityRequest())
        #expect(
            root
                == STS.GetCallerIdentityResponse(
                    userId: "000000000000", account: "000000000000", arn: "arn:aws:iam::000000000000:root"))
        let principal = Principal(
            kind: .executionRole, account: .standard, arn: "arn:aws:sts::000000000000:assumed-role/r/f",
            userID: "AROA:f")
        let role = try await service.call(STS.getCallerIdentity, STS.GetCallerIdentityRequest(), by: principal)
        #expect(role.arn == principal.arn)
        #expect(role.userId == "AROA:f")
        #expect(service.operations["GetCallerIdentity"]?.action == "sts:GetCallerIdentity")
    }
}
