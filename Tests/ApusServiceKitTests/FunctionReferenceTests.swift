import ApusModel
import ApusServiceKit
import Testing

struct FunctionReferenceTests {
    static let scope = Scope(account: AccountID("123456789012")!, region: Region("us-east-1"))

    @Test(
        arguments: [
            ("hello", nil, "hello", nil), ("hello", "live", "hello", "live"), ("hello:live", nil, "hello", "live"),
            ("hello:$LATEST", nil, "hello", "$LATEST"), ("hello:7", "7", "hello", "7"),
            ("function:hello", nil, "hello", nil), ("function:hello:7", nil, "hello", "7"),
            ("123456789012:function:hello", nil, "hello", nil), ("123456789012:function:hello:7", nil, "hello", "7"),
            ("arn:aws:lambda:us-east-1:123456789012:function:hello", nil, "hello", nil),
            ("arn:aws:lambda:us-east-1:123456789012:function:hello:live", nil, "hello", "live"),
            ("arn:aws:lambda:us-east-1:123456789012:function:hello", "7", "hello", "7"),
            ("arn:aws-us-gov:lambda:us-east-1:123456789012:function:hello", nil, "hello", nil),
            // A function may be named after a word of the ARN.
            ("function", nil, "function", nil), ("arn", nil, "arn", nil),
        ] as [(String, String?, String, String?)])
    func everyFormNamesTheFunction(_ text: String, _ given: String?, name: String, qualifier: String?) throws {
        let reference = try FunctionReference(text, qualifier: given, scope: Self.scope)
        #expect(reference.key == FunctionKey(scope: Self.scope, name: name))
        #expect(reference.qualifier == qualifier)
        let suffix = qualifier.map { ":\($0)" } ?? ""
        #expect(reference.arn == "arn:aws:lambda:us-east-1:123456789012:function:\(name)\(suffix)")
    }

    @Test(arguments: [
        "hello:", ":", ":live", "hello:live:more", "function:hello:live:more",
        "arn:aws:lambda:us-east-1:123456789012:function", "arn:aws:lambda:us-east-1:123456789012:function:",
        "arn:aws:lambda:us-east-1:123456789012:function:hello:", "arn:aws:lambda:us-east-1:123456789012:layer:hello",
        "arn:aws:lambda:us-east-1:123456789012:layer:hello:1", "arn:aws:sns:us-east-1:123456789012:function:hello",
        "arn:aws:lambda:us-east-1::function:hello", "arn:aws:lambda:us-east-1:nobody:function:hello", "arn:hello",
    ])
    func whatNamesNoFunctionIsRefused(_ text: String) throws {
        let fault = try #require(throws: Fault.self) {
            try FunctionReference(text, qualifier: nil, scope: Self.scope)
        }
        #expect(fault.code == "InvalidParameterValueException")
        #expect(fault.status == 400)
        #expect(
            fault.message.hasPrefix(
                "1 validation error detected: Value '\(text)' at 'functionName' failed to satisfy constraint: "))
    }

    @Test(
        arguments: [
            (
                "arn:aws:lambda:eu-west-1:123456789012:function:hello", nil, "ResourceNotFoundException", 404,
                "Functions from 'eu-west-1' are not reachable in this region ('us-east-1')"
            ),
            (
                "arn:aws:lambda:us-east-1:000000000000:function:hello", nil, "AccessDeniedException", 403,
                "User is not authorized to perform this operation on a resource of account 000000000000"
            ),
            (
                "000000000000:function:hello", nil, "AccessDeniedException", 403,
                "User is not authorized to perform this operation on a resource of account 000000000000"
            ),
            (
                "hello:1", "2", "InvalidParameterValueException", 400,
                "The derived qualifier from the function name does not match the specified qualifier."
            ),
            (
                "hello:$LATEST", "live", "InvalidParameterValueException", 400,
                "The derived qualifier from the function name does not match the specified qualifier."
            ),
            (
                String(repeating: "n", count: 65), nil, "InvalidParameterValueException", 400,
                "1 validation error detected: Value '\(String(repeating: "n", count: 65))' at 'functionName' failed to satisfy constraint: Member must have length less than or equal to 64"
            ),
        ] as [(String, String?, String, Int, String)])
    func aFunctionElsewhereIsRefusedInAWSsWords(
        _ text: String, _ qualifier: String?, code: String, status: Int, message: String
    ) throws {
        let fault = try #require(throws: Fault.self) {
            try FunctionReference(text, qualifier: qualifier, scope: Self.scope)
        }
        #expect(fault == Fault(code, status: status, message))
    }

    @Test func aNameMayHave64Characters() throws {
        let name = String(repeating: "n", count: 64)
        #expect(try FunctionReference(name, qualifier: nil, scope: Self.scope).key.name == name)
    }

    @Test(arguments: [(nil, true), ("$LATEST", true), ("1", false), ("live", false)])
    func someOperationsAreOfTheFunctionAlone(_ qualifier: String?, isAllowed: Bool) {
        let reference = FunctionReference(key: FunctionKey(scope: Self.scope, name: "f"), qualifier: qualifier)
        #expect((try? reference.requireUnqualified()) != nil || !isAllowed)
        #expect((try? reference.requireUnqualified()) == nil || isAllowed)
    }
}
