import ApusFunctions
import ApusModel
import ApusServiceKit
import ApusShapes
import ApusStore
import ApusTesting
import ApusWire
import Testing

struct LayerTests {
    @Test func aRevisionHasThePackagesOfItsLayersInOrder() async throws {
        try await FunctionsFixture.run { fixture in
            let (first, second) = (try await fixture.publishLayer("a", "1"), try await fixture.publishLayer("b", "2"))
            try await fixture.create { $0.layers = [second.arn, first.arn] }
            #expect(fixture.sink.revisions.value.last?.layers.map(\.sha256) == [second.code, first.code])
            try await fixture.update { $0.layers = [] }
            try await fixture.settle()
            #expect(fixture.sink.revisions.value.last?.layers == [])
        }
    }

    @Test func aDeletedVersionIsKeptByWhatHasIt() async throws {
        try await FunctionsFixture.run { fixture in
            let layer = try await fixture.publishLayer("a", "1")
            let blob = try #require(BlobID(hex: layer.code))
            try await fixture.create(publish: true) { $0.layers = [layer.arn] }
            _ = try await fixture.service.call(Lambda.deleteLayerVersion, .init(layerName: "a", versionNumber: 1))
            #expect(try await fixture.service.namedBlobs().contains(blob))
            try await fixture.update { $0.layers = [] }
            // The published version still has it.
            #expect(try await fixture.service.namedBlobs().contains(blob))
            let later = fixture.restarted()
            try await later.settle()
            let version = later.sink.revisions.value.first { $0.version == .published(1) }
            #expect(version?.layers.map(\.sha256) == [layer.code])
            try await fixture.delete()
            #expect(try await !fixture.service.namedBlobs().contains(blob))
        }
    }

    @Test func aLayerThatNobodyHasIsKeptUntilItIsDeleted() async throws {
        try await FunctionsFixture.run { fixture in
            let blob = try #require(BlobID(hex: try await fixture.publishLayer("a", "1").code))
            #expect(try await fixture.service.namedBlobs() == [blob])
            _ = try await fixture.service.call(Lambda.deleteLayerVersion, .init(layerName: "a", versionNumber: 1))
            #expect(try await fixture.service.namedBlobs().isEmpty)
        }
    }

    @Test func manyAtOnceGetNumbersOfTheirOwn() async throws {
        try await FunctionsFixture.run { fixture in
            let numbers = try await withThrowingTaskGroup(of: String.self) { group in
                for number in 0..<8 { group.addTask { try await fixture.publishLayer("a", "\(number)").arn } }
                return try await group.reduce(into: Set<String>()) { $0.insert($1) }
            }
            #expect(numbers.count == 8)
        }
    }

    @Test func aFunctionAndALayerThatIsDeletedMeanwhileAgree() async throws {
        try await FunctionsFixture.run { fixture in
            for number in 1...20 {
                let layer = try await fixture.publishLayer("a", "\(number)")
                var request = try FunctionsFixture.request("f\(number)")
                request.layers = [layer.arn]
                async let refusal = fault { [request] in
                    _ = try await fixture.service.call(Lambda.createFunction, request)
                }
                async let deleted = fixture.service.call(
                    Lambda.deleteLayerVersion, .init(layerName: "a", versionNumber: number))
                let (fault, _) = try await (refusal, deleted)
                if let fault { #expect(fault.message == "Layer version \(layer.arn) does not exist.") }
                let isKept = try await fixture.service.namedBlobs().contains { $0.hex == layer.code }
                #expect(isKept == (fault == nil))
            }
        }
    }

    @Test(
        arguments: [
            ("*", nil, true), ("123456789012", nil, true), ("arn:aws:iam::123456789012:root", nil, true),
            ("111111111111", nil, false), ("arn:aws:iam::111111111111:root", nil, false), ("*", "o-1234567890", false),
            ("123456789012", "o-1234567890", false), (nil, nil, false),
        ] as [(String?, String?, Bool)])
    func anotherAccountNeedsPermission(_ principal: String?, _ organization: String?, _ isAllowed: Bool) async throws {
        try await FunctionsFixture.run { fixture in
            let layer = try await fixture.publishLayer("a", "1")
            if let principal { try await fixture.allow(principal, organization: organization) }
            let other = Scope(account: AccountID("123456789012")!, region: .standard)
            var request = try FunctionsFixture.request()
            request.layers = [layer.arn]
            let refusal = try await fault { [request] in
                _ = try await fixture.service.call(Lambda.createFunction, request, in: other)
            }
            #expect((refusal == nil) == isAllowed)
            let read = try await fault {
                _ = try await fixture.service.call(Lambda.getLayerVersionByArn, .init(arn: layer.arn), in: other)
            }
            #expect(read == refusal)
            guard let refusal else { return }
            #expect(refusal.code == "AccessDeniedException")
            #expect(
                refusal.message
                    == "User: arn:aws:iam::123456789012:root is not authorized to perform: lambda:GetLayerVersion on "
                    + "resource: \(layer.arn) because no resource-based policy allows the lambda:GetLayerVersion action"
            )
        }
    }

    @Test func aPolicyStaysBelowItsLimit() async throws {
        try await FunctionsFixture.run { fixture in
            _ = try await fixture.publishLayer("a", "1")
            var count = 0
            let refusal = try await fault {
                while count < 1000 {
                    try await fixture.allow("*", id: "s\(count)")
                    count += 1
                }
            }
            #expect(refusal?.code == "PolicyLengthExceededException")
            let read = try await fixture.service.call(
                Lambda.getLayerVersionPolicy, .init(layerName: "a", versionNumber: 1))
            #expect(20_200...20_480 ~= read.policy?.utf8.count ?? 0)
        }
    }

    @Test(arguments: [
        "", "layer", "arn:aws:lambda:::awslayer:Some", "arn:aws:lambda:us-east-1:000000000000:layer:a",
        "arn:aws:lambda:us-east-1:000000000000:function:a:1", "arn:aws:lambda:us-east-1:000000000000:layer:a:1:2",
        "arn:aws:lambda:us-east-1:000000000000:layer:a:99999999999999999999",
        "arn:aws:lambda:us-east-1:000000000000:layer:a:0", "arn:aws:lambda:us-east-1:000000000000:layer:a:-1",
        "arn:aws:lambda:us-east-1:000000000000:layer:a/000000000001:1",
    ])
    func whatNamesNoVersionDoesNotExist(_ text: String) async throws {
        try await FunctionsFixture.run { fixture in
            _ = try await fixture.publishLayer("a", "1")
            let refusal = try await fault { try await fixture.create { $0.layers = [text] } }
            #expect(refusal?.code == "InvalidParameterValueException")
            #expect(refusal?.message == "Layer version \(text) does not exist.")
        }
    }

    @Test func otherLayersMakeAnotherVersion() async throws {
        try await FunctionsFixture.run { fixture in
            let layer = try await fixture.publishLayer("a", "1")
            try await fixture.create { $0.layers = [layer.arn] }
            #expect(try await fixture.publish().version == "1")
            #expect(try await fixture.publish().version == "1")
            try await fixture.update { $0.layers = [] }
            try await fixture.settle()
            #expect(try await fixture.publish().version == "2")
        }
    }
}

extension FunctionsFixture {
    /// A version with one file; its ARN and the name of its blob.
    fileprivate func publishLayer(_ name: String, _ content: String) async throws -> (arn: String, code: String) {
        let zip = try Zip.with(content)
        let reply = try await service.call(
            Lambda.publishLayerVersion, .init(layerName: name, content: .init(zipFile: zip)))
        return (reply.layerVersionArn ?? "", try await store.blobs.put(zip).hex)
    }
    fileprivate func allow(_ principal: String, id: String = "s", organization: String? = nil) async throws {
        _ = try await service.call(
            Lambda.addLayerVersionPermission,
            .init(
                layerName: "a", versionNumber: 1, statementId: id, action: "lambda:GetLayerVersion",
                principal: principal, organizationId: organization))
    }
}
