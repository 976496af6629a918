import ApusCommand
import ApusModel
import Testing

struct SettingsTests {
    private func settings(
        flags: [SettingKey: String] = [:], environment: [String: String] = [:], file: String? = nil,
        path: String = "apus.yaml", isRoot: Bool = false, processors: Int = 4
    ) throws -> Settings {
        var variables = environment
        if variables["HOME"] == nil { variables["HOME"] = "/home/me" }
        return try Settings(
            SettingSources(
                flags: flags, environment: variables,
                file: try file.map { try ConfigurationFile(path: path, text: $0) },
                isRoot: isRoot, processors: processors))
    }

    private func origin(_ settings: Settings, _ key: SettingKey) -> SettingOrigin? {
        settings.origins.first { $0.key == key }?.origin
    }

    @Test func rootHasTheLinuxDriverByDefault() throws {
        #expect(try settings(isRoot: true).driver == "linux")
    }

    @Test func defaultsStandWhenNothingIsSaid() throws {
        let settings = try settings()
        #expect(settings.data == "/home/me/.local/share/apus")
        #expect(settings.listen.description == "127.0.0.1:4566")
        #expect(!settings.isDevelopment)
        #expect(settings.driver == "userns")
        #expect(settings.account == .standard)
        #expect(settings.region == .standard)
        #expect(settings.eventLoops == 2)
        #expect(settings.runtimes == nil)
        #expect(settings.idleTimeout == .seconds(600))
        #expect(settings.concurrency == 1000)
        #expect(settings.streamBandwidth == 2_097_152)
        #expect(settings.logLevel == "notice")
        #expect(settings.origins.map(\.key) == SettingKey.allCases)
        #expect(settings.origins.allSatisfy { $0.origin == .standard })
    }

    @Test func flagsGoBeforeEnvironmentBeforeFileBeforeDefaults() throws {
        let file = "region: from-file\nlisten: 127.0.0.1:1\nidle-timeout: 1h\n"
        let environment = ["APUS_REGION": "from-env", "APUS_LISTEN": "127.0.0.1:2"]
        let settings = try settings(flags: [.region: "from-flag"], environment: environment, file: file)
        #expect(settings.region.name == "from-flag")
        #expect(settings.listen.port == 2)
        #expect(settings.idleTimeout == .seconds(3600))
        #expect(origin(settings, .region) == .flag)
        #expect(origin(settings, .listen) == .environment("APUS_LISTEN"))
        #expect(origin(settings, .idleTimeout) == .file("apus.yaml"))
        #expect(origin(settings, .driver) == .standard)
    }

    @Test func everySettingCanComeFromTheFile() throws {
        let file = """
            # all of them
            data: /srv/apus
            listen: "0.0.0.0:80"
            dev: true
            driver: process
            account: "123456789012"
            region: eu-west-1
            event-loops: 7
            runtimes: /opt/runtimes
            runtime-map:
              python3.12: python3.11
              nodejs22.x: nodejs20.x
            interpreters:
              nodejs22.x: /home/me/node/bin/node
            image-folder: /srv/images:/srv/more
            idle-timeout: 90s
            concurrency: 50
            stream-bandwidth: 0
            function-url-domain: https://fn.example.com
            log-level: debug
            """
        let settings = try settings(file: file)
        #expect(settings.data == "/srv/apus")
        #expect(settings.listen.url == "http://127.0.0.1:80")
        #expect(settings.isDevelopment)
        #expect(settings.driver == "process")
        #expect(settings.account.digits == "123456789012")
        #expect(settings.region.name == "eu-west-1")
        #expect(settings.eventLoops == 7)
        #expect(settings.runtimes == "/opt/runtimes")
        #expect(settings.runtimeMap == ["python3.12": "python3.11", "nodejs22.x": "nodejs20.x"])
        #expect(settings.interpreters == ["nodejs22.x": "/home/me/node/bin/node"])
        #expect(settings.imageFolders == ["/srv/images", "/srv/more"])
        #expect(settings.idleTimeout == .seconds(90))
        #expect(settings.concurrency == 50)
        #expect(settings.streamBandwidth == 0)
        #expect(
            settings.functionURLAddress.url(of: "i", region: .standard, endpoint: "http://h:1")
                == "https://i.lambda-url.us-east-1.fn.example.com/")
        #expect(settings.logLevel == "debug")
        #expect(settings.origins.allSatisfy { $0.origin == .file("apus.yaml") })
    }

    @Test func everySettingCanComeFromTheEnvironment() throws {
        let environment = [
            "APUS_DATA": "/d", "APUS_LISTEN": ":9", "APUS_DEV": "1", "APUS_DRIVER": "process",
            "APUS_ACCOUNT": "111122223333", "APUS_REGION": "us-west-2", "APUS_EVENT_LOOPS": "3", "APUS_RUNTIMES": "/r",
            "APUS_RUNTIME_MAP": "a=b, c=d", "APUS_INTERPRETERS": "a=/b/bin/c",
            "APUS_IMAGE_FOLDER": "/i",
            "APUS_IDLE_TIMEOUT": "1m", "APUS_CONCURRENCY": "7",
            "APUS_STREAM_BANDWIDTH": "65536", "APUS_FUNCTION_URL_DOMAIN": "fn.example.com",
            "APUS_LOG_LEVEL": "error",
        ]
        let settings = try settings(environment: environment)
        #expect(settings.runtimeMap == ["a": "b", "c": "d"])
        #expect(settings.interpreters == ["a": "/b/bin/c"])
        #expect(settings.eventLoops == 3)
        for row in settings.origins { #expect(row.origin == .environment(row.key.variable)) }
    }

    @Test func anEmptyVariableIsNoVariable() throws {
        #expect(try settings(environment: ["APUS_REGION": ""]).region == .standard)
    }

    @Test(arguments: [
        ("data", "relative/data", "/etc/apus/relative/data"), ("data", "~/x", "/home/me/x"), ("data", "/a", "/a"),
        ("runtimes", "r", "/etc/apus/r"),
    ])
    func pathsOfTheFileAreRelativeToIt(_ key: String, _ value: String, _ expected: String) throws {
        let settings = try settings(file: "\(key): \(value)", path: "/etc/apus/apus.yaml")
        #expect((key == "data" ? settings.data : settings.runtimes) == expected)
    }

    @Test(
        arguments: [
            (["XDG_DATA_HOME": "/x"], false, "/x/apus"),
            (["XDG_DATA_HOME": "relative"], false, "/home/me/.local/share/apus"),
            (["XDG_DATA_HOME": "/x"], true, "/var/lib/apus"),
        ] as [([String: String], Bool, String)])
    func theDataFolderFollowsXDG(_ environment: [String: String], _ isRoot: Bool, _ expected: String) throws {
        #expect(try settings(environment: environment, isRoot: isRoot).data == expected)
    }

    @Test(
        arguments: [
            (SettingKey.listen, "nowhere", "HOST:PORT"), (.listen, "a:99999", "HOST:PORT"),
            (.dev, "maybe", "true or false"), (.driver, "docker", "linux, userns or process"),
            (.account, "12", "twelve digits"), (.eventLoops, "0", "1 to 256"),
            (.idleTimeout, "soon", "duration"), (.idleTimeout, "0s", "duration"), (.concurrency, "0", "number"),
            (.streamBandwidth, "1024", "no limit"), (.imageFolder, "/a:images", "absolute"),
            (.functionURLDomain, "ftp://a", "fn.example.com"),
            (.logLevel, "loud", "one of"),
            (.runtimeMap, "python", "pairs"), (.region, "US EAST", "us-east-1"),
        ] as [(SettingKey, String, String)])
    func aWrongValueIsNamedWithItsOriginAndWhatIsRight(_ key: SettingKey, _ value: String, _ allowed: String) throws {
        do {
            _ = try settings(environment: [key.variable: value])
            Issue.record("\(value) was accepted")
        } catch let failure as CommandFailure {
            #expect(failure.status == .local)
            for part in [key.rawValue, value, key.variable, allowed] {
                #expect(failure.message.contains(part), "\(failure)")
            }
        }
    }

    @Test(arguments: ["regoin: x", "data: [a, b]", "- a\n- b", "data: {", "listen: {a: b"])
    func aWrongFileIsRefused(_ text: String) {
        #expect(throws: CommandFailure.self) { try settings(file: text) }
    }

    @Test(arguments: ["", "\n\n", "# nothing\n", "---\n"])
    func anEmptyFileSaysNothing(_ text: String) throws {
        #expect(try settings(file: text).region == .standard)
    }
}

struct ListenAddressTests {
    @Test(arguments: [
        ("127.0.0.1:4566", "127.0.0.1", 4566), (":80", "127.0.0.1", 80), ("80", "127.0.0.1", 80), ("[::1]:0", "::1", 0),
        ("host.example:1", "host.example", 1),
    ])
    func addressesAreRead(_ text: String, _ host: String, _ port: Int) throws {
        let address = try #require(ListenAddress(text))
        #expect(address.host == host)
        #expect(address.port == port)
    }

    @Test(arguments: ["", "host", "host:", "host:x", "host:-1", "host:65536", "::1:80", "a b:1", "http://a:1"])
    func otherTextIsRefused(_ text: String) { #expect(ListenAddress(text) == nil) }

    @Test(arguments: [
        ("0.0.0.0:1", "http://127.0.0.1:1"), ("[::]:1", "http://[::1]:1"), ("[fe80::1]:1", "http://[fe80::1]:1"),
    ])
    func clientsFindTheServer(_ text: String, _ url: String) throws {
        #expect(try #require(ListenAddress(text)).url == url)
        #expect(try Endpoint(url).description == url)
    }
}

struct DurationTextTests {
    @Test(arguments: [
        ("90", 90_000), ("90s", 90_000), ("10m", 600_000), ("1h30m", 5_400_000), ("1.5h", 5_400_000), ("250ms", 250),
        ("2d", 172_800_000), ("0", 0), ("1 h", 3_600_000),
    ])
    func durationsAreRead(_ text: String, _ milliseconds: Int) {
        #expect(DurationText.parse(text) == .milliseconds(milliseconds))
    }

    @Test(arguments: ["", "x", "10x", "-1s", "1e9", "m", "1m2", "..s", "9999999999999d"])
    func otherTextIsRefused(_ text: String) { #expect(DurationText.parse(text) == nil) }

    @Test(arguments: [(600, "10m"), (3600, "1h"), (90, "90s"), (0, "0s"), (172_800, "2d")])
    func theShortestSpellingIsWritten(_ seconds: Int, _ text: String) {
        #expect(DurationText.write(.seconds(seconds)) == text)
    }
}
