package import NIOCore

/// What an extension wants to be told, how it wants it gathered, and where it listens: a request to the Telemetry API, or to the
/// Logs API before it.
///
/// - Source: Lambda developer guide, "Lambda Telemetry API reference", "Lambda Logs API".
package struct TelemetrySubscription: Equatable, Sendable {
    package enum API: Equatable, Sendable {
        /// `PUT /2022-07-01/telemetry`.
        case telemetry
        /// `PUT /2020-08-15/logs`.
        case logs
    }

    /// The streams that there are.
    package enum EventType: String, CaseIterable, Sendable {
        case platform, function, `extension`
    }

    /// Older ones first.
    package enum SchemaVersion: String, CaseIterable, Comparable, Sendable {
        case logs2020 = "2020-08-15"
        case logs2021 = "2021-03-18"
        case july2022 = "2022-07-01"
        case december2022 = "2022-12-13"
        case january2025 = "2025-01-29"

        package static func < (a: Self, b: Self) -> Bool { a.rawValue < b.rawValue }
    }

    /// A batch is sent when one of these is reached.
    package struct Buffering: Equatable, Sendable {
        /// Records, 1,000...10,000.
        package var maxItems = 10_000
        /// Bytes, 256 KiB...1 MiB.
        package var maxBytes = 262_144
        /// Counted from the first record of a batch; 25 ms...30 s.
        package var timeout = Duration.seconds(1)

        package init() {}
    }

    /// Always on the environment's own loopback.
    package enum Destination: Equatable, Sendable {
        /// `host` is the value of the field of that name; `method` is `POST`, or `PUT` where the Logs API was asked for it.
        case http(method: String, host: String, port: UInt16, path: String)
        case tcp(port: UInt16)

        package var port: UInt16 {
            switch self {
            case .http(_, _, let port, _), .tcp(let port): port
            }
        }
    }

    package var api: API
    package var schemaVersion: SchemaVersion
    /// In the order of the request, each once.
    package var types: [EventType]
    package var buffering: Buffering
    package var destination: Destination

    /// Reads the body of a request.
    ///
    /// - Throws: what the extension is told; 400, or 403 for a destination outside of the environment. Nothing has changed.
    package init(api: API, body: ByteBuffer) throws(RuntimeAPIState.Refusal) {
        self = try SubscriptionReader(api).read(body)
    }

    init(
        api: API, schemaVersion: SchemaVersion, types: [EventType], buffering: Buffering, destination: Destination
    ) {
        self.api = api
        self.schemaVersion = schemaVersion
        self.types = types
        self.buffering = buffering
        self.destination = destination
    }
}

extension TelemetrySubscription.API {
    /// The APIs' own name, as in `Logs.SubscriptionClosed`.
    package var name: String {
        switch self {
        case .telemetry: "Telemetry"
        case .logs: "Logs"
        }
    }

    /// For a request after init.
    ///
    /// - Source: the public runtime interface emulator.
    package var closed: RuntimeAPIState.Refusal {
        RuntimeAPIState.Refusal(
            status: 403, type: "\(name).SubscriptionClosed", message: "\(name) API subscription is closed already",
            isFatal: false)
    }

    /// For an extension that has subscribed by the other API.
    package func taken(by extension: String, through other: Self) -> RuntimeAPIState.Refusal {
        invalid(
            "The extension \(`extension`) is already subscribed to the \(other.name)API. "
                + "You must either subscribe to the LogsAPI or the TelemetryAPI")
    }

    func invalid(_ message: String) -> RuntimeAPIState.Refusal {
        RuntimeAPIState.Refusal(
            status: 400, type: self == .logs ? "Logs.ValidationError" : "ValidationError", message: message,
            isFatal: false)
    }

    func denied(_ message: String) -> RuntimeAPIState.Refusal {
        RuntimeAPIState.Refusal(status: 403, type: "\(name).AccessDenied", message: message, isFatal: false)
    }
}
