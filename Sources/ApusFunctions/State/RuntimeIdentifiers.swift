/// Which runtime identifiers may be used for new code.
///
/// - Source: Lambda developer guide, "Lambda runtimes"; recorded refusals.
enum RuntimeIdentifiers {
    static let accepted: [String] = [
        "nodejs20.x", "nodejs22.x", "nodejs24.x", "python3.10", "python3.11", "python3.12", "python3.13", "python3.14",
        "java8.al2", "java11", "java17", "java21", "java25", "dotnet8", "dotnet10", "ruby3.2", "ruby3.3", "ruby3.4",
        "ruby4.0", "provided.al2", "provided.al2023",
    ]

    static let deprecated: Set<String> = [
        "nodejs", "nodejs4.3", "nodejs4.3-edge", "nodejs6.10", "nodejs8.10", "nodejs10.x", "nodejs12.x", "nodejs14.x",
        "nodejs16.x", "nodejs18.x", "python2.7", "python3.6", "python3.7", "python3.8", "python3.9", "java8",
        "dotnet5.0", "ruby2.5",
        "ruby2.7",
        "provided",
    ]

    /// Those that AWS has retired and Apus has not: accepted where the host can run them, with a warning in the server's log.
    static let retired: Set<String> = [
        "dotnetcore1.0", "dotnetcore2.0", "dotnetcore2.1", "dotnetcore3.1", "dotnet6", "go1.x",
    ]
}
