/// A container image that a function runs, and what the function changes of it.
package struct ImageReference: Hashable, Sendable {
    /// SHA-256 of the manifest, 64 lower-case hexadecimal digits: the blob's name.
    package var manifest: String
    package var overrides: ImageOverrides

    package init(manifest: String, overrides: ImageOverrides = ImageOverrides()) {
        self.manifest = manifest
        self.overrides = overrides
    }
}

/// `ImageConfig`: each part that is set takes the place of what the image says.
package struct ImageOverrides: Hashable, Sendable {
    package var entryPoint: [String]?
    package var command: [String]?
    package var workingDirectory: String?

    package init(entryPoint: [String]? = nil, command: [String]? = nil, workingDirectory: String? = nil) {
        self.entryPoint = entryPoint
        self.command = command
        self.workingDirectory = workingDirectory
    }
}

/// How the process of an image starts.
package struct ImageProcess: Sendable {
    /// `ENTRYPOINT`: the program and its first arguments.
    package var entryPoint: [String]

    /// `CMD`: further arguments; of an image without `ENTRYPOINT` the program is the first.
    package var command: [String]

    /// `WORKDIR`.
    package var workingDirectory: String

    /// `ENV`, in the image's order.
    package var variables: [(name: String, value: String)]

    package init(
        entryPoint: [String], command: [String], workingDirectory: String,
        variables: [(name: String, value: String)]
    ) {
        self.entryPoint = entryPoint
        self.command = command
        self.workingDirectory = workingDirectory
        self.variables = variables
    }

    /// The program and all of its arguments; empty when neither image nor function names a program.
    package var arguments: [String] { entryPoint + command }

    /// Each part is overridden by itself: with an `EntryPoint` of the function's, the image's `CMD` still counts. An empty list
    /// or text overrides nothing.
    ///
    /// - Source: Lambda developer guide, "Create a Lambda function using a container image", "Container image settings".
    package func overridden(by overrides: ImageOverrides) -> ImageProcess {
        var process = self
        if let entryPoint = overrides.entryPoint, !entryPoint.isEmpty { process.entryPoint = entryPoint }
        if let command = overrides.command, !command.isEmpty { process.command = command }
        if let folder = overrides.workingDirectory, !folder.isEmpty { process.workingDirectory = folder }
        return process
    }
}

/// An image that was found by its URI.
package struct ResolvedImage: Equatable, Sendable {
    /// As the client wrote it.
    package var uri: String

    /// The same image for good: with the digest that a tag had.
    package var resolvedURI: String

    /// That digest, 64 hexadecimal digits. Of an image for several platforms it is the whole's.
    package var digest: String

    /// Of the manifest for this platform, as ``ImageReference/manifest``.
    package var manifest: String

    /// Names of the blobs that the image consists of beside the manifest.
    package var parts: [String]

    package init(uri: String, resolvedURI: String, digest: String, manifest: String, parts: [String]) {
        self.uri = uri
        self.resolvedURI = resolvedURI
        self.digest = digest
        self.manifest = manifest
        self.parts = parts
    }
}

/// Why an image cannot be had.
package struct ImageFailure: Error, Equatable, Sendable, CustomStringConvertible {
    package enum Code: Equatable, Sendable {
        /// The text names no image, or one outside the folders that the operator has opened.
        case badReference
        case notFound
        /// The registry wants other credentials.
        case denied
        /// Neither an image for Linux nor a kind of manifest or layer that is read here.
        case unsupported
        /// Something is damaged, at odds with its digest, unsafe, or larger than allowed.
        case invalid
        /// The registry or the own disk fails; the image may be sound.
        case unavailable
    }

    package var code: Code

    /// What, on what, why.
    package var context: String

    package init(_ code: Code, _ context: String) {
        self.code = code
        self.context = context
    }

    package var description: String { context }
}
