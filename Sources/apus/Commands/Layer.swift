import ApusCommand
import ApusShapes
import ApusWire
import ArgumentParser

struct Layer: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Publish, list and delete layers: files that several functions share in /opt.",
        subcommands: [Publish.self, List.self, Delete.self])

    /// - Parameter text: an ARN, or `NAME:VERSION` for a layer of one's own.
    static func versionARN(_ text: String, _ context: ClientContext) throws(CommandFailure) -> String {
        if text.hasPrefix("arn:") { return text }
        let (name, version) = try parts(text)
        return "arn:aws:lambda:\(context.api.region):\(context.settings.account):layer:\(name):\(version)"
    }

    fileprivate static func parts(_ text: String) throws(CommandFailure) -> (name: String, version: Int) {
        guard let colon = text.lastIndex(of: ":"), let version = Int(text[text.index(after: colon)...]) else {
            throw CommandFailure(.local, "\(text) must look like NAME:VERSION or be the ARN of a layer's version")
        }
        return (String(text[..<colon]), version)
    }
}

extension Layer {
    struct Publish: ClientJob {
        static let configuration = CommandConfiguration(
            abstract: "Make a new version of a layer of a folder.",
            discussion: """
                The folder's content becomes /opt: modules for Python belong into python/, packages for Node.js into \
                nodejs/node_modules/, programs into bin/, libraries into lib/, extensions into extensions/.

                Exit codes: 0 done, 2 the server refused it, 3 nothing answered, 4 the folder cannot be used.
                """)

        @Argument(help: ArgumentHelp("The folder.", valueName: "dir"))
        var folder: String

        @Option(help: "The layer's name (default: the folder's).")
        var name: String?

        @Option(help: "What it is.")
        var description: String?

        @Option(
            name: .customLong("runtime"),
            help: ArgumentHelp("A runtime that it is for; may be repeated.", valueName: "runtime"))
        var runtimes: [String] = []

        @OptionGroup var client: ClientOptions

        func perform(_ context: ClientContext) async throws {
            let folder = try CodeFolder(folder)
            guard let name = name ?? FunctionName.suggested(byFolder: folder.path) else {
                throw CommandFailure(.local, "the folder's name makes no layer's name; choose one with --name")
            }
            let published = try await context.call(
                Lambda.publishLayerVersion,
                .init(
                    layerName: name, description: description, content: .init(zipFile: try folder.pack()),
                    compatibleRuntimes: runtimes.isEmpty ? nil : runtimes),
                timeout: .seconds(300))
            if context.isJSON {
                let object = ClientContext.object([
                    ("name", .string(name)), ("version", published.version.json),
                    ("arn", published.layerVersionArn.json), ("size", published.content?.codeSize.json),
                    ("sha256", published.content?.codeSha256.json),
                ])
                Terminal.line(object.text)
            } else {
                Terminal.line(published.layerVersionArn ?? "")
            }
        }
    }

    struct List: ClientJob {
        static let configuration = CommandConfiguration(
            abstract: "List the layers with their latest versions, or the versions of one.",
            discussion: "Exit codes: 0 done, 2 the server refused the request, 3 nothing answered.")

        @Argument(help: "The layer's name or ARN.")
        var name: String?

        @OptionGroup var client: ClientOptions

        func perform(_ context: ClientContext) async throws {
            let rows = try await rows(context)
            if context.isJSON {
                let objects = rows.map { name, version in
                    ClientContext.object([
                        ("name", .string(name)), ("version", version.version.json),
                        ("arn", version.layerVersionArn.json), ("description", version.description.json),
                        ("runtimes", version.compatibleRuntimes.map { .array($0.map { .string($0) }) }),
                        ("created", version.createdDate.json),
                    ])
                }
                Terminal.line(JSON.array(objects).text)
                return
            }
            var table = TextTable(["NAME", "VERSION", "RUNTIMES", "CREATED", "DESCRIPTION"])
            for (name, version) in rows {
                table.add([
                    name, version.version.map(String.init) ?? "",
                    version.compatibleRuntimes?.joined(separator: ",") ?? "",
                    version.createdDate ?? "", version.description ?? "",
                ])
            }
            if !rows.isEmpty || !Terminal.isInteractive {
                Terminal.write(table.text(isInteractive: Terminal.isInteractive))
            } else {
                Terminal.line("no layers yet; `apus layer publish DIR` makes one")
            }
        }

        private func rows(
            _ context: ClientContext
        ) async throws(CommandFailure) -> [(name: String, version: Lambda.LayerVersionsListItem)] {
            var rows: [(name: String, version: Lambda.LayerVersionsListItem)] = []
            var marker: String?
            repeat {
                if let name {
                    let page = try await context.call(
                        Lambda.listLayerVersions, .init(layerName: name, marker: marker))
                    rows += (page.layerVersions ?? []).map { (name: name, version: $0) }
                    marker = page.nextMarker.nonEmpty
                } else {
                    let page = try await context.call(Lambda.listLayers, .init(marker: marker))
                    for layer in page.layers ?? [] {
                        guard let latest = layer.latestMatchingVersion else { continue }
                        rows.append((name: layer.layerName ?? "", version: latest))
                    }
                    marker = page.nextMarker.nonEmpty
                }
            } while marker != nil
            return rows
        }
    }

    struct Delete: ClientJob {
        static let configuration = CommandConfiguration(
            abstract: "Delete a version of a layer. Functions that have it keep it.",
            discussion: "Exit codes: 0 done, 2 the server refused it, 3 nothing answered.")

        @Argument(help: ArgumentHelp("The version, or its ARN.", valueName: "name:version"))
        var version: String

        @OptionGroup var client: ClientOptions

        func perform(_ context: ClientContext) async throws {
            let (name, number) = try Layer.parts(version)
            _ = try await context.call(Lambda.deleteLayerVersion, .init(layerName: name, versionNumber: number))
            if context.isJSON {
                Terminal.line(ClientContext.object([("deleted", .string(version))]).text)
            } else {
                Terminal.line("\(version) deleted")
            }
        }
    }
}
