import ApusModel
import Testing

struct ARNTests {
    @Test(arguments: [
        ("arn:aws:lambda:us-east-1:000000000000:function:hello", "function:hello"),
        ("arn:aws-cn:s3:::bucket/key", "bucket/key"),
        ("arn:aws:logs:eu-west-1:123456789012:log-group:/aws/lambda/a:*", "log-group:/aws/lambda/a:*"),
        ("arn:aws:iam::000000000000:role/path/name", "role/path/name"),
        ("arn:aws:sqs:us-east-1:000000000000:", ""),
    ])
    func aReadNamePrintsAsItWasWritten(_ text: String, resource: String) throws {
        let arn = try #require(ARN(text))
        #expect(arn.description == text)
        #expect(arn.resource == resource)
    }

    @Test func theResourceKeepsItsColons() throws {
        let arn = try #require(ARN("arn:aws:lambda:us-east-1:000000000000:function:hello:7"))
        #expect(
            arn
                == ARN(
                    service: "lambda", region: "us-east-1", account: "000000000000", resource: "function:hello:7"))
    }

    @Test(arguments: ["", "arn", "arn:aws:lambda:us-east-1:000000000000", "ARN:aws:lambda:r:a:x", "hello:1:2:3:4:5"])
    func otherTextsAreRefused(_ text: String) {
        #expect(ARN(text) == nil)
    }

    @Test func aFunctionsNameTakesAQualifier() {
        let key = FunctionKey(scope: Scope(account: .standard, region: Region("eu-west-1")), name: "f")
        #expect(key.arn.description == "arn:aws:lambda:eu-west-1:000000000000:function:f")
        #expect(key.arn(nil) == "arn:aws:lambda:eu-west-1:000000000000:function:f")
        #expect(key.arn("live") == "arn:aws:lambda:eu-west-1:000000000000:function:f:live")
        #expect(key.description == "000000000000/eu-west-1/f")
    }
}

struct AccountIDTests {
    @Test(arguments: [
        ("000000000000", true), ("123456789012", true), ("12345678901", false), ("1234567890123", false),
        ("12345678901a", false), ("", false), ("١٢٣٤٥٦٧٨٩٠١٢", false), ("-12345678901", false),
    ])
    func twelveASCIIDigitsAreAnAccount(_ text: String, isAccount: Bool) {
        #expect((AccountID(text) != nil) == isAccount)
    }
}
