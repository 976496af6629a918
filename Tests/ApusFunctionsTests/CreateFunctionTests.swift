import ApusFunctions
import ApusModel
import ApusServiceKit
import ApusShapes
import ApusTesting
import ApusWire
import Testing

struct CreateFunctionTests {
    @Test func aNewFunctionIsPendingWithEveryDefault() async throws {
        try await FunctionsFixture.run { fixture in
            let zip = try Zip.with("v1")
            let reply = try await fixture.service.call(Lambda.createFunction, FunctionsFixture.request())
            var expected = Lambda.FunctionConfiguration(
                functionName: "hello", functionArn: "arn:aws:lambda:us-east-1:000000000000:function:hello",
                runtime: "python3.12", role: "arn:aws:iam::000000000000:role/r", handler: "app.handler")
            expected.codeSize = zip.count
            expected.description = ""
            expected.timeout = 3
            expected.memorySize = 128
            expected.lastModified = "2026-11-24T08:00:00.000+0000"
            expected.version = "$LATEST"
            expected.tracingConfig = Lambda.TracingConfigResponse(mode: "PassThrough")
            expected.state = "Pending"
            expected.stateReason = "The function is being created."
            expected.stateReasonCode = "Creating"
            expected.packageType = "Zip"
            expected.ephemeralStorage = Lambda.EphemeralStorage(size: 512)
            expected.snapStart = Lambda.SnapStartResponse(applyOn: "None", optimizationStatus: "Off")
            expected.loggingConfig = Lambda.LoggingConfig(logFormat: "Text", logGroup: "/aws/lambda/hello")
            // The host's own, random, and a hash.
            expected.architectures = reply.architectures
            expected.revisionId = reply.revisionId
            expected.codeSha256 = reply.codeSha256
            #expect(reply == expected)
            #expect(["x86_64", "arm64"].contains(reply.architectures?.first))
            #expect(Base64.decode(reply.codeSha256 ?? "")?.count == 32)
            #expect(fixture.sink.events.value == ["suspend hello $LATEST Pending"])
        }
    }

    @Test(arguments: ["dotnetcore1.0", "dotnetcore3.1", "dotnet6"])
    func runtimesThatOnlyAWSHasRetiredAreAccepted(_ runtime: String) async throws {
        try await FunctionsFixture.run { fixture in
            var request = try FunctionsFixture.request()
            request.runtime = runtime
            #expect(try await fixture.service.call(Lambda.createFunction, request).runtime == runtime)
        }
    }

    @Test func itBecomesActiveWithAnotherRevision() async throws {
        try await FunctionsFixture.run { fixture in
            let created = try await fixture.create()
            let active = try await fixture.configuration()
            #expect(active.state == "Active")
            #expect(active.lastUpdateStatus == "Successful")
            #expect(active.stateReason == nil)
            #expect(active.revisionId != created.revisionId)
            #expect(fixture.sink.events.value == ["suspend hello $LATEST Pending", "publish hello $LATEST"])
        }
    }

    @Test func theReconcilerMakesItActiveInTheBackground() async throws {
        try await FunctionsFixture.run { fixture in
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { [service = fixture.service] in try await service.reconciler.run() }
                _ = try await fixture.service.call(Lambda.createFunction, FunctionsFixture.request())
                try await fixture.sink.events.wait(for: "the revision") { $0.last == "publish hello $LATEST" }
                #expect(try await fixture.configuration().state == "Active")
                group.cancelAll()
            }
        }
    }

    @Test func theEngineIsGivenWhatTheFunctionIs() async throws {
        try await FunctionsFixture.run { fixture in
            try await fixture.create { request in
                request.timeout = 7
                request.memorySize = 1769
                request.ephemeralStorage = Lambda.EphemeralStorage(size: 1024)
                request.environment = Lambda.Environment(variables: ["B": "2", "A": "1"])
                request.loggingConfig = Lambda.LoggingConfig(logFormat: "JSON", logGroup: "/own")
            }
            let revision = try #require(fixture.sink.revisions.value.first)
            #expect(revision.function == FunctionKey(scope: .test, name: "hello"))
            #expect(revision.version == .latest)
            #expect(revision.runtime == "python3.12")
            #expect(revision.handler == "app.handler")
            #expect(revision.timeout == .seconds(7))
            #expect(revision.memory.megabytes == 1769)
            #expect(revision.temporarySpace.megabytes == 1024)
            #expect(revision.variables.map { "\($0.name)=\($0.value)" } == ["B=2", "A=1"])
            #expect(
                revision.logging
                    == LoggingSettings(format: .json, group: "/own", applicationLevel: "INFO", systemLevel: "INFO"))
            #expect(revision.code.sha256.utf8.count == 64)
        }
    }

    @Test func aFunctionMayBePublishedAsItIsCreated() async throws {
        try await FunctionsFixture.run { fixture in
            let reply = try await fixture.create(publish: true)
            #expect(reply.version == "1")
            // AWS names the function here.
            #expect(reply.functionArn == FunctionsFixture.arn())
            #expect(try await fixture.configuration("hello", "1").state == "Active")
            #expect(fixture.sink.events.value.contains("publish hello 1"))
        }
    }

    @Test func aNameIsTakenOnce() async throws {
        try await FunctionsFixture.run { fixture in
            try await fixture.create()
            let fault = try await fault { try await fixture.create() }
            #expect(fault == Fault("ResourceConflictException", status: 409, "Function already exist: hello"))
            // Another region is another namespace.
            let elsewhere = Scope(account: .standard, region: Region("eu-west-1"))
            _ = try await fixture.service.call(Lambda.createFunction, FunctionsFixture.request(), in: elsewhere)
        }
    }

    @Test func ofManyCreationsAtOnceOneSucceeds() async throws {
        try await FunctionsFixture.run { fixture in
            let request = try FunctionsFixture.request()
            let codes = await withTaskGroup(of: String.self) { group in
                for _ in 0..<8 {
                    group.addTask { [service = fixture.service] in
                        do {
                            _ = try await service.call(Lambda.createFunction, request)
                            return "created"
                        } catch {
                            return (error as? Fault)?.code ?? "\(error)"
                        }
                    }
                }
                return await group.reduce(into: []) { $0.append($1) }
            }
            #expect(codes.sorted() == [String](repeating: "ResourceConflictException", count: 7) + ["created"])
        }
    }

    // MARK: Refusals

    struct Refusal: Sendable, CustomTestStringConvertible {
        var testDescription: String
        var change: @Sendable (inout Lambda.CreateFunctionRequest) throws -> Void
        var message: String
        var code = "InvalidParameterValueException"
        var status = 400
    }

    private static let deprecated =
        "is no longer supported for creating or updating AWS Lambda functions. We recommend you use a supported runtime while creating or updating functions."

    private static let image = Lambda.CreateFunctionRequest(
        functionName: "hello", role: "arn:aws:iam::000000000000:role/r",
        code: Lambda.FunctionCode(imageUri: "r.example/app:1"), packageType: "Image")

    static let refusals: [Refusal] = [
        Refusal(
            testDescription: "no runtime", change: { $0.runtime = nil },
            message: "Runtime and Handler are mandatory parameters for functions created with deployment packages."),
        Refusal(
            testDescription: "no handler", change: { $0.handler = nil },
            message: "Runtime and Handler are mandatory parameters for functions created with deployment packages."),
        Refusal(
            testDescription: "deprecated runtime", change: { $0.runtime = "python3.7" },
            message: "The runtime parameter of python3.7 \(deprecated)"),
        Refusal(
            testDescription: "provided", change: { $0.runtime = "provided" },
            message: "The runtime parameter of provided \(deprecated)"),
        Refusal(
            testDescription: "runtime in capitals", change: { $0.runtime = "Python3.12" },
            message:
                "Value Python3.12 at 'runtime' failed to satisfy constraint: Member must satisfy enum value set: [nodejs20.x, nodejs22.x, nodejs24.x, python3.10, python3.11, python3.12, python3.13, python3.14, java8.al2, java11, java17, java21, java25, dotnet8, dotnet10, ruby3.2, ruby3.3, ruby3.4, ruby4.0, provided.al2, provided.al2023] or be a valid ARN"
        ),
        Refusal(
            testDescription: "runtime that is not installed", change: { $0.runtime = "java21" },
            message: "The runtime java21 is not available on this host: no java found on PATH"),
        Refusal(
            testDescription: "no code", change: { $0.code = nil },
            message: "Please provide a source for function code."),
        Refusal(
            testDescription: "empty code", change: { $0.code = Lambda.FunctionCode(zipFile: []) },
            message: "Please provide a source for function code."),
        Refusal(
            testDescription: "not a zip", change: { $0.code = Lambda.FunctionCode(zipFile: Array("hello".utf8)) },
            message: "Could not unzip uploaded file. Please check your file, then try to upload again."),
        Refusal(
            testDescription: "S3", change: { $0.code = Lambda.FunctionCode(s3Bucket: "b", s3Key: "k") },
            message: "The parameter S3Bucket is not available in this version of Apus."),
        Refusal(
            testDescription: "51 tags",
            change: { request in
                request.tags = WireMap((0..<51).map { (key: "k\($0)", value: "v") })
            }, message: "Number of tags exceeds resource tag limit."),
        Refusal(
            testDescription: "layers", change: { $0.layers = ["arn:aws:lambda:us-east-1:000000000000:layer:l:1"] },
            message: "Layer version arn:aws:lambda:us-east-1:000000000000:layer:l:1 does not exist."),
        Refusal(
            testDescription: "VPC", change: { $0.vpcConfig = Lambda.VpcConfig(subnetIds: ["subnet-1"]) },
            message: "The parameter VpcConfig is not available in this version of Apus."),
        Refusal(
            testDescription: "image with a runtime", change: { $0.packageType = "Image" },
            message: "Please don't provide Handler or Runtime or Layer when the intended function PackageType is Image."
        ),
        Refusal(
            testDescription: "image where none can run", change: { $0 = Self.image },
            message: "The parameter PackageType=Image is not available in this version of Apus."),
        Refusal(
            testDescription: "image without a URI",
            change: {
                $0 = Self.image
                $0.code = Lambda.FunctionCode()
            }, message: "Please provide ImageUri when creating a function with packageType Image."),
        Refusal(
            testDescription: "image settings for a package",
            change: { $0.imageConfig = Lambda.ImageConfig(command: ["x"]) },
            message: "Please don't provide ImageConfig when the intended function PackageType is Zip."),
        Refusal(
            testDescription: "settings of an image that are too large",
            change: {
                $0 = Self.image
                $0.imageConfig = Lambda.ImageConfig(command: [String(repeating: "x", count: 16_385)])
            }, message: "ImageConfig must be smaller than 16384 bytes"),
        Refusal(
            testDescription: "two architectures", change: { $0.architectures = ["x86_64", "arm64"] },
            message: "This host runs functions for \(hostArchitecture) only."),
        Refusal(
            testDescription: "reserved variables",
            change: {
                $0.environment = Lambda.Environment(variables: ["AWS_REGION": "x", "OK": "1", "_HANDLER": "y"])
            },
            message:
                "Lambda was unable to configure your environment variables because the environment variables you have provided contains reserved keys that are currently not supported for modification. Reserved keys used in this request: AWS_REGION, _HANDLER"
        ),
        Refusal(
            testDescription: "timeout above 900 s", change: { $0.timeout = 901 },
            message:
                "1 validation error detected: Value '901' at 'timeout' failed to satisfy constraint: Member must have value less than or equal to 900",
            code: "ValidationException"),
        Refusal(
            testDescription: "memory above 10,240 MB", change: { $0.memorySize = 10_241 },
            message:
                "1 validation error detected: Value '10241' at 'memorySize' failed to satisfy constraint: Member must have value less than or equal to 10240",
            code: "ValidationException"),
        Refusal(
            testDescription: "qualified name",
            change: { $0.functionName = "arn:aws:lambda:eu-west-1:000000000000:function:f" },
            message: "Functions from 'eu-west-1' are not reachable in this region ('us-east-1')",
            code: "ResourceNotFoundException", status: 404),
    ]

    #if arch(arm64)
    private static let hostArchitecture = "arm64"
    #else
    private static let hostArchitecture = "x86_64"
    #endif

    @Test(arguments: refusals)
    func whatCannotBeIsRefusedInAWSsWords(_ refusal: Refusal) async throws {
        try await FunctionsFixture.run { fixture in
            let fault = try await fault {
                try await fixture.create(refusal.testDescription.filter(\.isLetter), refusal.change)
            }
            #expect(fault == Fault(refusal.code, status: refusal.status, refusal.message))
            // A refused creation leaves nothing behind.
            let listed = try await fixture.service.call(Lambda.listFunctions, Lambda.ListFunctionsRequest())
            #expect(listed.functions == [])
            #expect(fixture.sink.events.value == [])
        }
    }

    @Test func emptyWishesForWhatDoesNotExistAreGranted() async throws {
        try await FunctionsFixture.run { fixture in
            try await fixture.create { request in
                request.layers = []
                request.vpcConfig = Lambda.VpcConfig(subnetIds: [], securityGroupIds: [])
                request.deadLetterConfig = Lambda.DeadLetterConfig(targetArn: "")
                request.snapStart = Lambda.SnapStart(applyOn: "None")
                request.kmsKeyArn = ""
            }
        }
    }

    @Test func variablesMayMeasureFourKilobytesAsJSON() async throws {
        try await FunctionsFixture.run { fixture in
            // {"A":"…"}
            let longest = String(repeating: "x", count: 4096 - 8)
            try await fixture.create { $0.environment = Lambda.Environment(variables: ["A": longest]) }
            let fault = try await fault {
                try await fixture.create("other") {
                    $0.environment = Lambda.Environment(variables: ["A": longest + "x"])
                }
            }
            #expect(
                fault?.message
                    == "Lambda was unable to configure your environment variables because the environment variables you have provided exceeded the 4KB limit. String measured: {\"A\":\"\(longest)x\"}"
            )
        }
    }

    @Test func aPackageMayHave50MBZipped() async throws {
        try await FunctionsFixture.run { fixture in
            let fault = try await fault {
                try await fixture.create { request in
                    request.code = Lambda.FunctionCode(zipFile: [UInt8](repeating: 0, count: 52_428_801))
                }
            }
            #expect(fault?.code == "RequestEntityTooLargeException")
            #expect(fault?.status == 413)
            #expect(fault?.message == "Zipped size must be smaller than 52428800 bytes")
        }
    }
}
