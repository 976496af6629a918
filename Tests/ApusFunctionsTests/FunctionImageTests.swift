import ApusFunctions
import ApusModel
import ApusServiceKit
import ApusShapes
import ApusStore
import ApusTesting
import Testing

struct FunctionImageTests {
    @Test func theFunctionIsActiveWhenItsImageIsReady() async throws {
        try await Self.run { fixture, library in
            let reply = try await fixture.service.call(Lambda.createFunction, Self.request("r.example/app:1"))
            #expect(reply.state == "Pending")
            #expect(reply.codeSha256 == ScriptedLibrary.digest("r.example/app:1"))
            #expect(reply.codeSize == 0)
            try await library.prepared.wait(for: "the image") { $0 == ["r.example/app:1"] }
            #expect(fixture.sink.events.value == ["suspend hello $LATEST Pending"])
            library.finish("r.example/app:1")
            try await fixture.sink.events.wait(for: "the function") { $0.last == "publish hello $LATEST" }
            let configuration = try await fixture.configuration()
            #expect(configuration.state == "Active")
            #expect(configuration.lastUpdateStatus == "Successful")
            let image = try #require(fixture.sink.revisions.value.last?.image)
            #expect(image.manifest == ScriptedLibrary.digest("r.example/app:1"))
            #expect(image.overrides == ImageOverrides(command: ["x"]))
        }
    }

    @Test(arguments: [
        (ImageFailure.Code.denied, "ImageAccessDenied"), (.notFound, "ImageDeleted"), (.badReference, "ImageDeleted"),
        (.invalid, "InvalidImage"), (.unsupported, "InvalidImage"), (.unavailable, "InternalError"),
    ])
    func aFunctionWhoseImageCannotBeHadHasFailed(_ code: ImageFailure.Code, _ reason: String) async throws {
        try await Self.run { fixture, library in
            library.finish("r.example/app:1", with: ImageFailure(code, "detail"))
            _ = try await fixture.service.call(Lambda.createFunction, Self.request("r.example/app:1"))
            try await fixture.sink.events.wait(for: "the failure") { $0.last == "suspend hello $LATEST Failed" }
            let configuration = try await fixture.configuration()
            #expect(configuration.state == "Failed")
            #expect(configuration.stateReasonCode == reason)
            let fault = await #expect(throws: Fault.self) { try await fixture.update { $0.timeout = 5 } }
            #expect(fault?.status == 409)
            #expect(fault?.message.hasSuffix("currently in the following state: Failed") == true)
        }
    }

    @Test(arguments: [
        (
            ImageFailure.Code.notFound, "InvalidParameterValueException",
            "Source image r.example/app:1 does not exist. Provide a valid source image."
        ),
        (
            .badReference, "InvalidParameterValueException",
            "Source image r.example/app:1 is not valid. Provide a valid source image."
        ),
        (
            .unsupported, "InvalidParameterValueException",
            "The image manifest, config or layer media type for the source image r.example/app:1 is not supported."
        ),
        (
            .denied, "AccessDeniedException",
            "Lambda does not have permission to access the ECR image. Check the ECR permissions."
        ),
    ])
    func anImageThatIsNotFoundRefusesTheRequest(
        _ code: ImageFailure.Code, _ type: String, _ message: String
    ) async throws {
        try await Self.run { fixture, library in
            library.refusal.change { $0 = ImageFailure(code, "detail") }
            let fault = await #expect(throws: Fault.self) {
                try await fixture.service.call(Lambda.createFunction, Self.request("r.example/app:1"))
            }
            #expect(fault?.code == type)
            #expect(fault?.message == message)
        }
    }

    @Test func theOldImageServesUntilTheNewOneIsReady() async throws {
        try await Self.runActive { fixture, library in
            try await Self.update(fixture, "r.example/app:2")
            try await library.prepared.wait(for: "the image") { $0.last == "r.example/app:2" }
            // A server that starts now hands out what is ready.
            let other = FunctionsFixture(store: fixture.store, time: fixture.time, images: library)
            try await other.service.reconciler.recover()
            #expect(
                other.sink.revisions.value.map { $0.image?.manifest } == [ScriptedLibrary.digest("r.example/app:1")])
            library.finish("r.example/app:2")
            try await fixture.sink.revisions.wait(for: "the new one") {
                $0.last?.image?.manifest == ScriptedLibrary.digest("r.example/app:2")
            }
            #expect(try await fixture.configuration().lastUpdateStatus == "Successful")
        }
    }

    @Test func theOldImageServesWhenTheNewOneCannotBeHad() async throws {
        try await Self.runActive { fixture, library in
            library.finish("r.example/app:2", with: ImageFailure(.invalid, "detail"))
            try await Self.update(fixture, "r.example/app:2")
            let configuration = try await Self.settled(fixture)
            #expect(configuration.state == "Active")
            #expect(configuration.lastUpdateStatus == "Failed")
            #expect(configuration.lastUpdateStatusReasonCode == "InvalidImage")
            // It has never been replaced, and so its environments stay.
            #expect(fixture.sink.revisions.value.count == 1)
            let named = Set(try await fixture.service.namedBlobs().map(\.hex))
            #expect(named == Set(["1", "2"].flatMap { ScriptedLibrary.blobs("r.example/app:\($0)") }))
            library.finish("r.example/app:3")
            try await Self.update(fixture, "r.example/app:3")
            try await fixture.sink.revisions.wait(for: "the new one") {
                $0.last?.image?.manifest == ScriptedLibrary.digest("r.example/app:3")
            }
            _ = try await Self.settled(fixture)
            let left = Set(try await fixture.service.namedBlobs().map(\.hex))
            #expect(left == Set(ScriptedLibrary.blobs("r.example/app:3")))
        }
    }

    @Test func aChangeOfSettingsDoesNotAskForTheImageAgain() async throws {
        try await Self.runActive { fixture, library in
            _ = try await fixture.update { $0.imageConfig = Lambda.ImageConfig(workingDirectory: "/w") }
            try await fixture.sink.revisions.wait(for: "the change") {
                $0.last?.image?.overrides == ImageOverrides(workingDirectory: "/w")
            }
            #expect(library.prepared.value == ["r.example/app:1"])
        }
    }

    @Test func aVersionWaitsForItsImageAndIsToldOfAsTheFunctionIs() async throws {
        try await Self.runActive { fixture, library in
            let version = try await fixture.publish()
            #expect(version.state == "Pending")
            try await fixture.sink.events.wait(for: "the version") { $0.last == "publish hello 1" }
            try await Self.update(fixture, "r.example/app:2")
            let code = try await fixture.service.call(
                Lambda.getFunction, Lambda.GetFunctionRequest(functionName: "hello", qualifier: "1")
            ).code
            #expect(code?.repositoryType == "ECR")
            #expect(code?.location == nil)
            #expect(code?.imageUri == "r.example/app:1")
            #expect(code?.resolvedImageUri == "r.example/app@sha256:\(ScriptedLibrary.digest("r.example/app:1"))")
            library.finish("r.example/app:2")
        }
    }

    @Test func whatWasPendingGoesOnAtTheNextStart() async throws {
        try await TemporaryStore.run { store, time in
            let library = ScriptedLibrary()
            let first = FunctionsFixture(store: store, time: time, images: library)
            _ = try await first.service.call(Lambda.createFunction, Self.request("r.example/app:1"))
            let second = FunctionsFixture(store: store, time: time, images: library)
            try await second.service.reconciler.recover()
            #expect(second.sink.events.value == ["suspend hello $LATEST Pending"])
            try await second.reconciling {
                library.finish("r.example/app:1")
                try await second.sink.events.wait(for: "the function") { $0.last == "publish hello $LATEST" }
            }
        }
    }

    // MARK: Fixture

    private static func request(_ uri: String) -> Lambda.CreateFunctionRequest {
        Lambda.CreateFunctionRequest(
            functionName: "hello", role: "arn:aws:iam::000000000000:role/r", code: Lambda.FunctionCode(imageUri: uri),
            packageType: "Image", imageConfig: Lambda.ImageConfig(command: ["x"]))
    }

    private static func update(_ fixture: FunctionsFixture, _ uri: String) async throws {
        _ = try await fixture.service.call(
            Lambda.updateFunctionCode, Lambda.UpdateFunctionCodeRequest(functionName: "hello", imageUri: uri))
    }

    /// What the function is when no change is on its way.
    private static func settled(_ fixture: FunctionsFixture) async throws -> Lambda.FunctionConfiguration {
        for _ in 0..<10_000 {
            let configuration = try await fixture.configuration()
            if configuration.lastUpdateStatus != "InProgress" { return configuration }
            try await Task.sleep(for: .milliseconds(1))
        }
        throw DeadlineMissed(what: "the end of the update", found: "InProgress")
    }

    private static func run(_ body: (FunctionsFixture, ScriptedLibrary) async throws -> Void) async throws {
        try await TemporaryStore.run { store, time in
            let library = ScriptedLibrary()
            let fixture = FunctionsFixture(store: store, time: time, images: library)
            try await fixture.reconciling { try await body(fixture, library) }
        }
    }

    /// Lends a function whose image `r.example/app:1` is ready.
    private static func runActive(_ body: (FunctionsFixture, ScriptedLibrary) async throws -> Void) async throws {
        try await run { fixture, library in
            library.finish("r.example/app:1")
            _ = try await fixture.service.call(Lambda.createFunction, request("r.example/app:1"))
            try await fixture.sink.events.wait(for: "the function") { $0.last == "publish hello $LATEST" }
            try await body(fixture, library)
        }
    }
}

/// Finds every image, and has it ready when the test says so.
private final class ScriptedLibrary: ImageLibrary {
    /// What was asked for, in order.
    let prepared = Watched<[String]>([])

    /// Why nothing is found.
    let refusal = Watched<ImageFailure?>(nil)
    private let outcomes = Watched<[String: ImageFailure?]>([:])

    func finish(_ uri: String, with failure: ImageFailure? = nil) { outcomes.change { $0[uri] = .some(failure) } }

    func resolve(_ uri: String) async throws(ImageFailure) -> ResolvedImage {
        if let refusal = refusal.value { throw refusal }
        let digest = Self.digest(uri)
        return ResolvedImage(
            uri: uri, resolvedURI: "\(uri.prefix { $0 != ":" })@sha256:\(digest)", digest: digest, manifest: digest,
            parts: Array(Self.blobs(uri).dropFirst()))
    }

    func prepare(_ image: ResolvedImage) async throws(ImageFailure) {
        prepared.change { $0.append(image.uri) }
        let known = try? await outcomes.wait(for: "what becomes of \(image.uri)") { $0[image.uri] != nil }
        guard let outcome = known?[image.uri] else { throw ImageFailure(.unavailable, "the test has ended") }
        if let failure = outcome { throw failure }
    }

    /// Some 64 digits for a text.
    static func digest(_ text: String) -> String {
        let sum = text.utf8.reduce(UInt64(7)) { $0 &* 31 &+ UInt64($1) }
        let digits = String(sum, radix: 16)
        return String(repeating: "0", count: 64 - digits.utf8.count) + digits
    }

    static func blobs(_ uri: String) -> [String] {
        [digest(uri), digest("config of \(uri)"), digest("layer of \(uri)")]
    }
}
