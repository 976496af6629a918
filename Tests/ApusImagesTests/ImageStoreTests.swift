import ApusImages
import ApusModel
import ApusStore
import ApusTesting
import Foundation
import Testing

struct ImageStoreTests {
    @Test func anImageIsUnpackedAndItsPartsAreStored() async throws {
        try await ImageFixture.run { fixture in
            let image = try await fixture.add("a", layers: [[.file("d/one"), .file("two")], [.file("d/three")]])
            try await fixture.images.prepare(image)
            let unpacked = try await fixture.images.open(image.manifest)
            #expect(
                try FileManager.default.contentsOfDirectory(atPath: "\(unpacked.root)/d").sorted() == ["one", "three"])
            #expect(unpacked.process.arguments == ["/x"])
            #expect(Set(try await fixture.blobs.all().map(\.hex)) == Set([image.manifest] + image.parts))
            #expect(try fixture.names("new").isEmpty)
            unpacked.release()
        }
    }

    @Test func whatTheBlobsHoldIsUnpackedAgain() async throws {
        try await ImageFixture.run { fixture in
            let image = try await fixture.add("a", layers: [[.file("one")]])
            try await fixture.images.prepare(image)
            try FileManager.default.removeItem(atPath: "\(fixture.folder)/open/a")
            for part in ["layers", "images"] {
                for name in try fixture.names(part) {
                    try FileManager.default.removeItem(atPath: "\(fixture.folder)/unpacked/\(part)/\(name)")
                }
            }
            try await ImageFixture.again(fixture) { images in
                let root = try await images.open(image.manifest).root
                #expect(FileManager.default.fileExists(atPath: "\(root)/one"))
            }
        }
    }

    @Test func anImageThatIsNotInTheStoreIsNotFound() async throws {
        try await ImageFixture.run { fixture in
            let image = try await fixture.add("a", layers: [[.file("one")]])
            let failure = await #expect(throws: ImageFailure.self) { try await fixture.images.open(image.manifest) }
            #expect(failure?.code == .unavailable)
        }
    }

    @Test func thoseWhoAskAtOnceShareOneUnpacking() async throws {
        try await ImageFixture.run { fixture in
            let image = try await fixture.add("a", layers: [[.file("one")], [.file("two")]])
            try await withThrowingTaskGroup(of: Void.self) { group in
                for _ in 0..<8 { group.addTask { try await fixture.images.prepare(image) } }
                try await group.waitForAll()
            }
            #expect(try fixture.names("layers").count == 2)
            #expect(try fixture.names("images") == [image.manifest])
        }
    }

    @Test func whatNoFunctionNeedsIsRemovedAndTheRestIsKept() async throws {
        try await ImageFixture.run { fixture in
            let shared: [TarEntry] = [.file("base")]
            let kept = try await fixture.add("kept", layers: [shared])
            let gone = try await fixture.add("gone", layers: [shared, [.file("top")]])
            for image in [kept, gone] { try await fixture.images.prepare(image) }
            let used = try await fixture.images.open(gone.manifest)
            try await fixture.blobs.delete(try #require(BlobID(hex: gone.manifest)))
            try await fixture.images.removeUnused()
            // Somebody runs it, and its layers were used lately.
            #expect(try fixture.names("images") == [kept.manifest, gone.manifest])
            #expect(try fixture.names("layers").count == 2)
            used.release()
            try await fixture.images.removeUnused()
            #expect(try fixture.names("images") == [kept.manifest])
            #expect(try fixture.names("layers").count == 2)
            fixture.time.advance(by: .seconds(3601))
            try await fixture.images.removeUnused()
            #expect(try fixture.names("layers").count == 1)
            #expect(FileManager.default.fileExists(atPath: try await fixture.images.open(kept.manifest).root + "/base"))
        }
    }

    @Test func whatAKillLeftIsRemoved() async throws {
        try await ImageFixture.run { fixture in
            for path in ["new/part.1", "layers/tree.1/deep/er", "images/root.1"] {
                try FileManager.default.createDirectory(
                    atPath: "\(fixture.folder)/unpacked/\(path)", withIntermediateDirectories: true)
            }
            try await ImageFixture.again(fixture) { _ in
                for part in ["new", "layers", "images"] {
                    let names = try fixture.names(part)
                    #expect(names.isEmpty)
                }
            }
        }
    }

    @Test(arguments: [
        [TarEntry.file("../x")], [.file("a/../../x")], [.link("a", "/"), .file("a/x")], [.hardLink("x", "../y")],
        [.hardLink("x", "y")], [.folder("a"), .hardLink("x", "a")], [.link("a", "/etc"), .hardLink("x", "a/hosts")],
        [.file("f"), .file("f/x")], [.link("x", "")], [.file(String(repeating: "a/", count: 49) + "../x")],
        [.file(".wh.a"), .hardLink("x", ".wh.a")],
    ])
    func entriesThatNoHonestLayerHasAreRefused(_ entries: [TarEntry]) async throws {
        try await ImageFixture.run { fixture in
            let image = try await fixture.add("a", layers: [entries])
            let failure = await #expect(throws: ImageFailure.self) { try await fixture.images.prepare(image) }
            #expect(failure?.code == .invalid, "\(failure?.context ?? "")")
            #expect(try fixture.names("layers").isEmpty)
        }
    }

    @Test func anEntryThatComesTwiceIsTheLastOne() async throws {
        try await ImageFixture.run { fixture in
            let image = try await fixture.add(
                "a",
                layers: [
                    [
                        .file("a", "1"), .file("a", "2"), .file("f/x"), .file("f", "3"), .link("l", "a"), .folder("l"),
                        .file("l/x", "4"), .hardLink("h", "a"), .hardLink("h", "h"), .file("/abs/./x", "5"),
                    ]
                ])
            try await fixture.images.prepare(image)
            let root = try await fixture.images.open(image.manifest).root
            let contents = ["a", "f", "l/x", "h", "abs/x"].map { name in
                FileManager.default.contents(atPath: "\(root)/\(name)").map { String(decoding: $0, as: UTF8.self) }
            }
            #expect(contents == ["2", "3", "4", "2", "5"])
        }
    }

    @Test(arguments: [
        [TarEntry.pax("GNU.sparse.size", "-9223372036854775808"), .file("a")],
        [.pax("GNU.sparse.realsize", "-9223372036854775808"), .file("a")],
        [.pax("SCHILY.realsize", "-9223372036854775808"), .file("a")], [.pax("size", "-1"), .file("a")],
    ])
    func entriesOfNegativeSizeAreRefused(_ entries: [TarEntry]) async throws {
        try await ImageFixture.run { fixture in
            let image = try await fixture.add("a", layers: [[.file("first")] + entries])
            let failure = await #expect(throws: ImageFailure.self) { try await fixture.images.prepare(image) }
            #expect(failure?.code == .invalid)
        }
    }

    @Test func aStatedSizeIsComparedAlsoWithWhatIsInTheStore() async throws {
        try await ImageFixture.run { fixture in
            let layers: [[TarEntry]] = [[.file("one")]]
            try await fixture.images.prepare(fixture.add("a", layers: layers))
            let image = try await fixture.add("b", files: layers.map(TarEntry.tar)) { manifest in
                manifest.replacing(/config.v1\+json",("digest":"[^"]*"),"size":\d+/) { match in
                    #"config.v1+json",\#(match.output.1),"size":10"#
                }
            }
            let failure = await #expect(throws: ImageFailure.self) { try await fixture.images.prepare(image) }
            #expect(failure?.code == .invalid || failure?.code == .notFound)
        }
    }

    @Test func aLayerIsNotHadByNamingItsDigest() async throws {
        try await ImageFixture.run { fixture in
            let secret: [TarEntry] = [.file("secret")]
            try await fixture.images.prepare(fixture.add("a", layers: [secret]))
            let ids = [ImageDigest(of: TarEntry.tar(secret))]
            let other = try await fixture.add("b", files: [TarEntry.tar([.file("other")])], ids: ids)
            let failure = await #expect(throws: ImageFailure.self) { try await fixture.images.prepare(other) }
            #expect(failure?.code == .invalid)
            let absent = try await fixture.add("c", layers: [secret])
            try FileManager.default.removeItem(
                atPath: "\(fixture.folder)/open/c/blobs/sha256/\(ids[0].hex)")
            let second = await #expect(throws: ImageFailure.self) { try await fixture.images.prepare(absent) }
            #expect(second?.code == .notFound)
        }
    }

    @Test func anImageThatCannotBeReadKeepsNoOther() async throws {
        try await ImageFixture.run { fixture in
            let broken = try await fixture.add("broken", layers: [[.file("one")]])
            let gone = try await fixture.add("gone", layers: [[.file("two")]])
            for image in [broken, gone] { try await fixture.images.prepare(image) }
            for id in broken.parts + [gone.manifest] { try await fixture.blobs.delete(try #require(BlobID(hex: id))) }
            try await fixture.images.removeUnused()
            #expect(try fixture.names("images") == [broken.manifest])
        }
    }

    @Test func aLayerCountsAsOftenAsItIsListed() async throws {
        try await ImageFixture.run { fixture in
            let (layer, root) = ("\(fixture.folder)/layer", "\(fixture.folder)/root")
            for name in ["a", "b"] {
                try FileManager.default.createDirectory(atPath: "\(layer)/\(name)", withIntermediateDirectories: true)
            }
            let budget = LayerBudget(entries: 4)
            #expect(throws: ImageFailure.self) {
                try RootTree.merge([layer, layer, layer], into: root, budget: budget)
            }
            #expect(!FileManager.default.fileExists(atPath: root))
            try RootTree.merge([layer, layer], into: root, budget: budget)
            #expect(FileManager.default.fileExists(atPath: "\(root)/b"))
        }
    }

    @Test func theBudgetHoldsForAllLayersTogether() throws {
        var budget = LayerBudget(bytes: 100, entries: 2)
        try budget.spend(bytes: 60)
        #expect(throws: ImageFailure.self) { try budget.spend(bytes: 41) }
        try budget.spendEntry()
        try budget.spendEntry()
        #expect(throws: ImageFailure.self) { try budget.spendEntry() }
    }
}
