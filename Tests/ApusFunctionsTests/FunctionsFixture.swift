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

    init(store: any Store, time: ManualTime, sink: RecordingSink = RecordingSink()) {
        self.store = store
        self.time = time
        self.sink = sink
        service = FunctionsService(
            store: store, time: time, runtimes: SomeRuntimes(), sink: sink, limits: .init(concurrentExecutions: 77),
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
    }

    static func run(_ body: (FunctionsFixture) async throws -> Void) async throws {
        try await TemporaryStore.run { store, time in try await body(FunctionsFixture(store: store, time: time)) }
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

    /// Does what the reconciler does in the background.
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
    /// `publish NAME QUALIFIER`, `suspend NAME QUALIFIER STATE`, `remove NAME QUALIFIER`.
    let events = Watched<[String]>([])
    let revisions = Watched<[Revision]>([])

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
