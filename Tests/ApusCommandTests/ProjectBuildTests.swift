import ApusCommand
import Testing

struct ProjectBuildTests {
    private func build(_ files: [String: String], executables: Set<String> = []) -> ProjectBuild? {
        ProjectBuild(ProjectFolder(files: Set(files.keys), executables: executables) { files[$0] })
    }

    @Test(
        arguments: [
            (["Package.swift": ""], "swift"), (["go.mod": "", "main.go": ""], "go"), (["Cargo.toml": ""], "cargo"),
            (["Makefile": "all:\n\nbuild-hello: x\n\tcp x $(ARTIFACTS_DIR)"], "make"),
            (["Makefile": "build-hello:", "Package.swift": ""], "make"),
        ] as [([String: String], String)])
    func sourcesAreBuilt(_ files: [String: String], _ tool: String) {
        #expect(build(files)?.tool == tool)
    }

    @Test(
        arguments: [
            ["app.py": ""], ["index.mjs": "", "package.json": ""], ["Makefile": "build:\n\tdo things"],
            ["Makefile": "build-: x"], ["Makefile": "\tbuild-x:"], ["Makefile": "build-a b:"],
        ] as [[String: String]])
    func whatRunsAsItIsIsNot(_ files: [String: String]) { #expect(build(files) == nil) }

    @Test func aProgramThatIsThereIsNotBuiltAgain() {
        #expect(build(["bootstrap": "", "go.mod": ""], executables: ["bootstrap"]) == nil)
        #expect(build(["bootstrap": "", "go.mod": ""])?.tool == "go")
    }

    @Test func theTargetOfTheMakefileIsNamed() {
        #expect(build(["Makefile": "build-my_fn-2:\n"])?.script == "make build-my_fn-2")
    }

    @Test func theOneProgramOfAPackageIsFound() throws {
        let description =
            #"{"products":[{"name":"L","type":{"library":["automatic"]}},{"name":"F","type":{"executable":null}}]}"#
        #expect(try ProjectBuild.product(in: Array(description.utf8)) == "F")
    }

    @Test(
        arguments: [
            "", "[]", #"{"products":[]}"#,
            #"{"products":[{"name":"a","type":{"executable":null}},{"name":"b","type":{"executable":null}}]}"#,
        ])
    func anotherNumberOfProgramsIsRefused(_ description: String) {
        #expect(throws: CommandFailure.self) { try ProjectBuild.product(in: Array(description.utf8)) }
    }
}
