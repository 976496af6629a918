import ApusFunctions
import ApusModel
import ApusServiceKit
import ApusShapes
import ApusTesting
import ApusWire
import Testing

struct VersionTests {
    @Test func aVersionIsACopyOfTheLatest() async throws {
        try await FunctionsFixture.run { fixture in
            try await fixture.create()
            let latest = try await fixture.configuration()
            let version = try await fixture.publish { $0.description = "first" }
            var expected = latest
            expected.version = "1"
            expected.functionArn = "arn:aws:lambda:us-east-1:000000000000:function:hello:1"
            expected.description = "first"
            expected.revisionId = version.revisionId
            #expect(version == expected)
            #expect(version.revisionId != latest.revisionId)
            // Publishing is a change of the function, too.
            #expect(try await fixture.configuration().revisionId != latest.revisionId)
            #expect(fixture.sink.events.value.last == "publish hello 1")
            #expect(fixture.sink.revisions.value.last?.version == .published(1))
            // It stays as it is, whatever becomes of the latest.
            try await fixture.update { $0.timeout = 99 }
            try await fixture.settle()
            #expect(try await fixture.configuration("hello", "1") == version)
            #expect(try await fixture.configuration("hello:1") == version)
        }
    }

    @Test func theSameIsPublishedOnce() async throws {
        try await FunctionsFixture.run { fixture in
            try await fixture.create()
            let first = try await fixture.publish()
            #expect(try await fixture.publish { $0.description = "again" } == first)
            try await fixture.update { $0.timeout = 99 }
            try await fixture.settle()
            #expect(try await fixture.publish().version == "2")
        }
    }

    @Test func theCodeThatIsPublishedMayBeNamed() async throws {
        try await FunctionsFixture.run { fixture in
            try await fixture.create()
            let current = try #require(await fixture.configuration().codeSha256)
            let fault = try await fault { try await fixture.publish { $0.codeSha256 = "other" } }
            #expect(
                fault
                    == .invalidParameter(
                        "CodeSHA256 (other) is different from current CodeSHA256 in $LATEST (\(current)). Please try again with the CodeSHA256 in $LATEST."
                    ))
            #expect(try await fixture.publish { $0.codeSha256 = current }.version == "1")
        }
    }

    @Test func numbersAreNotUsedTwice() async throws {
        try await FunctionsFixture.run { fixture in
            try await fixture.create()
            _ = try await fixture.publish(content: "v2")
            _ = try await fixture.publish(content: "v3")
            try await fixture.delete("hello", "2")
            #expect(fixture.sink.events.value.last == "remove hello 2")
            #expect(try await fixture.publish(content: "v4").version == "3")
            let fault = try await fault { _ = try await fixture.configuration("hello", "2") }
            #expect(
                fault
                    == Fault(
                        "ResourceNotFoundException", status: 404,
                        "Function not found: arn:aws:lambda:us-east-1:000000000000:function:hello:2"))
        }
    }

    @Test func theLatestGoesWithItsFunctionOnly() async throws {
        try await FunctionsFixture.run { fixture in
            try await fixture.create(publish: true)
            #expect(
                try await fault { try await fixture.delete("hello", "$LATEST") }
                    == .invalidParameter("$LATEST version cannot be deleted without deleting the function."))
            // A version that is not there has been deleted already; a function has not.
            try await fixture.delete("hello", "7")
            #expect(
                try await fault { try await fixture.delete("none", "7") }?.message
                    == "Function not found: arn:aws:lambda:us-east-1:000000000000:function:none")
            try await fixture.delete()
            #expect(fixture.sink.events.value.last == "remove hello all")
            #expect(try await fault { _ = try await fixture.configuration("hello", "1") }?.status == 404)
            // A function of the same name begins anew.
            try await fixture.create(publish: true)
            #expect(try await fixture.configuration("hello", "1").version == "1")
        }
    }

    @Test func versionsThatArePublishedDuringADeletionDoNotStay() async throws {
        try await FunctionsFixture.run { fixture in
            for _ in 0..<10 {
                try await fixture.create()
                async let published = fault { try await fixture.publish() }
                async let deleted: Void = fixture.delete()
                _ = try await (published, deleted)
                // Whichever came first, the number is free for the next function of that name.
                try await fixture.create()
                #expect(try await fixture.publish().version == "1")
                try await fixture.delete()
            }
        }
    }

    @Test func aQualifierThatIsNoVersionIsNotFound() async throws {
        try await FunctionsFixture.run { fixture in
            try await fixture.create()
            #expect(
                try await fault { _ = try await fixture.configuration("hello", "live") }?.message
                    == "Function not found: arn:aws:lambda:us-east-1:000000000000:function:hello:live")
            let latest = try await fixture.configuration("hello", "$LATEST")
            #expect(latest.functionArn == "arn:aws:lambda:us-east-1:000000000000:function:hello:$LATEST")
            #expect(
                try await fixture.configuration().functionArn == "arn:aws:lambda:us-east-1:000000000000:function:hello")
        }
    }

    @Test(arguments: [1, 2, 3, 50, nil])
    func versionsAreListedInTheOrderOfTheirNumbers(_ size: Int?) async throws {
        try await FunctionsFixture.run { fixture in
            try await fixture.create()
            for number in 1...11 { _ = try await fixture.publish(content: "v\(number + 1)") }
            var (versions, marker, pages): ([String], String?, Int) = ([], nil, 0)
            repeat {
                let page = try await fixture.service.call(
                    Lambda.listVersionsByFunction, .init(functionName: "hello", marker: marker, maxItems: size))
                versions += page.versions?.compactMap(\.version) ?? []
                #expect((page.versions?.count ?? 0) <= size ?? 50)
                #expect(page.versions?.allSatisfy { $0.functionArn?.hasSuffix(":\($0.version ?? "")") == true } == true)
                #expect(page.versions?.allSatisfy { $0.state == nil && $0.lastUpdateStatus == nil } == true)
                marker = page.nextMarker
                pages += 1
            } while marker != nil && pages < 20
            #expect(versions == ["$LATEST"] + (1...11).map(String.init))
            #expect(pages == (12 + (size ?? 50) - 1) / (size ?? 50))
        }
    }
}
