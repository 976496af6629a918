import ApusArchive
import ApusFunctions
import ApusModel
import ApusServiceKit
import ApusShapes
import ApusStore
import ApusTesting
import ApusWire
import Foundation
import Logging

/// The control plane over a store on disk, with a sink that remembers what it was given.
struct FunctionsFixture {
    let service: FunctionsService
    let store: any Store
    let time: ManualTime
    let sink: RecordingSink

    init(
        store: any Store, time: ManualTime, sink: RecordingSink = RecordingSink(), images: (any ImageLibrary)? = nil
    ) {
        self.store = store
        self.time = time
        self.sink = sink
        service = FunctionsService(
            store: store, images: images, time: time, runtimes: SomeRuntimes(), sink: sink,
            limits: .init(concurrentExecutions: 1000), logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
    }

    static func run(_ body: (FunctionsFixture) async throws -> Void) async throws {
        try await TemporaryStore.run { store, time in try await body(FunctionsFixture(store: store, time: time)) }
    }

    /// Lends a function that has become active and a reconciler at work; the sink has forgotten how it came about.
    static func runReconciling(
        _ change: (inout Lambda.CreateFunctionRequest) -> Void = { _ in },
        _ body: (FunctionsFixture) async throws -> Void
    ) async throws {
        try await run { fixture in
            try await fixture.reconciling {
                var request = try Self.request()
                change(&request)
                _ = try await fixture.service.call(Lambda.createFunction, request)
                try await fixture.sink.events.wait(for: "the function") { $0.last == "publish hello $LATEST" }
                fixture.sink.forget()
                try await body(fixture)
            }
        }
    }

    /// Another server over the same store.
    func restarted() -> FunctionsFixture { FunctionsFixture(store: store, time: time) }

    /// Creates a function and lets it become active.
    @discardableResult
    func create(
        _ name: String = "hello", publish: Bool? = nil,
        _ change: (inout Lambda.CreateFunctionRequest) throws -> Void = { _ in }
    ) async throws -> Lambda.FunctionConfiguration {
        var request = try Self.request(name)
        request.publish = publish
        try change(&request)
        let reply = try await service.call(Lambda.createFunction, request)
        try await settle()
        return reply
    }

    static func request(_ name: String = "hello") throws -> Lambda.CreateFunctionRequest {
        Lambda.CreateFunctionRequest(
            functionName: name, runtime: "python3.12", role: "arn:aws:iam::000000000000:role/r",
            handler: "app.handler", code: Lambda.FunctionCode(zipFile: try Zip.with("v1")))
    }

    /// Does what the reconciler does in the background, but for snapshots.
    func settle() async throws { try await service.reconciler.recover() }

    func configuration(
        _ name: String = "hello", _ qualifier: String? = nil
    ) async throws -> Lambda.FunctionConfiguration {
        try await service.call(
            Lambda.getFunctionConfiguration,
            Lambda.GetFunctionConfigurationRequest(functionName: name, qualifier: qualifier))
    }

    @discardableResult
    func updateCode(
        _ content: String, _ change: (inout Lambda.UpdateFunctionCodeRequest) -> Void = { _ in }
    ) async throws -> Lambda.FunctionConfiguration {
        var request = Lambda.UpdateFunctionCodeRequest(functionName: "hello", zipFile: try Zip.with(content))
        change(&request)
        return try await service.call(Lambda.updateFunctionCode, request)
    }

    @discardableResult
    func update(
        _ change: (inout Lambda.UpdateFunctionConfigurationRequest) -> Void
    ) async throws -> Lambda.FunctionConfiguration {
        var request = Lambda.UpdateFunctionConfigurationRequest(functionName: "hello")
        change(&request)
        return try await service.call(Lambda.updateFunctionConfiguration, request)
    }

    @discardableResult
    func publish(
        _ change: (inout Lambda.PublishVersionRequest) -> Void = { _ in }
    ) async throws -> Lambda.FunctionConfiguration {
        var request = Lambda.PublishVersionRequest(functionName: "hello")
        change(&request)
        return try await service.call(Lambda.publishVersion, request)
    }

    /// A version whose code no other has.
    func publish(content: String) async throws -> Lambda.FunctionConfiguration {
        try await updateCode(content)
        try await settle()
        return try await publish()
    }

    /// Lets the reconciler work in the background while `body` runs, and ends it as a server does.
    func reconciling(_ body: () async throws -> Void) async throws {
        let background = Task { [service] in try await service.reconciler.run() }
        let result: Result<Void, any Error>
        do {
            result = .success(try await body())
        } catch {
            result = .failure(error)
        }
        background.cancel()
        _ = try? await background.value
        sink.outcome.change { $0 = $0 ?? .taken }
        try result.get()
    }

    @discardableResult
    func alias(
        _ name: String = "live", _ version: String = "1", weights: WireMap<Double>? = nil
    ) async throws -> Lambda.AliasConfiguration {
        try await service.call(
            Lambda.createAlias,
            .init(
                functionName: "hello", name: name, functionVersion: version,
                routingConfig: weights.map { .init(additionalVersionWeights: $0) }))
    }

    @discardableResult
    func updateAlias(
        _ name: String = "live", _ change: (inout Lambda.UpdateAliasRequest) -> Void = { _ in }
    ) async throws -> Lambda.AliasConfiguration {
        var request = Lambda.UpdateAliasRequest(functionName: "hello", name: name)
        change(&request)
        return try await service.call(Lambda.updateAlias, request)
    }

    func deleteAlias(_ name: String = "live") async throws {
        _ = try await service.call(Lambda.deleteAlias, .init(functionName: "hello", name: name))
    }

    @discardableResult
    func reserve(_ executions: Int, for name: String = "hello") async throws -> Int? {
        try await service.call(
            Lambda.putFunctionConcurrency, .init(functionName: name, reservedConcurrentExecutions: executions)
        ).reservedConcurrentExecutions
    }

    @discardableResult
    func provision(
        _ executions: Int, _ qualifier: String = "1", of name: String = "hello"
    ) async throws -> Lambda.PutProvisionedConcurrencyConfigResponse {
        try await service.call(
            Lambda.putProvisionedConcurrencyConfig,
            .init(functionName: name, qualifier: qualifier, provisionedConcurrentExecutions: executions))
    }

    func provisioned(
        _ qualifier: String = "1", of name: String = "hello"
    ) async throws -> Lambda.GetProvisionedConcurrencyConfigResponse {
        try await service.call(
            Lambda.getProvisionedConcurrencyConfig, .init(functionName: name, qualifier: qualifier))
    }

    /// Versions of the function besides its first, each with code of its own.
    func publish(versions: ClosedRange<Int>) async throws {
        for number in versions { _ = try await publish(content: "v\(number)") }
    }

    static func arn(_ qualifier: String? = nil) -> String {
        FunctionKey(scope: .test, name: "hello").arn(qualifier)
    }

    func delete(_ name: String = "hello", _ qualifier: String? = nil) async throws {
        _ = try await service.call(
            Lambda.deleteFunction, Lambda.DeleteFunctionRequest(functionName: name, qualifier: qualifier))
    }
}

/// Every runtime but Java is installed.
private struct SomeRuntimes: RuntimeRegistry {
    func obstacle(to runtime: String) async -> String? {
        runtime.hasPrefix("java") ? "no java found on PATH" : nil
    }
}

final class RecordingSink: RevisionSink {
    /// `publish NAME QUALIFIER`, `suspend NAME QUALIFIER STATE`, `remove NAME QUALIFIER`, `route NAME ALIAS VERSION=WEIGHT …`,
    /// `reserve NAME N`, `provision NAME QUALIFIER N`, `snapshot NAME VERSION`.
    let events = Watched<[String]>([])
    let revisions = Watched<[Revision]>([])

    /// Events of routes that are held back until their gate is opened.
    let gates = Watched<[String: Gate]>([:])

    /// What ``provisioned(_:qualifier:)`` answers.
    let provisioned = Watched<ProvisionedExecutions?>(nil)

    /// What ``snapshot(_:)`` answers; it waits while there is nothing.
    let outcome = Watched<SnapshotOutcome?>(nil)

    func publish(_ revision: Revision, qualifier: String) {
        revisions.change { $0.append(revision) }
        events.change { $0.append("publish \(revision.function.name) \(qualifier)") }
    }

    func suspend(_ function: FunctionKey, qualifier: String, state: String) {
        events.change { $0.append("suspend \(function.name) \(qualifier) \(state)") }
    }

    func remove(_ function: FunctionKey, qualifier: String?) {
        events.change { $0.append("remove \(function.name) \(qualifier ?? "all")") }
    }

    func route(_ alias: String, of function: FunctionKey, to versions: [(version: String, weight: Double)]) {
        let routes = versions.map { "\($0.version)=\($0.weight)" }.joined(separator: " ")
        let event = "route \(function.name) \(alias) \(routes)"
        gates.value[event]?.pass()
        events.change { $0.append(event) }
    }

    func reserve(_ executions: Int?, for function: FunctionKey) {
        events.change { $0.append("reserve \(function.name) \(executions.map(String.init) ?? "nothing")") }
    }

    func provision(_ executions: Int?, for function: FunctionKey, qualifier: String) {
        let text = executions.map(String.init) ?? "nothing"
        events.change { $0.append("provision \(function.name) \(qualifier) \(text)") }
    }

    func provisioned(_ function: FunctionKey, qualifier: String) -> ProvisionedExecutions? { provisioned.value }

    func snapshot(_ revision: Revision) async -> SnapshotOutcome {
        events.change { $0.append("snapshot \(revision.function.name) \(revision.version)") }
        let outcome = try? await outcome.wait(for: "the snapshot's outcome") { $0 != nil }
        return (outcome ?? nil) ?? .failed(type: "Test", message: "no outcome was given")
    }

    func forget() {
        events.change { $0 = [] }
        revisions.change { $0 = [] }
    }
}

/// Packages with one file.
enum Zip {
    static func with(_ content: String) throws -> [UInt8] {
        let folder = "\(NSTemporaryDirectory())apus-zip-\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        try content.write(toFile: "\(folder)/app.py", atomically: true, encoding: .utf8)
        return try ZipArchive.pack(directory: folder)
    }
}
