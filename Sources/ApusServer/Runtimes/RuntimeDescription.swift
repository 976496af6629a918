import ApusEngine
import Foundation

/// A runtime's data file: `Runtimes/FAMILY/ID.json`. A new version of a language is a new file.
struct RuntimeDescription: Decodable, Sendable {
    struct Mount: Decodable, Sendable {
        var source: String
        var target: String
    }

    struct Product: Decodable, Sendable {
        var file: String

        /// What a host without it lacks, for the operator.
        var needs: String
    }

    /// The identifier that clients name.
    var id: String

    /// Where the language's program may be; the first that exists and is of the version is used. Empty for OS-only runtimes.
    var interpreters: [String]

    /// Prints the version; `{interpreter}` stands for the program.
    var versionCommand: [String]?

    /// How the version's first line begins.
    var versionPrefix: String?

    /// Run once before the first use, with the folder of the data file as `{bundle}`; its failure costs speed only.
    var prepare: [String]?

    /// What ``prepare`` has to have made; absent where it only saves time.
    var product: Product?

    /// Where the function's own program may be, for runtimes without one.
    var entrypoints: [String]?
    var mounts: [Mount]
    var arguments: [String]
    var environment: [String: String]
    var executionEnvironment: String?
    var framedLogs: Bool
    var runtimeVersion: String

    /// Absent for runtimes that cannot wait ahead of demand.
    var cell: RuntimeBundle.Cell?

    /// Prefixes of variables that cannot come by message; absent without ``cell``.
    var bootVariables: [String]?

    static func read(_ file: URL) throws -> Self { try JSONDecoder().decode(Self.self, from: Data(contentsOf: file)) }
}
