package import ApusModel

/// What is in force after flags, environment, file and defaults were asked in this order.
package struct Settings: Sendable {
    package var data: String
    package var listen: ListenAddress
    package var isDevelopment: Bool
    package var driver: String
    package var account: AccountID
    package var region: Region
    package var eventLoops: Int
    package var runtimes: String?
    package var runtimeMap: [String: String]
    package var interpreters: [String: String]

    /// Folders that container images may be taken from.
    package var imageFolders: [String]
    package var idleTimeout: Duration
    package var concurrency: Int

    /// Bytes a second of a streamed answer behind its first 6 MiB; 0 for as many as there are.
    package var streamBandwidth: Int

    /// Where function URLs lead.
    package var functionURLAddress: FunctionURLAddress
    package var logLevel: String

    /// Each setting as text, and whence, in the order of ``SettingKey``.
    package let origins: [(key: SettingKey, value: String, origin: SettingOrigin)]

    package var credentialsFile: String { "\(data)/credentials" }

    package static let drivers = ["linux", "userns", "process"]
    package static let logLevels = ["trace", "debug", "info", "notice", "warning", "error", "critical"]

    /// - Throws: a failure that names the setting, its origin and what is allowed.
    package init(_ sources: SettingSources) throws(CommandFailure) {
        var reader = SettingReader(sources)
        data = try reader.path(.data) ?? sources.defaultData
        listen = try reader.value(.listen, "127.0.0.1:4566", "HOST:PORT") { ListenAddress($0) }
        isDevelopment = try reader.value(.dev, "false", "true or false", SettingReader.flag)
        driver = try reader.value(.driver, sources.defaultDriver, "linux, userns or process") {
            Self.drivers.contains($0) ? $0 : nil
        }
        account = try reader.value(.account, AccountID.standard.digits, "twelve digits") { AccountID($0) }
        region = try reader.value(.region, Region.standard.name, "a region such as us-east-1") { Region(checking: $0) }
        eventLoops = try reader.value(.eventLoops, String(sources.defaultEventLoops), "a number from 1 to 256") {
            Int($0).flatMap { (1...256).contains($0) ? $0 : nil }
        }
        runtimes = try reader.path(.runtimes)
        runtimeMap = try reader.map(.runtimeMap)
        interpreters = try reader.map(.interpreters)
        imageFolders = try reader.value(.imageFolder, "", "absolute folders, with colons between them") {
            let folders = $0.split(separator: ":").map(String.init)
            return folders.allSatisfy { $0.hasPrefix("/") } ? folders : nil
        }
        idleTimeout = try reader.value(.idleTimeout, "10m", "a duration such as 90s, 10m or 1h") {
            DurationText.parse($0).flatMap { $0 >= .seconds(1) ? $0 : nil }
        }
        concurrency = try reader.value(.concurrency, "1000", "a number from 1 to 1000000") {
            Int($0).flatMap { (1...1_000_000).contains($0) ? $0 : nil }
        }
        streamBandwidth = try reader.value(
            .streamBandwidth, "2097152", "bytes a second from 32768 to 67108864, or 0 for no limit"
        ) {
            Int($0).flatMap { $0 == 0 || (32_768...67_108_864).contains($0) ? $0 : nil }
        }
        functionURLAddress = try reader.value(
            .functionURLDomain, "localhost", "a domain such as fn.example.com or https://fn.example.com"
        ) { FunctionURLAddress($0) }
        logLevel = try reader.value(.logLevel, "notice", "one of \(Self.logLevels.joined(separator: ", "))") {
            Self.logLevels.contains($0) ? $0 : nil
        }
        reader.note(.data, data)
        origins = SettingKey.allCases.map { reader.origin($0) }
    }
}

extension Region {
    init?(checking name: String) {
        let isName = !name.isEmpty && name.utf8.count <= 32
        guard isName, name.allSatisfy({ $0.isASCII && ($0.isLowercase || $0.isNumber || $0 == "-") }) else {
            return nil
        }
        self.init(name)
    }
}

/// Where the server listens.
package struct ListenAddress: Equatable, Sendable, CustomStringConvertible {
    package let host: String

    /// 0 takes a free one.
    package let port: Int

    /// Reads `HOST:PORT`, `[IPV6]:PORT`, `:PORT` or `PORT`; without a host it is loopback.
    package init?(_ text: String) {
        var host = "127.0.0.1"
        var digits = text[...]
        if let colon = text.lastIndex(of: ":") {
            if colon != text.startIndex { host = String(text[..<colon]) }
            digits = text[text.index(after: colon)...]
        }
        if host.hasPrefix("["), host.hasSuffix("]") {
            host = String(host.dropFirst().dropLast())
        } else if host.contains(":") {
            return nil
        }
        guard !host.isEmpty, !host.contains("/"), !host.contains(" "), digits.allSatisfy(\.isNumber),
            let port = Int(digits), port <= 65_535
        else { return nil }
        self.host = host
        self.port = port
    }

    package var description: String { host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)" }

    /// Where a client on this host finds the server.
    package var url: String {
        switch host {
        case "0.0.0.0": "http://127.0.0.1:\(port)"
        case "::": "http://[::1]:\(port)"
        default: "http://\(self)"
        }
    }
}
