import ApusWire

/// How a folder of source code becomes what is deployed. A folder that a runtime can take as it is needs none.
package struct ProjectBuild: Equatable, Sendable {
    /// The program that does it, for messages.
    package var tool: String

    /// For `/bin/sh -e` in the folder. Leaves what is to be packed in `$ARTIFACTS_DIR`, an empty folder.
    package var script: String

    /// What it makes is one program, which brings its own runtime.
    package var isProgram: Bool

    /// Asked in the folder before ``script``, whose `$PRODUCT` is found in the answer by ``product(in:)``.
    package var question: [String]?

    /// - Returns: nil for a folder that is packed as it is: a script, or a program that was built before.
    package init?(_ folder: ProjectFolder) {
        if folder.executables.contains("bootstrap") { return nil }
        if folder.files.contains("Makefile"), let target = Self.target(folder.text("Makefile") ?? "") {
            self.init(tool: "make", script: "make \(target)", isProgram: false)
        } else if folder.files.contains("Package.swift") {
            self.init(
                tool: "swift",
                script: """
                    swift build -c release --static-swift-stdlib --product "$PRODUCT"
                    cp "$(swift build -c release --show-bin-path)/$PRODUCT" "$ARTIFACTS_DIR/bootstrap"
                    """,
                isProgram: true, question: ["swift", "package", "describe", "--type", "json"])
        } else if folder.files.contains("go.mod") {
            self.init(
                tool: "go", script: "CGO_ENABLED=0 go build -trimpath -o \"$ARTIFACTS_DIR/bootstrap\" .",
                isProgram: true)
        } else if folder.files.contains("Cargo.toml") {
            self.init(
                tool: "cargo",
                script: """
                    cargo install --quiet --path . --no-track --root "$ARTIFACTS_DIR/built"
                    mv "$ARTIFACTS_DIR"/built/bin/* "$ARTIFACTS_DIR/bootstrap"
                    rm -r "$ARTIFACTS_DIR/built"
                    """,
                isProgram: true)
        } else {
            return nil
        }
    }

    private init(tool: String, script: String, isProgram: Bool, question: [String]? = nil) {
        self.tool = tool
        self.script = script
        self.isProgram = isProgram
        self.question = question
    }

    /// The program that a Swift package makes.
    ///
    /// - Parameter description: of `swift package describe --type json`.
    /// - Throws: what the package should have: exactly one executable product.
    package static func product(in description: [UInt8]) throws(CommandFailure) -> String {
        guard let package = try? JSON(parsing: description), let products = package["products"]?.array else {
            throw CommandFailure(.local, "`swift package describe` gave no description of the package")
        }
        let programs = products.filter { $0["type"]?["executable"] != nil }.compactMap { $0["name"]?.string }
        guard programs.count == 1, let program = programs.first else {
            let found = programs.isEmpty ? "none" : programs.joined(separator: ", ")
            throw CommandFailure(.local, "a function is a package with one executable product; this one has \(found)")
        }
        return program
    }

    /// The first target `build-NAME`.
    ///
    /// - Source: SAM developer guide, "Building custom runtimes": the makefile build method.
    private static func target(_ makefile: String) -> Substring? {
        for line in makefile.split(separator: "\n") where line.hasPrefix("build-") {
            let name = line.prefix { $0.isASCII && ($0.isLetter || $0.isNumber || $0 == "-" || $0 == "_") }
            if name.count > "build-".count, line.dropFirst(name.count).first == ":" { return name }
        }
        return nil
    }
}
