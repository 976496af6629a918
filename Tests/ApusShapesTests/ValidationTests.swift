import ApusModel
import ApusShapes
import ApusWire
import Testing

private func violation(_ operation: String, _ value: ShapeValue, in model: ServiceModel = Lambda.model) -> Fault? {
    model.validate(value, model.operation(operation)!.input!)
}

private func string(_ text: String) -> ShapeValue { .string(text) }

private let functionNamePattern =
    #"(arn:(aws[a-zA-Z-]*)?:lambda:)?((eusc-)?[a-z]{2}((-gov)|(-iso([a-z]?)))?-[a-z]+-\d{1}:)?(\d{12}:)?(function:)?"#
    + #"([a-zA-Z0-9-_]+)(:(\$LATEST|[a-zA-Z0-9-_]+))?"#

/// Texts marked *recorded* are AWS's own answers, from public snapshots.
struct ValidationTests {
    struct Case: Sendable, CustomTestStringConvertible {
        let operation: String
        let members: [String: ShapeValue]
        let message: String

        init(_ operation: String, _ members: [String: ShapeValue], _ message: String) {
            self.operation = operation
            self.members = members
            self.message = message
        }

        var testDescription: String { "\(operation) \(message.prefix(80))" }
    }

    private static let one = "1 validation error detected: "

    static let cases: [Case] = [
        // Recorded.
        Case(
            "CreateAlias",
            ["FunctionName": .string("f"), "Name": .string("2024"), "FunctionVersion": .string("1")],
            one
                + "Value '2024' at 'name' failed to satisfy constraint: Member must satisfy regular expression pattern: "
                + "(?!^[0-9]+$)([a-zA-Z0-9-_]+)"),
        Case(
            "CreateFunctionUrlConfig",
            ["FunctionName": .string("f"), "AuthType": .string("NONE"), "Qualifier": .string("1")],
            one + "Value '1' at 'qualifier' failed to satisfy constraint: "
                + #"Member must satisfy regular expression pattern: ((?!^\d+$)^[0-9a-zA-Z-_]+$)"#),
        Case(
            "CreateFunctionUrlConfig",
            ["FunctionName": .string("f"), "AuthType": .string("NONE"), "InvokeMode": .string("UNKNOWN")],
            one + "Value 'UNKNOWN' at 'invokeMode' failed to satisfy constraint: "
                + "Member must satisfy enum value set: [RESPONSE_STREAM, BUFFERED]"),
        Case(
            "CreateEventSourceMapping",
            ["FunctionName": .string("f"), "StartingPosition": .string("invalid")],
            one + "Value 'invalid' at 'startingPosition' failed to satisfy constraint: "
                + "Member must satisfy enum value set: [LATEST, AT_TIMESTAMP, TRIM_HORIZON]"),
        Case(
            "PutFunctionRecursionConfig",
            ["FunctionName": .string("f"), "RecursiveLoop": .string("InvalidValue")],
            one + "Value 'InvalidValue' at 'recursiveLoop' failed to satisfy constraint: "
                + "Member must satisfy enum value set: [Terminate, Allow]"),
        Case(
            "PutProvisionedConcurrencyConfig",
            ["FunctionName": .string("f"), "Qualifier": .string("a"), "ProvisionedConcurrentExecutions": .integer(0)],
            one + "Value '0' at 'provisionedConcurrentExecutions' failed to satisfy constraint: "
                + "Member must have value greater than or equal to 1"),
        Case(
            "UntagResource",
            ["Resource": .string("arn:aws:lambda:us-east-1:111111111111:function:f")],
            one + "Value null at 'tagKeys' failed to satisfy constraint: Member must not be null"),
        Case(
            "UpdateFunctionCode",
            [
                "FunctionName": .string("f"),
                "Architectures": .list([.string("x86_64"), .string("arm64")]),
            ],
            one + "Value '[x86_64, arm64]' at 'architectures' failed to satisfy constraint: "
                + "Member must have length less than or equal to 1"),
        Case(
            "UpdateFunctionCode",
            ["FunctionName": .string("f"), "Architectures": .list([.string("X86_64")])],
            one + "Value '[X86_64]' at 'architectures' failed to satisfy constraint: Member must satisfy constraint: "
                + "[Member must satisfy enum value set: [x86_64, arm64], Member must not be null]"),
        Case(
            "UpdateFunctionConfiguration",
            ["FunctionName": .string("f"), "SnapStart": .structure(["ApplyOn": .string("invalidOption")])],
            one + "Value 'invalidOption' at 'snapStart.applyOn' failed to satisfy constraint: "
                + "Member must satisfy enum value set: [PublishedVersions, None]"),
        Case(
            "UpdateFunctionConfiguration",
            ["FunctionName": .string("f"), "Role": .string("r1")],
            one + "Value 'r1' at 'role' failed to satisfy constraint: Member must satisfy regular expression pattern: "
                + #"arn:(aws[a-zA-Z-]*)?:iam::\d{12}:role/?[a-zA-Z_0-9+=,.@\-_/]+"#),
        Case(
            "UpdateFunctionConfiguration",
            ["FunctionName": .string("f"), "VpcConfig": .structure(["SubnetIds": .list([.string("x")])])],
            one + "Value '[x]' at 'vpcConfig.subnetIds' failed to satisfy constraint: Member must satisfy constraint: "
                + "[Member must have length less than or equal to 1024, Member must have length greater than or equal to 0, "
                + "Member must satisfy regular expression pattern: subnet-[0-9a-z]*]"),
        Case(
            "UpdateAlias",
            [
                "FunctionName": .string("f"), "Name": .string("a"),
                "RoutingConfig": .structure(["AdditionalVersionWeights": .map([("2", .double(2))])]),
            ],
            one + "Value '{2=2.0}' at 'routingConfig.additionalVersionWeights' failed to satisfy constraint: "
                + "Map value must satisfy constraint: [Member must have value less than or equal to 1.0, "
                + "Member must have value greater than or equal to 0.0, Member must not be null]"),
        Case(
            "UpdateAlias",
            [
                "FunctionName": .string("f"), "Name": .string("a"),
                "RoutingConfig": .structure(["AdditionalVersionWeights": .map([("$LATEST", .double(0.5))])]),
            ],
            one + "Value '{$LATEST=0.5}' at 'routingConfig.additionalVersionWeights' failed to satisfy constraint: "
                + "Map keys must satisfy constraint: [Member must have length less than or equal to 1024, "
                + "Member must have length greater than or equal to 1, "
                + "Member must satisfy regular expression pattern: [0-9]+]"),
        Case(
            "UpdateFunctionConfiguration",
            ["FunctionName": .string("f"), "Environment": .structure(["Variables": .map([("1a", .string("x"))])])],
            one + "Value at 'environment.variables' failed to satisfy constraint: Map keys must satisfy constraint: "
                + "[Member must satisfy regular expression pattern: [a-zA-Z]([a-zA-Z0-9_])+]"),
        Case(
            "UpdateFunctionConfiguration",
            ["FunctionName": .string("f"), "KMSKeyArn": .string("\"x\"")],
            one + "Value '\"x\"' at 'kMSKeyArn' failed to satisfy constraint: "
                + "Member must satisfy regular expression pattern: (arn:(aws[a-zA-Z-]*)?:[a-z0-9-.]+:.*)|()"),
        Case(
            "AddLayerVersionPermission",
            [
                "LayerName": .string("l"), "VersionNumber": .integer(1), "StatementId": .string("s"),
                "Action": .string("*"), "Principal": .string("*"),
            ],
            one + "Value '*' at 'action' failed to satisfy constraint: "
                + "Member must satisfy regular expression pattern: lambda:GetLayerVersion"),
        // By the rules that the recorded ones show.
        Case(
            "CreateFunction", [:],
            "3 validation errors detected: "
                + "Value null at 'functionName' failed to satisfy constraint: Member must not be null; "
                + "Value null at 'role' failed to satisfy constraint: Member must not be null; "
                + "Value null at 'code' failed to satisfy constraint: Member must not be null"),
        Case(
            "ListFunctions", ["MaxItems": .integer(10_001)],
            one + "Value '10001' at 'maxItems' failed to satisfy constraint: "
                + "Member must have value less than or equal to 10000"),
        Case(
            "UpdateFunctionConfiguration",
            ["FunctionName": .string("f"), "MemorySize": .integer(1), "Timeout": .integer(0)],
            "2 validation errors detected: Value '0' at 'timeout' failed to satisfy constraint: "
                + "Member must have value greater than or equal to 1; Value '1' at 'memorySize' failed to satisfy constraint: "
                + "Member must have value greater than or equal to 128"),
        Case(
            "UpdateFunctionConfiguration",
            [
                "FunctionName": .string("f"),
                "FileSystemConfigs": .list([.structure(["LocalMountPath": .string("/x")])]),
            ],
            "2 validation errors detected: Value null at 'fileSystemConfigs.1.member.arn' failed to satisfy constraint: "
                + "Member must not be null; Value '/x' at 'fileSystemConfigs.1.member.localMountPath' "
                + "failed to satisfy constraint: Member must satisfy regular expression pattern: /mnt/[a-zA-Z0-9-_.]+"),
        Case(
            "GetFunction", ["FunctionName": .string("f"), "Qualifier": .string("invalid-qualifier-with-?-char")],
            one + "Value 'invalid-qualifier-with-?-char' at 'qualifier' failed to satisfy constraint: "
                + #"Member must satisfy regular expression pattern: \$(LATEST(\.PUBLISHED)?)|[a-zA-Z0-9-_$]+"#),
    ]

    @Test(arguments: ValidationTests.cases)
    func saysWhatAWSSays(_ test: Case) {
        #expect(
            violation(test.operation, .structure(test.members))
                == Fault("ValidationException", status: 400, test.message))
    }

    @Test(arguments: [
        "f", "my-function_1", "f:$LATEST", "f:1", "f:live", "function:f", "123456789012:function:f",
        "arn:aws:lambda:us-east-1:123456789012:function:f", "arn:aws:lambda:us-east-1:123456789012:function:f:live",
        "arn:aws-cn:lambda:cn-north-1:123456789012:function:f", String(repeating: "a", count: 140),
    ])
    func functionNamesMayBeNamesAndARNs(_ name: String) {
        #expect(violation("DeleteAlias", .structure(["FunctionName": .string(name), "Name": .string("a")])) == nil)
    }

    @Test(arguments: [
        "", "a b", "invalid:function:name", "arn:aws:lambda:us-east-1:12345:function:f", "f:", "é", "f\n",
    ])
    func otherFunctionNamesAreRefused(_ name: String) throws {
        let fault = try #require(
            violation("DeleteAlias", .structure(["FunctionName": .string(name), "Name": .string("a")])))
        #expect(
            fault.message.contains(
                "Value '\(name)' at 'functionName' failed to satisfy constraint: "
                    + "Member must satisfy regular expression pattern: \(functionNamePattern)"))
    }

    @Test func lengthsCountScalars() {
        func description(_ text: String) -> Fault? {
            violation(
                "UpdateFunctionConfiguration",
                .structure(["FunctionName": .string("f"), "Description": .string(text)]))
        }
        #expect(description(String(repeating: "😀", count: 256)) == nil)
        #expect(description(String(repeating: "e\u{301}", count: 128)) == nil)
        #expect(description(String(repeating: "e\u{301}", count: 129)) != nil)
        #expect(description(String(repeating: "😀", count: 257)) != nil)
    }

    /// Lambda checks runtimes itself, with another code and text.
    @Test func openEnumerationsAreLeftToTheService() {
        let request = Lambda.UpdateFunctionConfigurationRequest(functionName: "f", runtime: "PYTHON3.9")
        #expect(violation("UpdateFunctionConfiguration", request.shapeValue) == nil)
    }

    @Test func everyServiceHasItsCode() {
        #expect(violation("DeleteLogGroup", .structure([:]), in: Logs.model)?.code == "InvalidParameterException")
        #expect(violation("AssumeRole", .structure([:]), in: STS.model)?.code == "ValidationError")
        #expect(violation("DeleteAlias", .structure([:]))?.code == "ValidationException")
    }

    @Test func hugeValuesAreRefusedQuickly() {
        let name = String(repeating: "a", count: 5_000_000)
        let elapsed = ContinuousClock().measure {
            let fault = violation("DeleteAlias", .structure(["FunctionName": .string(name), "Name": .string("a")]))
            #expect(fault?.message.utf8.count ?? 0 < 100_000)
        }
        #expect(elapsed < .seconds(2))
    }
}
