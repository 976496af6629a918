import ApusCommand
import ApusShapes
import ApusWire
import ArgumentParser

struct Delete: ClientJob {
    static let configuration = CommandConfiguration(
        abstract: "Delete a function, or one of its versions.",
        discussion: "Exit codes: 0 done, 2 the server refused it (there is no such function), 3 nothing answered.")

    @Argument(help: "The function's name or ARN.")
    var name: String

    @Option(help: "Delete this version only.")
    var qualifier: String?

    @OptionGroup var client: ClientOptions

    func perform(_ context: ClientContext) async throws {
        _ = try await context.call(Lambda.deleteFunction, .init(functionName: name, qualifier: qualifier))
        if context.isJSON {
            Terminal.line(ClientContext.object([("deleted", .string(name)), ("qualifier", qualifier.json)]).text)
        } else {
            Terminal.line("\(qualifier.map { "\(name):\($0)" } ?? name) deleted")
        }
    }
}
