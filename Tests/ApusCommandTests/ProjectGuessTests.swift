import ApusCommand
import Testing

struct ProjectGuessTests {
    private static let versions = ProjectGuess.Versions(python: "python3.11", node: "nodejs20.x", ruby: "ruby3.4")

    private func guess(
        _ files: [String: String], executables: Set<String> = [], runtime: String? = nil
    ) throws(CommandFailure) -> ProjectGuess {
        let folder = ProjectFolder(files: Set(files.keys), executables: executables) { files[$0] }
        return try ProjectGuess(folder, runtime: runtime, versions: Self.versions)
    }

    @Test(
        arguments: [
            (
                ["lambda_function.py": "def lambda_handler(event, context):"], "python3.11",
                "lambda_function.lambda_handler"
            ),
            (["app.py": "import os\ndef handler(event, context): pass"], "python3.11", "app.handler"),
            (["app.py": "handler = make()\nimport x\nhandler = 1"], "python3.11", "app.handler"),
            (["main.py": "nothing known"], "python3.11", "main.lambda_handler"),
            (["orders.py": "def handler(e, c): 1"], "python3.11", "orders.handler"),
            (["util.py": "", "app.py": "def main(e, c): 1"], "python3.11", "app.main"),
            (["index.mjs": "export const handler = async () => 1"], "nodejs20.x", "index.handler"),
            (["index.js": "exports.handler = async () => 1", "package.json": "{}"], "nodejs20.x", "index.handler"),
            (["app.js": "module.exports = { lambdaHandler: f }"], "nodejs20.x", "app.lambdaHandler"),
            (
                ["lambda_function.rb": "def lambda_handler(event:, context:)"], "ruby3.4",
                "lambda_function.lambda_handler"
            ),
        ] as [([String: String], String, String)])
    func filesTellRuntimeAndHandler(_ files: [String: String], _ runtime: String, _ handler: String) throws {
        #expect(try guess(files) == ProjectGuess(runtime: runtime, handler: handler))
    }

    @Test func anExecutableBootstrapGoesFirst() throws {
        let files = ["bootstrap": "", "app.py": "def handler(e, c): 1"]
        #expect(try guess(files, executables: ["bootstrap"]).runtime == "provided.al2023")
        #expect(try guess(files).runtime == "python3.11")
    }

    @Test func aChosenRuntimeLeavesTheHandler() throws {
        let files = ["app.py": "def handler(e, c): 1", "index.mjs": "export const handler = 1"]
        #expect(try guess(files, runtime: "nodejs24.x") == .init(runtime: "nodejs24.x", handler: "index.handler"))
        #expect(try guess(files, runtime: "python3.14") == .init(runtime: "python3.14", handler: "app.handler"))
    }

    @Test(
        arguments: [
            ([:], nil), (["README.md": ""], nil), (["a.py": "", "b.py": ""], nil), (["app.py": ""], "java21"),
            (["bootstrap": ""], nil), (["bootstrap": ""], "provided.al2"),
        ] as [([String: String], String?)])
    func whatIsNotToldIsAskedFor(_ files: [String: String], _ runtime: String?) {
        #expect(throws: CommandFailure.self) { try guess(files, runtime: runtime) }
    }

    @Test(
        arguments: [
            ("/a/hello", "hello"), ("/a/my app.v2/", "my-app-v2"), ("/", nil), ("/a/---", nil), ("/größe", "gr--e"),
        ] as [(String, String?)])
    func foldersNameFunctions(_ folder: String, _ name: String?) {
        #expect(FunctionName.suggested(byFolder: folder) == name)
    }
}
