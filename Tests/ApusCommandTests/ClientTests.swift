import ApusCommand
import ApusWire
import Foundation
import Testing

struct EndpointTests {
    @Test(arguments: [
        ("http://127.0.0.1:4566", "http://127.0.0.1:4566"), ("http://host", "http://host:80"),
        ("http://host:1/path?x", "http://host:1"), ("host:9", "http://host:9"), ("http://[::1]", "http://[::1]:80"),
    ])
    func endpointsAreRead(_ text: String, _ expected: String) throws {
        #expect(try Endpoint(text).description == expected)
    }

    @Test(arguments: ["https://host", "http://", "http://host:x", "ftp://host", "http://host:0", ""])
    func otherTextIsRefused(_ text: String) { #expect(throws: CommandFailure.self) { try Endpoint(text) } }

    @Test func theFlagGoesFirst() throws {
        let sources = SettingSources(
            flags: [.listen: "127.0.0.1:1"], environment: [:], file: nil, isRoot: false, processors: 1)
        let settings = try Settings(sources)
        let both = ["AWS_ENDPOINT_URL": "http://a:2", "AWS_ENDPOINT_URL_LAMBDA": "http://b:3"]
        let choose = { (flag: String?, environment: [String: String]) in
            try Endpoint.choose(flag: flag, environment: environment, settings: settings).description
        }
        #expect(try choose("http://c:4", both) == "http://c:4")
        #expect(try choose(nil, both) == "http://b:3")
        #expect(try choose(nil, ["AWS_ENDPOINT_URL": "http://a:2"]) == "http://a:2")
        #expect(try choose(nil, ["AWS_ENDPOINT_URL": ""]) == "http://127.0.0.1:1")
    }
}

struct ClientCredentialsTests {
    private func settings(_ folder: String, dev: Bool = false) throws -> Settings {
        try Settings(
            SettingSources(
                flags: [.data: folder, .dev: dev ? "true" : "false"], environment: [:], file: nil, isRoot: false,
                processors: 1))
    }

    @Test func theEnvironmentGoesBeforeTheFileBeforeTest() throws {
        let folder = "\(NSTemporaryDirectory())/apus-credentials-\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        #expect(try ClientCredentials(settings(folder), [:]).origin == .standard)
        let text = "[other]\naws_access_key_id = no\n[default]\naws_access_key_id = AKIA1\naws_secret_access_key=s=1 \n"
        try text.write(toFile: "\(folder)/credentials", atomically: true, encoding: .utf8)
        let file = try ClientCredentials(settings(folder), ["AWS_ACCESS_KEY_ID": "half"])
        #expect(file.origin == .file("\(folder)/credentials"))
        #expect(file.signing.accessKey == "AKIA1")
        #expect(file.signing.secret == "s=1")
        let both = ["AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b", "AWS_SESSION_TOKEN": "c"]
        let environment = try ClientCredentials(settings(folder), both)
        #expect(environment.origin == .environment)
        #expect(environment.signing.sessionToken == "c")
        #expect(try ClientCredentials(settings(folder), both, usesEnvironment: false).origin == file.origin)
        #expect(try ClientCredentials(settings(folder, dev: true), [:]).signing.accessKey == "test")
        try "[other]".write(toFile: "\(folder)/credentials", atomically: true, encoding: .utf8)
        #expect(throws: CommandFailure.self) { try ClientCredentials(settings(folder), [:]) }
    }

    @Test func profilesAreReadAsAWSWritesThem() {
        let text = "\u{20}[ default ] \r\n# a = b\r\n key = value = more\r\n; c = d\r\nempty =\r\n[next]\nkey = other\n"
        #expect(ClientCredentials.profile("default", in: text) == ["key": "value = more", "empty": ""])
        #expect(ClientCredentials.profile("none", in: text).isEmpty)
    }
}
