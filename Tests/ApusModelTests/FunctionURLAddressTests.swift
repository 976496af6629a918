import ApusModel
import Testing

struct FunctionURLAddressTests {
    @Test(arguments: [
        ("localhost", "http://127.0.0.1:4566", "http://i.lambda-url.us-east-1.localhost:4566/"),
        ("localhost", "http://[::1]:4566", "http://i.lambda-url.us-east-1.localhost:4566/"),
        ("localhost", "http://[::1]", "http://i.lambda-url.us-east-1.localhost/"),
        ("localhost", "http://apus.example", "http://i.lambda-url.us-east-1.localhost/"),
        ("fn.example", "http://h:1", "http://i.lambda-url.us-east-1.fn.example/"),
        ("http://fn.example:80", "http://h:1", "http://i.lambda-url.us-east-1.fn.example:80/"),
        ("https://fn.example", "http://h:1", "https://i.lambda-url.us-east-1.fn.example/"),
    ])
    func aURLIsSpelt(setting: String, endpoint: String, url: String) throws {
        let address = try #require(FunctionURLAddress(setting))
        #expect(address.url(of: "i", region: .standard, endpoint: endpoint) == url)
    }

    @Test(arguments: ["", ".", ".a", "a/b", "A", "ftp://a", "https://", "a b", ":80", "*.a"])
    func whatIsNoDomainIsRefused(text: String) { #expect(FunctionURLAddress(text) == nil) }

    @Test(arguments: [
        ("abc.lambda-url.us-east-1.on.aws", "abc"), ("ABC.lambda-url.x", "abc"), ("abc.lambda-url.", "abc"),
        ("a.b.lambda-url.x", nil), ("abc.execute-api.x", nil), ("127.0.0.1:4566", nil), ("", nil), (".", nil),
        (".lambda-url.x", ""),
    ])
    func aHostNamesAURL(host: String, id: String?) { #expect(FunctionURLAddress.id(host: host) == id) }
}
