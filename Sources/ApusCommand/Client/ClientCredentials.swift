package import ApusWire
import Glibc

/// The key that a client command signs with.
package struct ClientCredentials: Sendable {
    package enum Origin: Equatable, Sendable, CustomStringConvertible {
        case environment
        case file(String)
        /// `test`, which a server with --dev accepts.
        case standard

        package var description: String {
            switch self {
            case .environment: "AWS_ACCESS_KEY_ID"
            case .file(let path): path
            case .standard: "the default test/test"
            }
        }
    }

    package let signing: SigningCredential
    package let origin: Origin

    /// The environment's key, else that of the file, else `test`.
    ///
    /// - Parameter usesEnvironment: false leaves `AWS_ACCESS_KEY_ID` out, which `apus env` is about to set.
    package init(
        _ settings: Settings, _ environment: [String: String], usesEnvironment: Bool = true
    ) throws(CommandFailure) {
        if usesEnvironment, let key = environment["AWS_ACCESS_KEY_ID"].nonEmpty,
            let secret = environment["AWS_SECRET_ACCESS_KEY"].nonEmpty
        {
            let token = environment["AWS_SESSION_TOKEN"].nonEmpty
            signing = SigningCredential(accessKey: key, secret: secret, sessionToken: token)
            origin = .environment
            return
        }
        if !settings.isDevelopment, let text = try Self.read(settings.credentialsFile) {
            let profile = Self.profile("default", in: text)
            guard let key = profile["aws_access_key_id"], let secret = profile["aws_secret_access_key"] else {
                throw CommandFailure(.local, "\(settings.credentialsFile) has no [default] profile with a key")
            }
            signing = SigningCredential(accessKey: key, secret: secret)
            origin = .file(settings.credentialsFile)
            return
        }
        signing = SigningCredential(accessKey: "test", secret: "test")
        origin = .standard
    }

    /// The names and values of a profile in AWS's shared credentials format.
    package static func profile(_ name: String, in text: String) -> [String: String] {
        var values: [String: String] = [:]
        var isInside = false
        for line in text.split(whereSeparator: \.isNewline) {
            let line = line.trimmed
            if line.hasPrefix("["), line.hasSuffix("]") {
                isInside = line.dropFirst().dropLast().trimmed == name
            } else if isInside, let equals = line.firstIndex(of: "="), line.first != "#", line.first != ";" {
                values[String(line[..<equals].trimmed)] = String(line[line.index(after: equals)...].trimmed)
            }
        }
        return values
    }

    /// - Returns: nil when there is no such file.
    private static func read(_ path: String) throws(CommandFailure) -> String? {
        do throws(LocalFileError) {
            return String(decoding: try LocalFile.read(path), as: UTF8.self)
        } catch {
            switch error.errno {
            case ENOENT, ENOTDIR: return nil
            case EACCES:
                throw CommandFailure(
                    .local,
                    "\(path) is for the server's owner only; run this as that user, or set AWS_ACCESS_KEY_ID and "
                        + "AWS_SECRET_ACCESS_KEY")
            default: throw CommandFailure(.local, "\(path) cannot be read: \(error.reason)")
            }
        }
    }
}

extension StringProtocol {
    package var trimmed: SubSequence {
        let start = drop { $0.isWhitespace }
        guard let last = start.lastIndex(where: { !$0.isWhitespace }) else { return start.prefix(0) }
        return start[...last]
    }
}
