import ApusFunctions
import ApusModel
import ApusServiceKit
import ApusShapes
import ApusStore
import ApusTesting
import ApusWire
import Testing

struct CodeLocationTests {
    private static func link(_ fixture: FunctionsFixture) async throws -> (path: Substring, query: Substring) {
        let reply = try await fixture.service.call(Lambda.getFunction, .init(functionName: "hello"))
        #expect(reply.code?.repositoryType == "S3")
        let location = try #require(reply.code?.location)
        let prefix = "http://127.0.0.1:4566"
        #expect(location.hasPrefix("\(prefix)/_apus/code/"))
        let parts = location.dropFirst(prefix.count).split(separator: "?")
        return (parts[0], parts[1])
    }

    @Test func theLinkLeadsToThePackage() async throws {
        try await FunctionsFixture.run { fixture in
            try await fixture.create()
            let (path, query) = try await Self.link(fixture)
            let blob = try #require(fixture.service.location.blob(path: path, query: query, now: fixture.time.wall))
            #expect(try await fixture.store.blobs.get(blob) == Zip.with("v1"))
        }
    }

    @Test func aLinkIsGoodForTenMinutes() async throws {
        try await FunctionsFixture.run { fixture in
            try await fixture.create()
            let (path, query) = try await Self.link(fixture)
            fixture.time.advance(by: .seconds(600))
            #expect(fixture.service.location.blob(path: path, query: query, now: fixture.time.wall) != nil)
            fixture.time.advance(by: .seconds(1))
            #expect(fixture.service.location.blob(path: path, query: query, now: fixture.time.wall) == nil)
        }
    }

    @Test func aLinkThatWasChangedIsNone() async throws {
        try await FunctionsFixture.run { fixture in
            try await fixture.create()
            let (path, query) = try await Self.link(fixture)
            func leads(_ path: some StringProtocol, _ query: some StringProtocol) -> Bool {
                fixture.service.location.blob(path: path, query: query, now: fixture.time.wall) != nil
            }
            #expect(leads(path, query))
            // Another package, a longer life, another signature, or none.
            let other = String(path.dropLast(64)) + String(repeating: "ab", count: 32)
            #expect(!leads(other, query))
            let expires = (fixture.time.wall + .seconds(600)).seconds
            #expect(query.hasPrefix("Expires=\(expires)&"))
            #expect(!leads(path, query.replacing("Expires=\(expires)", with: "Expires=\(expires + 1)")))
            #expect(!leads(path, String(query.dropLast()) + (query.last == "0" ? "1" : "0")))
            #expect(!leads(path, "\(query)0"))
            #expect(!leads(path, query.split(separator: "&")[0]))
            #expect(!leads(path, ""))
            #expect(!leads(path.dropLast(), query))
            #expect(!leads("/_apus/code/../\(path)", query))
            // Another server's links.
            #expect(
                FunctionsFixture(store: fixture.store, time: fixture.time).service.location.blob(
                    path: path, query: query, now: fixture.time.wall) == nil)
        }
    }
}

struct RecoveryTests {
    @Test func whatWasBegunBeforeACrashIsFinished() async throws {
        try await FunctionsFixture.run { fixture in
            // Accepted, and then the server went down.
            _ = try await fixture.service.call(Lambda.createFunction, FunctionsFixture.request())
            #expect(try await fixture.configuration().state == "Pending")
            let later = fixture.restarted()
            try await later.settle()
            #expect(try await later.configuration().state == "Active")
            #expect(later.sink.events.value == ["publish hello $LATEST"])
        }
    }

    @Test func everythingThatIsStoredIsHandedOut() async throws {
        try await FunctionsFixture.run { fixture in
            try await fixture.create("hello", publish: true)
            _ = try await fixture.publish(content: "v2")
            let elsewhere = Scope(account: AccountID("123456789012")!, region: Region("eu-west-1"))
            _ = try await fixture.service.call(Lambda.createFunction, FunctionsFixture.request("far"), in: elsewhere)
            let before = try await fixture.configuration()

            let later = fixture.restarted()
            try await later.settle()
            #expect(
                Set(later.sink.events.value) == [
                    "publish hello $LATEST", "publish hello 1", "publish hello 2", "publish far $LATEST",
                ])
            let far = try #require(later.sink.revisions.value.first { $0.function.name == "far" })
            #expect(far.function.scope == elsewhere)
            // Handing out changes nothing.
            #expect(try await later.configuration() == before)
            let (first, second) = (
                later.sink.revisions.value.first { $0.version == .published(1) },
                later.sink.revisions.value.first { $0.version == .published(2) }
            )
            #expect(first?.code != second?.code)
            #expect(first?.id != second?.id)
        }
    }

    @Test func aFunctionThatWasDeletedMeanwhileIsNotCallable() async throws {
        try await FunctionsFixture.run { fixture in
            for number in 0..<20 {
                // Deletions and activations cross; what is deleted has to end as removed.
                let name = "f\(number)"
                _ = try await fixture.service.call(Lambda.createFunction, FunctionsFixture.request(name))
                async let settled: Void = fixture.settle()
                async let deleted: Void = fixture.delete(name)
                _ = try await (settled, deleted)
                let last = fixture.sink.events.value.last { $0.contains(" \(name) ") }
                #expect(last == "remove \(name) all")
            }
        }
    }

    @Test func packagesThatFunctionsAndVersionsNameAreKept() async throws {
        try await FunctionsFixture.run { fixture in
            try await fixture.create(publish: true)
            try await fixture.updateCode("v2")
            try await fixture.create("other") { $0.code = Lambda.FunctionCode(zipFile: try Zip.with("v3")) }
            let named = try await fixture.service.namedBlobs()
            #expect(try await Set(fixture.store.blobs.all()) == named)
            #expect(named.count == 3)
            try await fixture.delete()
            #expect(try await fixture.service.namedBlobs().count == 1)
        }
    }
}
