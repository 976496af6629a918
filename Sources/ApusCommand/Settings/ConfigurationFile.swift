import Configuration
import Glibc

/// `apus.yaml`.
package struct ConfigurationFile: Sendable {
    package let path: String
    let snapshot: YAMLSnapshot?

    /// - Parameter text: may be empty or hold comments only.
    package init(path: String, text: String) throws(CommandFailure) {
        self.path = path
        let lines = text.split(whereSeparator: \.isNewline)
        for line in lines {
            guard let name = ConfigurationFile.topLevelName(line) else { continue }
            guard SettingKey(rawValue: name) != nil else {
                let known = SettingKey.allCases.map(\.rawValue).joined(separator: ", ")
                throw CommandFailure(.local, "\(path): there is no setting \"\(name)\"; there are \(known)")
            }
        }
        let isEmpty = lines.allSatisfy { $0.allSatisfy(\.isWhitespace) || $0.first == "#" || $0 == "---" }
        if isEmpty {
            snapshot = nil
            return
        }
        do {
            snapshot = try YAMLSnapshot(data: Array(text.utf8).span.bytes, providerName: path, parsingOptions: .default)
        } catch {
            let reason = "\(error)".split(whereSeparator: \.isNewline).joined(separator: " ")
            throw CommandFailure(.local, "\(path) is no readable YAML: \(reason)")
        }
    }

    /// The file that is in force: `named` or else the first of the usual places that exists.
    ///
    /// - Returns: nil when none was named and none exists.
    package static func find(
        named: String?, environment: [String: String]
    ) throws(CommandFailure) -> ConfigurationFile? {
        if let named = named ?? environment["APUS_CONFIG"].nonEmpty {
            guard let text = try read(named) else {
                throw CommandFailure(.local, "there is no configuration file \(named)")
            }
            return try ConfigurationFile(path: named, text: text)
        }
        var places = ["apus.yaml"]
        if let folder = configurationFolder(environment) { places.append("\(folder)/apus/apus.yaml") }
        for place in places {
            if let text = try read(place) { return try ConfigurationFile(path: place, text: text) }
        }
        return nil
    }

    /// Relative paths in the file are relative to the file.
    func resolved(_ value: String, home: String?) -> String {
        if value.hasPrefix("~/"), let home { return home + value.dropFirst() }
        guard !value.hasPrefix("/"), let slash = path.lastIndex(of: "/") else { return value }
        return "\(path[..<slash])/\(value)"
    }

    private static func configurationFolder(_ environment: [String: String]) -> String? {
        if let folder = environment["XDG_CONFIG_HOME"].nonEmpty, folder.hasPrefix("/") { return folder }
        return environment["HOME"].nonEmpty.map { "\($0)/.config" }
    }

    /// - Returns: nil when there is no such file.
    private static func read(_ path: String) throws(CommandFailure) -> String? {
        do throws(LocalFileError) {
            return String(decoding: try LocalFile.read(path), as: UTF8.self)
        } catch {
            if error.errno == ENOENT || error.errno == ENOTDIR { return nil }
            throw CommandFailure(.local, "\(path) cannot be read: \(error.reason)")
        }
    }

    /// YAML's reader does not tell which names there are; a name at the start of a line is one.
    private static func topLevelName(_ line: Substring) -> String? {
        guard let first = line.first, first.isLetter, let colon = line.firstIndex(of: ":") else { return nil }
        return String(line[..<colon])
    }
}

extension String? {
    /// Nil for an empty text too.
    package var nonEmpty: String? { self?.isEmpty == false ? self : nil }
}
