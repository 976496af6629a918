import ApusFunctions
import ApusModel
import ApusServiceKit
import ApusShapes
import ApusTesting
import ApusWire
import Testing

struct ListFunctionsTests {
    private static func all(
        _ fixture: FunctionsFixture, size: Int?, version: String? = nil
    ) async throws -> (names: [String], pages: Int) {
        var (names, marker, pages): ([String], String?, Int) = ([], nil, 0)
        repeat {
            let page = try await fixture.service.call(
                Lambda.listFunctions, .init(functionVersion: version, marker: marker, maxItems: size))
            names += page.functions?.map { "\($0.functionName ?? "") \($0.version ?? "")" } ?? []
            #expect(page.functions?.allSatisfy { $0.state == nil } == true)
            marker = page.nextMarker
            pages += 1
        } while marker != nil && pages < 100
        return (names, pages)
    }

    @Test(arguments: [(1, 5), (2, 3), (5, 1), (nil, 1), (10_000, 1)])
    func pagesJoinToTheWholeList(_ size: Int?, pages: Int) async throws {
        try await FunctionsFixture.run { fixture in
            for name in ["b", "a-2", "a", "c", "a_1"] { try await fixture.create(name) }
            let found = try await Self.all(fixture, size: size)
            #expect(found.names == ["a", "a-2", "a_1", "b", "c"].map { "\($0) $LATEST" })
            #expect(found.pages == pages)
        }
    }

    @Test(arguments: [1, 2, 3, 4, 50])
    func versionsAreListedWithTheirFunctions(_ size: Int) async throws {
        try await FunctionsFixture.run { fixture in
            try await fixture.create("a")
            try await fixture.create("hello", publish: true)
            _ = try await fixture.publish(content: "v2")
            try await fixture.create("z", publish: true)
            #expect(
                try await Self.all(fixture, size: size, version: "ALL").names
                    == ["a $LATEST", "hello $LATEST", "hello 1", "hello 2", "z $LATEST", "z 1"])
            #expect(
                try await Self.all(fixture, size: size).names == ["a $LATEST", "hello $LATEST", "z $LATEST"])
        }
    }

    @Test func oneAnswerHasFiftyAtTheMost() async throws {
        try await FunctionsFixture.run { fixture in
            var request = try FunctionsFixture.request()
            for number in 0..<51 {
                request.functionName = "f\(number)"
                _ = try await fixture.service.call(Lambda.createFunction, request)
            }
            let page = try await fixture.service.call(Lambda.listFunctions, .init(maxItems: 10_000))
            #expect(page.functions?.count == 50)
            #expect(page.nextMarker != nil)
        }
    }

    @Test(arguments: ["x", "bm8gc2xhc2g=", "YS9i", "//8=", "YS9iL2M="])
    func aMarkerThatIsNotOursIsRefused(_ marker: String) async throws {
        try await FunctionsFixture.run { fixture in
            let fault = try await fault {
                _ = try await fixture.service.call(Lambda.listFunctions, .init(marker: marker))
            }
            #expect(fault == .invalidParameter("The provided marker is invalid."))
        }
    }
}

struct TagTests {
    private static let arn = "arn:aws:lambda:us-east-1:000000000000:function:hello"

    private static func tags(_ fixture: FunctionsFixture) async throws -> [String: String] {
        let reply = try await fixture.service.call(Lambda.listTags, .init(resource: arn))
        return Dictionary(uniqueKeysWithValues: reply.tags?.entries.map { ($0.key, $0.value) } ?? [])
    }

    @Test func tagsAreAddedChangedAndRemoved() async throws {
        try await FunctionsFixture.run { fixture in
            try await fixture.create { $0.tags = ["a": "1"] }
            let before = try await fixture.configuration().revisionId
            _ = try await fixture.service.call(
                Lambda.tagResource, .init(resource: Self.arn, tags: ["a": "2", "b": "3"]))
            #expect(try await Self.tags(fixture) == ["a": "2", "b": "3"])
            #expect(try await fixture.configuration().revisionId != before)
            _ = try await fixture.service.call(Lambda.untagResource, .init(resource: Self.arn, tagKeys: ["a", "none"]))
            #expect(try await Self.tags(fixture) == ["b": "3"])
            let function = try await fixture.service.call(Lambda.getFunction, .init(functionName: "hello"))
            #expect(function.tags == ["b": "3"])
        }
    }

    @Test func aFunctionHasFiftyTagsAtTheMost() async throws {
        try await FunctionsFixture.run { fixture in
            try await fixture.create { $0.tags = WireMap((0..<50).map { (key: "k\($0)", value: "v") }) }
            _ = try await fixture.service.call(Lambda.tagResource, .init(resource: Self.arn, tags: ["k0": "changed"]))
            let fault = try await fault {
                _ = try await fixture.service.call(Lambda.tagResource, .init(resource: Self.arn, tags: ["new": "v"]))
            }
            #expect(fault == .invalidParameter("Number of tags exceeds resource tag limit."))
            #expect(try await Self.tags(fixture).count == 50)
        }
    }

    @Test(arguments: [
        (
            "arn:aws:lambda:us-east-1:000000000000:function:hello:1", 400,
            "Tags on function aliases and versions are not supported. Please specify a function ARN."
        ),
        (
            "arn:aws:lambda:us-east-1:000000000000:layer:hello", 404,
            "Resource not found: arn:aws:lambda:us-east-1:000000000000:layer:hello"
        ),
        ("hello", 404, "Resource not found: hello"),
        (
            "arn:aws:lambda:us-east-1:000000000000:function:none", 404,
            "Function not found: arn:aws:lambda:us-east-1:000000000000:function:none"
        ),
    ])
    func tagsAreOfFunctionsOnly(_ resource: String, status: Int, message: String) async throws {
        try await FunctionsFixture.run { fixture in
            try await fixture.create(publish: true)
            let fault = try await fault {
                _ = try await fixture.service.call(Lambda.listTags, .init(resource: resource))
            }
            #expect(fault?.status == status)
            #expect(fault?.message == message)
        }
    }

    @Test func noTagsAreNoRequest() async throws {
        try await FunctionsFixture.run { fixture in
            try await fixture.create()
            #expect(
                try await fault {
                    _ = try await fixture.service.call(Lambda.tagResource, .init(resource: Self.arn, tags: [:]))
                }?.code == "InvalidParameterValueException")
        }
    }
}

struct AccountSettingsTests {
    @Test func limitsAndUseAreTold() async throws {
        try await FunctionsFixture.run { fixture in
            try await fixture.create(publish: true)
            try await fixture.create("other")
            let size = try Zip.with("v1").count
            let reply = try await fixture.service.call(Lambda.getAccountSettings, .init())
            #expect(reply.accountLimit?.concurrentExecutions == 1000)
            #expect(reply.accountLimit?.unreservedConcurrentExecutions == 1000)
            #expect(reply.accountLimit?.codeSizeUnzipped == 262_144_000)
            #expect(reply.accountLimit?.codeSizeZipped == 52_428_800)
            #expect(reply.accountUsage == Lambda.AccountUsage(totalCodeSize: 3 * size, functionCount: 2))
        }
    }
}
