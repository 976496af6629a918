import ApusCommand
import ApusShapes
import ApusWire
import ArgumentParser

struct List: ClientJob {
    static let configuration = CommandConfiguration(
        abstract: "List the functions.",
        discussion: "Exit codes: 0 done, 2 the server refused the request, 3 nothing answered.")

    @OptionGroup var client: ClientOptions

    func perform(_ context: ClientContext) async throws {
        var functions: [Lambda.FunctionConfiguration] = []
        var marker: String?
        repeat {
            let page = try await context.call(Lambda.listFunctions, .init(marker: marker))
            functions += page.functions ?? []
            marker = page.nextMarker.nonEmpty
        } while marker != nil
        functions.sort { ($0.functionName ?? "") < ($1.functionName ?? "") }
        if context.isJSON {
            Terminal.line(JSON.array(functions.map(object)).text)
            return
        }
        var table = TextTable(["NAME", "RUNTIME", "HANDLER", "MEMORY", "TIMEOUT", "SIZE", "MODIFIED"])
        for function in functions {
            table.add([
                function.functionName ?? "", function.runtime ?? "", function.handler ?? "",
                "\(function.memorySize ?? 0) MB", "\(function.timeout ?? 0)s", Quantity.bytes(function.codeSize ?? 0),
                function.lastModified ?? "",
            ])
        }
        if !functions.isEmpty || !Terminal.isInteractive {
            Terminal.write(table.text(isInteractive: Terminal.isInteractive))
        } else {
            Terminal.line("no functions yet; `apus deploy DIR` makes one")
        }
    }

    private func object(_ function: Lambda.FunctionConfiguration) -> JSON {
        ClientContext.object([
            ("name", function.functionName.json), ("arn", function.functionArn.json),
            ("runtime", function.runtime.json),
            ("handler", function.handler.json), ("memory", function.memorySize.json),
            ("timeout", function.timeout.json), ("size", function.codeSize.json),
            ("sha256", function.codeSha256.json), ("modified", function.lastModified.json),
        ])
    }
}
