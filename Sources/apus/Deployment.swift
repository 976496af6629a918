import ApusCommand
import ApusShapes
import ApusWire

/// Brings one function to what was packed, request by request, waiting after each until the next is allowed.
struct Deployment: Sendable {
    let context: ClientContext
    let name: String
    let bytes: [UInt8]

    /// With it a function's environments are forks of one that has run the init.
    static let snapshotTags: WireMap<String> = ["apus:snapshot": "on"]

    struct Outcome: Sendable {
        var configuration: Lambda.FunctionConfiguration

        /// `created`, `updated` or `unchanged`.
        var action: String
    }

    func create(_ request: Lambda.CreateFunctionRequest) async throws(CommandFailure) -> Outcome {
        Terminal.progress("creating \(name)")
        let created = try await context.call(Lambda.createFunction, request, timeout: .seconds(300))
        return Outcome(configuration: try await settled(created), action: "created")
    }

    /// - Parameter startsFromSnapshot: nil leaves it as it is.
    func update(
        _ existing: Lambda.FunctionConfiguration, _ changes: Lambda.UpdateFunctionConfigurationRequest?,
        startsFromSnapshot: Bool?
    ) async throws(CommandFailure) -> Outcome {
        var current = try await settled(existing)
        let isNewCode = existing.codeSha256 != PackageHash.base64(bytes)
        if isNewCode {
            Terminal.progress("updating the code of \(name)")
            let request = Lambda.UpdateFunctionCodeRequest(functionName: name, zipFile: bytes)
            current = try await settled(
                try await context.call(Lambda.updateFunctionCode, request, timeout: .seconds(300)))
        }
        if let changes {
            Terminal.progress("updating the configuration of \(name)")
            current = try await settled(try await context.call(Lambda.updateFunctionConfiguration, changes))
        }
        let startsOtherwise = try await tag(current, startsFromSnapshot: startsFromSnapshot)
        return Outcome(
            configuration: current, action: isNewCode || changes != nil || startsOtherwise ? "updated" : "unchanged")
    }

    /// - Returns: whether that was a change.
    private func tag(
        _ function: Lambda.FunctionConfiguration, startsFromSnapshot: Bool?
    ) async throws(CommandFailure) -> Bool {
        guard let startsFromSnapshot, let arn = function.functionArn else { return false }
        let tags = try await context.call(Lambda.listTags, .init(resource: arn)).tags ?? [:]
        let isTagged = Self.snapshotTags.entries.allSatisfy { tags[$0.key] == $0.value }
        guard isTagged != startsFromSnapshot else { return false }
        Terminal.progress("\(startsFromSnapshot ? "turning on" : "turning off") the snapshot of \(name)")
        if startsFromSnapshot {
            _ = try await context.call(Lambda.tagResource, .init(resource: arn, tags: Self.snapshotTags))
        } else {
            _ = try await context.call(Lambda.untagResource, .init(resource: arn, tagKeys: Self.snapshotTags.keys))
        }
        return true
    }

    /// Waits until the function is active and its last update is through.
    private func settled(
        _ configuration: Lambda.FunctionConfiguration
    ) async throws(CommandFailure) -> Lambda.FunctionConfiguration {
        var current = configuration
        var pause = Duration.milliseconds(10)
        let start = ContinuousClock.now
        while true {
            if current.state == "Failed" || current.lastUpdateStatus == "Failed" {
                let reason = current.lastUpdateStatusReason ?? current.stateReason ?? "no reason given"
                throw CommandFailure(.refused, "\(name) cannot be used: \(reason)")
            }
            // A new function has no update status until it is first read.
            let isSettled = current.lastUpdateStatus ?? "Successful" == "Successful"
            if isSettled, current.state ?? "Active" == "Active" || current.state == "Inactive" { return current }
            guard ContinuousClock.now - start < .seconds(120) else {
                throw CommandFailure(.unreachable, "\(name) is still \(current.state ?? "pending") after two minutes")
            }
            try? await Task.sleep(for: pause)
            pause = min(pause * 2, .milliseconds(500))
            current = try await context.call(Lambda.getFunctionConfiguration, .init(functionName: name))
        }
    }
}
