import ApusImages
import ApusModel
import ApusTesting
import Foundation
import Testing

struct FormatTests {
    private static let digest = "sha256:" + String(repeating: "ab", count: 32)
    private static let config =
        #"{"mediaType":"application/vnd.oci.image.config.v1+json","digest":"\#(digest)","size":2}"#

    private static func layer(_ type: String = "application/vnd.oci.image.layer.v1.tar+gzip", size: Int = 5) -> String {
        #"{"mediaType":"\#(type)","digest":"\#(digest)","size":\#(size)}"#
    }

    private static func manifest(_ config: String = config, _ layers: String...) -> [UInt8] {
        Array(#"{"config":\#(config),"layers":[\#(layers.joined(separator: ","))]}"#.utf8)
    }

    @Test func aManifestNamesItsParts() throws {
        let manifest = try ImageManifest(
            Self.manifest(Self.config, Self.layer(), Self.layer("application/vnd.docker.image.rootfs.diff.tar.gzip")))
        #expect(manifest.layers.map(\.size) == [5, 5])
        #expect(manifest.blobs.map(\.description) == [Self.digest])
    }

    @Test(arguments: [
        (#"{}"#, ImageFailure.Code.unsupported), ("[]", .invalid), ("", .invalid), ("{", .invalid),
        (String(decoding: manifest(layer()), as: UTF8.self), .unsupported),
        (String(decoding: manifest(config, layer("application/zip")), as: UTF8.self), .unsupported),
        (String(decoding: manifest(config, layer(size: -1)), as: UTF8.self), .invalid),
        (String(decoding: manifest(config, layer(size: 11 << 30)), as: UTF8.self), .invalid),
        (String(decoding: manifest(config, layer(size: 6 << 30), layer(size: 6 << 30)), as: UTF8.self), .invalid),
        (String(decoding: manifest(config, "7"), as: UTF8.self), .invalid),
    ])
    func whatIsNoManifestIsRefused(_ text: String, _ code: ImageFailure.Code) {
        let failure = #expect(throws: ImageFailure.self) { try ImageManifest(Array(text.utf8)) }
        #expect(failure?.code == code)
    }

    @Test func thisHostsManifestIsTakenFromAnIndex() throws {
        func entry(_ letter: String, _ platform: String) -> String {
            #"{"digest":"sha256:\#(String(repeating: letter, count: 64))","size":1,"platform":\#(platform)}"#
        }
        let own = #"{"os":"linux","architecture":"\#(Platform.architecture)"}"#
        let foreign = #"{"os":"linux","architecture":"s390x"}"#
        let attestation = #"{"os":"unknown","architecture":"unknown"}"#
        func choice(_ entries: String...) throws -> String {
            let index = try ImageIndex(Array(#"{"manifests":[\#(entries.joined(separator: ","))]}"#.utf8))
            return String(try index.manifest().digest.hex.prefix(1))
        }
        #expect(try choice(entry("a", foreign), entry("b", attestation), entry("c", own), entry("d", own)) == "c")
        #expect(try choice(entry("a", "{}"), entry("b", own)) == "b")
        #expect(try choice(entry("a", "{}")) == "a")
        let failure = #expect(throws: ImageFailure.self) { try choice(entry("a", foreign), entry("b", attestation)) }
        #expect(failure?.code == .unsupported)
    }

    @Test func aConfigurationSaysHowTheProcessStarts() throws {
        let text = """
            {"os":"linux","config":{"Entrypoint":["/e"],"Cmd":["c"],"WorkingDir":"/w","Env":["A=1","B=x=y","C="]},
            "rootfs":{"diff_ids":["\(Self.digest)"]}}
            """
        let configuration = try ImageConfiguration(Array(text.utf8))
        #expect(configuration.process.arguments == ["/e", "c"])
        #expect(configuration.process.workingDirectory == "/w")
        #expect(configuration.process.variables.map { "\($0)=\($1)" } == ["A=1", "B=x=y", "C="])
        #expect(configuration.diffIDs.map(\.description) == [Self.digest])
        let bare = try ImageConfiguration(Array(#"{"config":{"Cmd":null}}"#.utf8)).process
        #expect(bare.arguments == [])
        #expect(bare.workingDirectory == "/")
    }

    @Test(arguments: [
        #"{"os":"windows"}"#, #"{"architecture":"s390x"}"#, #"{"config":{"Cmd":"x"}}"#, #"{"config":{"Cmd":[1]}}"#,
        #"{"config":{"Env":["A"]}}"#, #"{"config":{"Env":["=A"]}}"#, #"{"config":{"WorkingDir":"x"}}"#,
        #"{"config":{"Entrypoint":["a\u0000b"]}}"#, #"{"rootfs":{"diff_ids":["x"]}}"#, #"7"#,
    ])
    func damagedConfigurationsAreRefused(_ text: String) {
        #expect(throws: ImageFailure.self) { try ImageConfiguration(Array(text.utf8)) }
    }

    @Test func anyBytesAreReadOrRefused() {
        var generator = SeededGenerator(seed: 7)
        let sound = Self.manifest(Self.config, Self.layer())
        var refused = 0
        for _ in 0..<5000 {
            var bytes = sound
            for _ in 0..<Int.random(in: 1...4, using: &generator) {
                bytes[Int.random(in: bytes.indices, using: &generator)] = UInt8.random(in: 0...255, using: &generator)
            }
            if (try? ImageManifest(bytes)) == nil { refused += 1 }
            _ = try? ImageConfiguration(bytes)
            _ = try? ImageIndex(bytes).manifest()
        }
        #expect((1000...4999).contains(refused))
    }

    @Test(arguments: [
        ("Basic realm=\"x\"", RegistryChallenge.basic),
        (
            #"Bearer realm="https://a/t",service="s",scope="repository:a:pull,push""#,
            .bearer(realm: "https://a/t", service: "s", scope: "repository:a:pull,push")
        ),
        ("bearer realm=https://a/t, service=s", .bearer(realm: "https://a/t", service: "s", scope: nil)),
        ("Bearer service=\"s\"", nil), ("Negotiate", nil), ("", nil), ("Bearer realm", nil), ("Bearer =", nil),
        ("Bearer realm=\"open", .bearer(realm: "open", service: nil, scope: nil)),
    ])
    func challengesAreRead(_ header: String, _ expected: RegistryChallenge?) {
        #expect(RegistryChallenge(header) == expected)
    }

    @Test func credentialsAreDockers() throws {
        let file =
            #"{"auths":{"https://index.docker.io/v1/":{"auth":"YTpi"},"r:5000":{"auth":"Yzpk"},"s":{"auth":"?"}}}"#
        let credentials = try RegistryCredentials(Array(file.utf8))
        for name in ["docker.io", "index.docker.io", "registry-1.docker.io"] {
            #expect(credentials.authorization(for: name) == "Basic YTpi")
        }
        #expect(credentials.authorization(for: "r:5000") == "Basic Yzpk")
        #expect(credentials.authorization(for: "s") == nil)
        #expect(throws: ImageFailure.self) { try RegistryCredentials(Array("{}".utf8)) }
    }

    @Test(arguments: [
        ("https://cdn.example/x", "r.example", true), ("https://cdn.example:444?x", "127.0.0.1:5000", true),
        ("http://cdn.example/x", "r.example", false), ("http://127.0.0.1/x", "r.example", false),
        ("http://10.0.0.1/x", "127.0.0.1:5000", false), ("http://localhost:1/x", "127.0.0.1:5000", true),
        ("http://127.0.0.1@10.0.0.1/x", "localhost", false), ("http://127.0.0.1\\@10.0.0.1/x", "localhost", false),
        ("http://127.evil.example/x", "localhost", false), ("https://", "r.example", false),
        ("file:///etc/passwd", "r.example", false), ("HTTP://127.0.0.1/", "r.example", false), ("", "localhost", false),
    ])
    func onlySafePlacesAreAsked(_ url: String, _ host: String, _ isSafe: Bool) {
        #expect(RegistryAddress.isSafe(url, for: host) == isSafe)
    }

    @Test(arguments: [
        ("/b", "https://r.example:5/b"), ("https://x.example/b", "https://x.example/b"), ("//x.example/b", nil),
        ("http://x.example/b", nil), ("b", nil), ("", nil),
    ])
    func redirectsLeadToSafePlacesOnly(_ location: String, _ expected: String?) {
        let from = "https://r.example:5/v2/app/blobs/x"
        #expect(RegistryAddress.redirect(from: from, to: location, for: "r.example:5") == expected)
    }

    @Test(arguments: [
        ("../../etc/shadow", ImageFailure.Code.badReference), ("../../etc/nothing", .badReference),
        ("a/../b", .badReference), ("/etc/shadow", .badReference), ("/etc/nothing", .badReference),
        ("out/passwd", .badReference), ("out/nothing", .badReference), ("nothing", .notFound),
    ])
    func noAnswerTellsOfFilesElsewhere(_ path: String, _ code: ImageFailure.Code) async throws {
        try await ImageFixture.run { fixture in
            let open = "\(fixture.folder)/open"
            try FileManager.default.createSymbolicLink(atPath: "\(open)/out", withDestinationPath: "/etc")
            let failure = #expect(throws: ImageFailure.self) { try ImageFolders([open]).find(path) }
            #expect(failure?.code == code)
        }
    }

    @Test(arguments: [
        (".wh.a", Whiteout.one(Array("a".utf8))), (".wh..wh..opq", .all), (".wh..wh.plnk", .foreign),
        (".wh.", .foreign),
        (".wh..", .foreign), (".wh...", .foreign), (".wh....", .one(Array("...".utf8))), ("wh.a", nil), (".w", nil),
    ])
    func whiteoutsAreKnownByTheirNames(_ name: String, _ expected: Whiteout?) {
        #expect(Whiteout(Array(name.utf8)) == expected)
    }

    @Test func eachPartIsOverriddenByItself() {
        let process = ImageProcess(entryPoint: ["e"], command: ["c"], workingDirectory: "/w", variables: [])
        let program = process.overridden(by: ImageOverrides(entryPoint: ["x", "y"]))
        #expect(program.arguments == ["x", "y", "c"])
        let rest = process.overridden(by: ImageOverrides(entryPoint: [], command: ["d"], workingDirectory: "/v"))
        #expect(rest.arguments == ["e", "d"])
        #expect(rest.workingDirectory == "/v")
    }
}
