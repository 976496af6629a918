/// Runtime and handler of a folder of code, by its files.
package struct ProjectGuess: Equatable, Sendable {
    package var runtime: String
    package var handler: String

    /// Versions of languages on this host, as runtime identifiers.
    package struct Versions: Sendable {
        package var python: String
        package var node: String
        package var ruby: String

        package init(python: String, node: String, ruby: String) {
            self.python = python
            self.node = node
            self.ruby = ruby
        }
    }

    package init(runtime: String, handler: String) {
        self.runtime = runtime
        self.handler = handler
    }

    /// - Parameter runtime: what the user chose; leaves the handler to be guessed.
    /// - Throws: what is missing, and the options that say it.
    package init(_ folder: ProjectFolder, runtime chosen: String?, versions: Versions) throws(CommandFailure) {
        let families: [(isMeant: Bool, guess: () -> ProjectGuess?)] = [
            (Self.isOf(chosen, "provided"), { Self.custom(folder, chosen) }),
            (Self.isOf(chosen, "python"), { Self.script(folder, Self.python(versions), chosen) }),
            (Self.isOf(chosen, "nodejs"), { Self.script(folder, Self.node(versions), chosen) }),
            (Self.isOf(chosen, "ruby"), { Self.script(folder, Self.ruby(versions), chosen) }),
        ]
        for family in families where family.isMeant {
            if let guess = family.guess() {
                self = guess
                return
            }
        }
        if folder.files.contains("bootstrap"), !folder.executables.contains("bootstrap") {
            throw CommandFailure(.local, "bootstrap is not executable; `chmod +x bootstrap`, then deploy again")
        }
        let subject = chosen.map { "a handler for \($0)" } ?? "the runtime"
        throw CommandFailure(
            .local,
            "the files do not tell \(subject); name it with \(chosen == nil ? "--runtime and " : "")--handler "
                + "(known are app.py, lambda_function.py, main.py, index.mjs, index.js, app.js, bootstrap and their like)"
        )
    }

    private struct Language {
        var runtime: String
        /// In the order of preference.
        var stems: [String]
        var endings: [String]
        /// Finds the function that AWS's examples and most people would call.
        var functions: [String]
        var declarations: [String]
    }

    private static func isOf(_ chosen: String?, _ family: String) -> Bool { chosen?.hasPrefix(family) ?? true }

    private static func custom(_ folder: ProjectFolder, _ chosen: String?) -> ProjectGuess? {
        guard folder.executables.contains("bootstrap") else { return nil }
        return ProjectGuess(runtime: chosen ?? "provided.al2023", handler: "bootstrap")
    }

    private static func script(_ folder: ProjectFolder, _ language: Language, _ chosen: String?) -> ProjectGuess? {
        var names: [(stem: String, file: String)] = []
        for stem in language.stems {
            for ending in language.endings where folder.files.contains(stem + ending) {
                names.append((stem, stem + ending))
            }
        }
        // A single file of the language is the one that is meant, whatever its name.
        if names.isEmpty {
            let own = folder.files.filter { file in language.endings.contains { file.hasSuffix($0) } }.sorted()
            guard own.count == 1, let file = own.first, let dot = file.lastIndex(of: ".") else { return nil }
            names = [(String(file[..<dot]), file)]
        }
        let runtime = chosen ?? language.runtime
        for name in names {
            let text = folder.text(name.file) ?? ""
            for function in language.functions {
                let isThere = language.declarations.contains { text.contains($0.replacing("NAME", with: function)) }
                if isThere { return ProjectGuess(runtime: runtime, handler: "\(name.stem).\(function)") }
            }
        }
        return ProjectGuess(runtime: runtime, handler: "\(names[0].stem).\(language.functions[0])")
    }

    private static func python(_ versions: Versions) -> Language {
        Language(
            runtime: versions.python, stems: ["lambda_function", "app", "handler", "main", "index", "function"],
            endings: [".py"], functions: ["lambda_handler", "handler", "main"],
            declarations: ["def NAME(", "\nNAME ="])
    }

    private static func node(_ versions: Versions) -> Language {
        Language(
            runtime: versions.node, stems: ["index", "app", "handler", "main", "lambda"],
            endings: [".mjs", ".js", ".cjs"],
            functions: ["handler", "lambdaHandler", "main"],
            declarations: ["exports.NAME", "const NAME", "function NAME", "as NAME", "NAME:"])
    }

    private static func ruby(_ versions: Versions) -> Language {
        Language(
            runtime: versions.ruby, stems: ["lambda_function", "app", "handler", "main"], endings: [".rb"],
            functions: ["lambda_handler", "handler"], declarations: ["def NAME("])
    }
}

/// Names of functions.
package enum FunctionName {
    /// The folder's name with everything replaced that a function's name cannot have; nil when nothing is left.
    package static func suggested(byFolder path: String) -> String? {
        let name = path.split(separator: "/").last ?? ""
        let allowed = name.map { $0.isASCII && ($0.isLetter || $0.isNumber || $0 == "-" || $0 == "_") ? $0 : "-" }
        let trimmed = String(allowed).trimmingDashes.prefix(64)
        return trimmed.isEmpty ? nil : String(trimmed)
    }
}

extension String {
    fileprivate var trimmingDashes: Substring {
        let start = drop { $0 == "-" }
        guard let last = start.lastIndex(where: { $0 != "-" }) else { return start.prefix(0) }
        return start[...last]
    }
}
