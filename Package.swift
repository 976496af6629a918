// swift-tools-version: 6.2

import PackageDescription

/// One strict set for every Swift target.
let strict: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
    .treatAllWarnings(as: .error),
]

let strictC: [CSetting] = [
    .unsafeFlags(["-std=gnu11", "-O2", "-Wall", "-Wextra", "-Werror"])
]

// Products used by more than one target.
let nioCore: Target.Dependency = .product(name: "NIOCore", package: "swift-nio")
let nioPosix: Target.Dependency = .product(name: "NIOPosix", package: "swift-nio")
let nioHTTP1: Target.Dependency = .product(name: "NIOHTTP1", package: "swift-nio")
let logging: Target.Dependency = .product(name: "Logging", package: "swift-log")
let metrics: Target.Dependency = .product(name: "CoreMetrics", package: "swift-metrics")
let crypto: Target.Dependency = .product(name: "Crypto", package: "swift-crypto")
let lifecycle: Target.Dependency = .product(name: "ServiceLifecycle", package: "swift-service-lifecycle")

func library(_ name: String, path: String? = nil, _ dependencies: [Target.Dependency] = []) -> Target {
    .target(name: name, dependencies: dependencies, path: path, swiftSettings: strict)
}

func tests(_ name: String, _ dependencies: [Target.Dependency] = []) -> Target {
    .testTarget(name: "\(name)Tests", dependencies: [.target(name: name)] + dependencies, swiftSettings: strict)
}

let package = Package(
    name: "apus",
    products: [
        .executable(name: "apus", targets: ["apus"]),
        .executable(name: "apus-launcher", targets: ["apus-launcher"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", exact: "1.8.2"),
        .package(url: "https://github.com/apple/swift-configuration", exact: "1.4.0", traits: ["YAML"]),
        .package(url: "https://github.com/apple/swift-crypto", exact: "4.5.2"),
        .package(url: "https://github.com/apple/swift-http-types", exact: "1.8.0"),
        .package(url: "https://github.com/apple/swift-log", exact: "1.16.2"),
        .package(url: "https://github.com/apple/swift-metrics", exact: "2.13.0"),
        .package(url: "https://github.com/apple/swift-nio", exact: "2.101.2"),
        .package(url: "https://github.com/apple/swift-nio-extras", exact: "1.35.2"),
        .package(url: "https://github.com/groue/GRDB.swift", exact: "7.10.0"),
        .package(url: "https://github.com/swift-server/async-http-client", exact: "1.37.0"),
        .package(url: "https://github.com/hummingbird-project/hummingbird", exact: "2.28.1", traits: []),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle", exact: "2.13.0"),
    ],
    targets: [
        // Mechanism in C.
        .target(name: "CApusLinux", cSettings: strictC),
        .executableTarget(
            name: "apus-launcher", path: "Sources/CApusLauncher", cSettings: strictC,
            linkerSettings: [.unsafeFlags(["-static-executable", "-nostartfiles"])]),
        .systemLibrary(name: "CLibArchive", pkgConfig: "libarchive", providers: [.apt(["libarchive-dev"])]),

        // What Apus exists for.
        library("ApusModel"),
        library("ApusHTTP", [nioCore]),
        library("ApusWire", ["ApusHTTP", "ApusModel", nioCore, crypto]),
        library("ApusShapes", ["ApusWire"]),
        library("ApusStore", ["ApusModel"]),
        library("ApusSandbox", ["ApusModel", "CApusLinux"]),
        library("ApusRuntimeAPI", ["ApusHTTP", "ApusWire", "ApusModel", nioCore, nioPosix]),
        library("ApusMetrics", ["ApusModel", metrics]),
        library(
            "ApusEngine",
            [
                "ApusSandbox", "ApusRuntimeAPI", "ApusMetrics", "ApusWire", "ApusModel", nioCore, nioPosix, nioHTTP1,
                logging,
            ]),

        // Engines and tools behind the seams.
        library(
            "ApusStoreSQLite", ["ApusStore", "ApusModel", crypto, .product(name: "GRDB", package: "GRDB.swift")]),
        library("ApusArchive", ["ApusModel", "CLibArchive"]),
        library(
            "ApusImages",
            [
                "ApusArchive", "ApusStore", "ApusWire", "ApusModel", "CApusLinux", crypto, logging, nioCore, nioPosix,
                nioHTTP1,
                .product(name: "AsyncHTTPClient", package: "async-http-client"),
            ]),

        // The AWS services.
        library("ApusServiceKit", ["ApusModel", "ApusWire", "ApusStore", logging]),
        library("ApusFunctions", ["ApusServiceKit", "ApusShapes", "ApusArchive", crypto, logging, lifecycle]),
        library("ApusInvoke", ["ApusServiceKit", "ApusEngine", "ApusHTTP", nioCore, nioHTTP1, logging, lifecycle]),
        library("ApusLogs", path: "Sources/Services/ApusLogs", ["ApusServiceKit", "ApusShapes", logging, lifecycle]),
        library("ApusIAM", path: "Sources/Services/ApusIAM", ["ApusServiceKit", "ApusShapes", crypto]),

        // The whole.
        library(
            "ApusServer",
            [
                "ApusFunctions", "ApusInvoke", "ApusLogs", "ApusIAM", "ApusStoreSQLite", "ApusEngine", "ApusSandbox",
                "ApusMetrics", "ApusArchive", "ApusImages", "ApusStore", "ApusModel", "ApusServiceKit", "ApusWire",
                crypto,
                .product(name: "HummingbirdCore", package: "hummingbird"),
                .product(name: "HTTPTypes", package: "swift-http-types"),
                .product(name: "NIOHTTPTypes", package: "swift-nio-extras"),
                .product(name: "NIOHTTPTypesHTTP1", package: "swift-nio-extras"),
                .product(name: "UnixSignals", package: "swift-service-lifecycle"),
                lifecycle, logging, nioCore, nioPosix, nioHTTP1,
            ]),
        library(
            "ApusCommand",
            [
                "ApusShapes", "ApusWire", "ApusModel", .product(name: "Configuration", package: "swift-configuration"),
                crypto, nioCore, nioPosix, nioHTTP1,
            ]),
        .executableTarget(
            name: "apus",
            dependencies: [
                "ApusCommand", "ApusServer", "ApusSandbox", "ApusShapes", "ApusArchive", "ApusWire", "ApusModel",
                .product(name: "ArgumentParser", package: "swift-argument-parser"), logging,
            ],
            swiftSettings: strict),
        library(
            "ApusTesting",
            [
                "ApusServer", "ApusEngine", "ApusMetrics", "ApusSandbox", "ApusServiceKit", "ApusStore",
                "ApusStoreSQLite", "ApusWire", "ApusModel", logging, nioCore, nioPosix,
            ]),

        tests("ApusModel", ["ApusTesting"]),
        tests("ApusHTTP", ["ApusTesting", nioCore]),
        tests("ApusServer", ["ApusEngine", "ApusStore", "ApusModel", logging, nioPosix]),
        tests("ApusCommand", ["ApusShapes", "ApusWire", "ApusModel"]),
        tests("ApusWire", ["ApusTesting", "ApusModel", nioCore]),
        tests("ApusShapes", ["ApusTesting", "ApusWire", "ApusModel", nioCore]),
        tests("ApusStoreSQLite", ["ApusStore", "ApusTesting", "ApusModel"]),
        tests("ApusArchive", ["ApusTesting"]),
        tests("ApusImages", ["ApusTesting", "ApusStore", "ApusModel", crypto, logging, nioPosix]),
        tests("ApusSandbox", ["ApusModel"]),
        tests("ApusRuntimeAPI", ["ApusTesting", "ApusModel", nioCore, nioPosix]),
        tests("ApusMetrics", ["ApusTesting", "ApusModel", metrics]),
        tests(
            "ApusEngine",
            [
                "ApusTesting", "ApusSandbox", "ApusRuntimeAPI", "ApusMetrics", "ApusWire", "ApusModel", nioCore,
                nioPosix,
            ]),
        tests("ApusServiceKit", ["ApusTesting", "ApusShapes", "ApusWire", "ApusStore", "ApusModel", logging, nioCore]),
        tests(
            "ApusFunctions",
            [
                "ApusTesting", "ApusArchive", "ApusServiceKit", "ApusShapes", "ApusStore", "ApusWire", "ApusModel",
                logging,
            ]),
        tests(
            "ApusInvoke",
            [
                "ApusTesting", "ApusEngine", "ApusServiceKit", "ApusShapes", "ApusStore", "ApusWire", "ApusModel",
                lifecycle,
                logging, nioCore, nioHTTP1, .product(name: "NIOEmbedded", package: "swift-nio"),
            ]),
        tests(
            "ApusLogs",
            ["ApusTesting", "ApusServiceKit", "ApusShapes", "ApusStore", "ApusWire", "ApusModel", lifecycle, logging]),
        tests("ApusIAM", ["ApusTesting", "ApusServiceKit", "ApusShapes", "ApusModel"]),
    ]
)
