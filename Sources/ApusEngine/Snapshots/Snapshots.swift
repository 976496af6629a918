import ApusModel
import NIOCore
import Synchronization

/// The templates of the revisions that start from one.
final class Snapshots: Sendable {
    /// Two revisions with the same key run the same init.
    private struct Key: Hashable {
        var function: FunctionKey
        var version: FunctionVersion
        /// `$LATEST` changes; a version never does, but another function may have the name after this one.
        var content: String

        init(_ revision: Revision) {
            function = revision.function
            version = revision.version
            let variables = revision.variables.map { "\($0.name)=\($0.value)" }.joined(separator: "\n")
            content =
                revision.version == .latest
                ? revision.id : "\(revision.code.sha256) \(revision.handler) \(revision.role)\n\(variables)"
        }
    }

    private let services: EnvironmentServices
    private let eventLoops: any EventLoopGroup
    private let makers = Mutex<[Key: SnapshotMaker]>([:])

    init(services: EnvironmentServices, eventLoops: any EventLoopGroup) {
        self.services = services
        self.eventLoops = eventLoops
    }

    /// The template of a revision. Without one it is made, for those that come later.
    func template(for revision: Revision) -> Template? { maker(revision).template }

    /// The template of a revision, if there is one now.
    func taken(_ revision: Revision) -> Template? { makers.withLock { $0[Key(revision)] }?.template }

    func take(_ revision: Revision) async -> SnapshotOutcome {
        let maker = maker(revision)
        let outcome = await maker.outcome()
        // A failed init may go well another time.
        if case .failed = outcome { forget(maker, Key(revision)) }
        return outcome
    }

    func drop(_ revision: Revision) { makers.withLock { $0.removeValue(forKey: Key(revision)) }?.close() }

    /// Drops a template that has failed, unless another has taken its place already.
    func drop(_ template: Template, of revision: Revision) {
        let failed: SnapshotMaker? = makers.withLock { makers in
            guard let maker = makers[Key(revision)], maker.template === template else { return nil }
            makers[Key(revision)] = nil
            return maker
        }
        failed?.close()
    }

    /// - Parameter version: nil drops all of the function's.
    func drop(_ function: FunctionKey, version: FunctionVersion?) {
        let dropped: [SnapshotMaker] = makers.withLock { makers in
            let keys = makers.keys.filter { $0.function == function && (version == nil || $0.version == version) }
            return keys.compactMap { makers.removeValue(forKey: $0) }
        }
        for maker in dropped { maker.close() }
    }

    func dropAll() {
        for maker in makers.withLock({ makers in
            defer { makers = [:] }
            return Array(makers.values)
        }) { maker.close() }
    }

    private func maker(_ revision: Revision) -> SnapshotMaker {
        let key = Key(revision)
        let (maker, isNew): (SnapshotMaker, Bool) = makers.withLock { makers in
            if let maker = makers[key] { return (maker, false) }
            let maker = SnapshotMaker(revision: revision, services: services, eventLoop: eventLoops.next()) {
                [weak self] lost in self?.forget(lost, key)
            }
            makers[key] = maker
            return (maker, true)
        }
        if isNew { maker.start() }
        return maker
    }

    private func forget(_ lost: SnapshotMaker, _ key: Key) {
        makers.withLock { makers in
            if makers[key] === lost { makers[key] = nil }
        }
    }
}
