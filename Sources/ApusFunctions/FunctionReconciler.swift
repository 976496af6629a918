import ApusModel
import ApusServiceKit
import ApusShapes
import ApusStore
import ApusWire
import Logging
import ServiceLifecycle
import Synchronization

/// Brings what runs in line with what is stored: makes created and updated functions and versions active, and hands out their
/// revisions, aliases and concurrency.
///
/// It works from the rows alone, so a start after a crash goes on where the last run stopped.
package final class FunctionReconciler: Service {
    /// What is brought in line in the background. A version that waits for its snapshot keeps nothing else waiting.
    private enum Item: Hashable, Sendable {
        case latest(FunctionKey)
        case version(Int, FunctionKey)
    }

    private let functions: FunctionStore
    private let images: (any ImageLibrary)?
    private let sink: any RevisionSink
    private let logger: Logger
    private let items: AsyncStream<Item>
    private let notify: AsyncStream<Item>.Continuation
    private let progress = Mutex(WorkInProgress<Item>())

    init(functions: FunctionStore, images: (any ImageLibrary)?, sink: any RevisionSink, logger: Logger) {
        self.functions = functions
        self.images = images
        self.sink = sink
        self.logger = logger
        (items, notify) = AsyncStream.makeStream()
    }

    /// Hands out everything that is stored. To be called once, before requests are served. Snapshots and images are not waited
    /// for.
    package func recover() async throws {
        for scope in try await functions.functions.scopes() {
            let concurrency = try await functions.concurrency(scope)
            for stored in try await functions.functions.list(scope) {
                let key = FunctionKey(scope: scope, name: stored.key)
                let share = concurrency[key.name]
                if let reserved = share.reserved { sink.reserve(reserved, for: key) }
                if stored.value.image == nil {
                    try await activate(key)
                } else {
                    hand(stored.value, of: key)
                    if stored.value.configuration.isSettling { changed(key) }
                }
                for version in try await functions.versions(of: key) {
                    if version.value.configuration.hasSnapStart || version.value.image != nil {
                        publish(version.value, of: key)
                    } else {
                        try await activate(version, of: key)
                    }
                }
                for alias in try await functions.aliases(of: key) { route(alias, of: key) }
                for (qualifier, provisioned) in share.provisioned.entries {
                    sink.provision(provisioned.executions, for: key, qualifier: qualifier)
                }
            }
        }
    }

    package func run() async throws {
        await cancelWhenGracefulShutdown { [self] in
            await withDiscardingTaskGroup { group in
                for await item in items where progress.withLock({ $0.begin(item) }) {
                    group.addTask { await self.bringInLine(item) }
                }
            }
        }
    }

    private func bringInLine(_ item: Item) async {
        repeat {
            do {
                switch item {
                case .latest(let key): try await activate(key)
                case .version(let number, let key):
                    if let version = try await functions.version(number, of: key) {
                        try await activate(version, of: key)
                    }
                }
            } catch {
                logger.error("could not be activated", metadata: ["item": "\(item)", "error": "\(error)"])
            }
        } while progress.withLock { $0.end(item) }
    }

    // MARK: Functions and versions

    /// A function was created or changed.
    func changed(_ key: FunctionKey) { notify.yield(.latest(key)) }

    /// A version is there. Calls of it are refused until it is active.
    func publish(_ version: VersionRecord, of key: FunctionKey) {
        hand(version, version.revision(of: key), of: key)
        if version.configuration.isSettling, let number = Int(version.qualifier) { notify.yield(.version(number, key)) }
    }

    /// Hands out what `$LATEST` runs: of an image that cannot run, what ran before.
    private func hand(_ record: FunctionRecord, of key: FunctionKey) {
        switch record.configuration.state {
        case "Pending"?, "Failed"?:
            sink.suspend(key, qualifier: "$LATEST", state: record.configuration.state ?? "")
        default:
            sink.publish(record.previous?.revision(of: key) ?? record.revision(of: key), qualifier: "$LATEST")
        }
    }

    private func hand(_ version: VersionRecord, _ revision: Revision, of key: FunctionKey) {
        switch version.configuration.state {
        case "Pending"?, "Failed"?:
            sink.suspend(key, qualifier: version.qualifier, state: version.configuration.state ?? "")
        default: sink.publish(revision, qualifier: version.qualifier)
        }
    }

    private func activate(_ key: FunctionKey) async throws {
        let reference = FunctionReference(key: key, qualifier: nil)
        do {
            var record = try await functions.function(reference).value
            if record.configuration.isSettling {
                let image = record.image
                // What runs already is ready.
                let isNew = image != record.previous?.image
                guard let outcome = await prepared(isNew ? image : nil) else { return }
                record = try await functions.update(reference) { record in
                    // Another function may have taken its name meanwhile, and waits for another image.
                    if record.image == image { record.end(outcome) }
                    return (record, [])
                }
            }
            // What ran before runs already.
            if record.previous == nil { hand(record, of: key) }
            // It may have been deleted since it was read; the catalog must not keep what the store has not.
            _ = try await functions.function(reference)
        } catch let fault as Fault where fault.code == "ResourceNotFoundException" {
            sink.remove(key, qualifier: nil)
        }
    }

    private func activate(_ stored: Stored<VersionRecord>, of key: FunctionKey) async throws {
        var version = stored.value
        let revision = version.revision(of: key)
        guard version.configuration.isSettling else { return hand(version, revision, of: key) }
        if revision.startsFromSnapshot {
            sink.suspend(key, qualifier: version.qualifier, state: "Pending")
            guard let outcome = await outlast({ [sink] in await sink.snapshot(revision) }) else { return }
            version.configuration.end(outcome)
        } else {
            if version.image != nil { sink.suspend(key, qualifier: version.qualifier, state: "Pending") }
            switch await prepared(version.image) {
            case nil: return
            case .ready: version.configuration.settle()
            case .failed(let failure): version.configuration.fail(failure)
            }
        }
        // Handed out before the store says that it is active, so that whoever reads that can call it.
        hand(version, revision, of: key)
        let put = functions.versions.put(version, stored.key, key.scope, when: .revision(stored.revision))
        if try await functions.store.commits([put]) { return }
        // It was deleted meanwhile, and perhaps a version of another function took its name and number.
        if let other = try await functions.versions.get(stored.key, key.scope) {
            return try await activate(other, of: key)
        }
        let isGone = try await functions.functions.get(key.name, key.scope) == nil
        sink.remove(key, qualifier: isGone ? nil : version.qualifier)
    }

    /// Has the image of a function ready to run, if it is one.
    ///
    /// - Returns: nil when the server ends first; the next start goes on then.
    private func prepared(_ image: AttachedImage?) async -> ImageOutcome? {
        guard let image else { return .ready }
        guard let images else { return .failed(ImageFailure(.unavailable, "this server runs no images")) }
        let outcome = await outlast { () -> ImageOutcome in
            do throws(ImageFailure) {
                try await images.prepare(image.found)
                return .ready
            } catch {
                return .failed(error)
            }
        }
        if case .failed(let failure) = outcome {
            logger.warning(
                "an image could not be had", metadata: ["image": "\(image.found.resolvedURI)", "reason": "\(failure)"])
        }
        return outcome
    }

    /// - Returns: nil when the server ends first; the next start does the work again then.
    private func outlast<Outcome: Sendable>(_ work: @escaping @Sendable () async -> Outcome) async -> Outcome? {
        let (outcomes, found) = AsyncStream.makeStream(of: Outcome.self)
        // Without a parent, so that the end of the server need not wait for a function's init or a registry.
        Task { found.yield(await work()) }
        let outcome = await outcomes.first { _ in true }
        return Task.isCancelled ? nil : outcome
    }

    // MARK: Aliases and concurrency

    /// An alias was created, changed or deleted. An alias that has moved takes what is provisioned for it along.
    func aliasChanged(_ name: String, of key: FunctionKey) async throws {
        try await handOut {
            let alias = try await functions.alias(name, of: key)
            return AliasStanding(alias: alias, provisioned: try await provisioned(key, name))
        } to: { standing in
            guard let alias = standing.alias else { return sink.remove(key, qualifier: name) }
            route(alias, of: key)
            if let executions = standing.provisioned { sink.provision(executions, for: key, qualifier: name) }
        }
    }

    func reservationChanged(of key: FunctionKey) async throws {
        try await handOut {
            try await functions.concurrency(key.scope)[key.name].reserved
        } to: {
            sink.reserve($0, for: key)
        }
    }

    func provisionChanged(of key: FunctionKey, qualifier: String) async throws {
        try await handOut {
            try await provisioned(key, qualifier)
        } to: {
            sink.provision($0, for: key, qualifier: qualifier)
        }
    }

    private struct AliasStanding: Equatable {
        var alias: Lambda.AliasConfiguration?
        var provisioned: Int?
    }

    private func provisioned(_ key: FunctionKey, _ qualifier: String) async throws -> Int? {
        try await functions.concurrency(key.scope)[key.name].provisioned[qualifier]?.executions
    }

    private func route(_ alias: Lambda.AliasConfiguration, of key: FunctionKey) {
        sink.route(alias.name ?? "", of: key, to: alias.routes)
    }

    /// Hands out what is stored, and once more if it changed meanwhile: of two requests at once the one that was stored last
    /// has to win.
    private func handOut<Value: Equatable>(_ read: () async throws -> Value, to sink: (Value) -> Void) async throws {
        var value = try await read()
        while true {
            sink(value)
            let now = try await read()
            if now == value { return }
            value = now
        }
    }
}

/// What became of an image that was to be made ready.
private enum ImageOutcome: Sendable {
    case ready
    case failed(ImageFailure)
}

extension FunctionRecord {
    /// What it is now is in force, or never will be.
    fileprivate mutating func end(_ outcome: ImageOutcome) {
        switch outcome {
        case .ready:
            configuration.settle()
            previous = nil
        case .failed(let failure): configuration.fail(failure)
        }
    }
}

extension VersionRecord {
    /// Its number.
    var qualifier: String { configuration.version ?? "" }
}

extension Lambda.FunctionConfiguration {
    /// Whether a change has been accepted and is not in force yet.
    var isSettling: Bool { state == "Pending" || lastUpdateStatus == "InProgress" }

    /// The change is in force.
    mutating func settle() {
        guard isSettling else { return }
        state = "Active"
        stateReason = nil
        stateReasonCode = nil
        lastUpdateStatus = "Successful"
        lastUpdateStatusReason = nil
        lastUpdateStatusReasonCode = nil
        revisionId = RequestID().text
    }

    /// It is to be, and cannot be called yet.
    mutating func begin() {
        state = "Pending"
        stateReason = "The function is being created."
        stateReasonCode = "Creating"
        lastUpdateStatus = nil
        lastUpdateStatusReason = nil
        lastUpdateStatusReasonCode = nil
        revisionId = RequestID().text
    }

    /// A change was accepted.
    mutating func beginUpdate(at time: Timestamp) {
        lastModified = time.civil.lambdaText
        revisionId = RequestID().text
        lastUpdateStatus = "InProgress"
        lastUpdateStatusReason = "The function is being created."
        lastUpdateStatusReasonCode = "Creating"
    }
}
