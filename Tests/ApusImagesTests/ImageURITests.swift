import ApusImages
import ApusModel
import Testing

struct ImageURITests {
    private static let hex = String(repeating: "0a", count: 32)

    @Test(arguments: [
        ("registry.example/app", ImageURI.Place.registry(host: "registry.example", repository: "app"), nil),
        ("registry.example:5000/a/b_c:v1.2", .registry(host: "registry.example:5000", repository: "a/b_c"), "v1.2"),
        ("localhost/app:latest", .registry(host: "localhost", repository: "app"), "latest"),
        (
            "123456789012.dkr.ecr.us-east-1.amazonaws.com/my-app:1",
            .registry(host: "123456789012.dkr.ecr.us-east-1.amazonaws.com", repository: "my-app"), "1"
        ),
        ("oci:/images/app", .layout(folder: "/images/app"), nil),
        ("oci:/images/app:v1", .layout(folder: "/images/app"), "v1"),
        ("oci-archive:app.tar", .archive(file: "app.tar"), nil),
        ("oci-archive:/a:b/app.tar:v1", .archive(file: "/a:b/app.tar"), "v1"),
    ])
    func placesAndTagsAreRead(_ text: String, _ place: ImageURI.Place, _ tag: String?) throws {
        let uri = try ImageURI(text)
        #expect(uri.place == place)
        #expect(uri.tag == tag)
        #expect(uri.digest == nil)
        let exact = try ImageURI("\(text)@sha256:\(Self.hex)")
        #expect(exact.place == place)
        #expect(exact.digest?.hex == Self.hex)
    }

    @Test(arguments: [
        "", "app", "app:latest", "library/app", "registry.example/", "registry.example/App", "registry.example/a//b",
        "registry.example/a/../b", "registry.example/-a", "registry.example:x/app", "registry.example:99999/app",
        "user@registry.example/app", "registry.example/app@sha256:12", "registry.example/app@md5:\(hex)",
        "registry.example/app:", "registry.example/app:a b", "registry.example/app\n", "oci:", "oci-archive:",
        "oci::v1",
        "https://registry.example/app", "registry.example/app?x=1", "registry.example/app#x",
    ])
    func otherTextsAreRefused(_ text: String) {
        let failure = #expect(throws: ImageFailure.self) { try ImageURI(text) }
        #expect(failure?.code == .badReference)
    }

    @Test(arguments: [
        ("r.example/app:v1", "r.example/app@"), ("r.example:50/app", "r.example:50/app@"),
        ("r.example/app@sha256:\(hex)", "r.example/app@"), ("oci:/a/b:v1", "oci:/a/b:v1@"),
        ("oci-archive:/a/b:v1@sha256:\(hex)", "oci-archive:/a/b:v1@"),
    ])
    func theResolvedTextNamesTheSamePlaceAndTheDigest(_ text: String, _ expected: String) throws {
        let digest = ImageDigest(of: Array("x".utf8))
        let resolved = ImageURI.resolved(text, digest)
        #expect(resolved == "\(expected)\(digest)")
        let (before, after) = (try ImageURI(text), try ImageURI(resolved))
        #expect(after.place == before.place)
        #expect(after.digest == digest)
    }
}
