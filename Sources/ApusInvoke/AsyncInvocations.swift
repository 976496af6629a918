package import ApusEngine
package import ApusModel
package import ApusServiceKit
package import ApusStore
package import Logging
import NIOCore
import ServiceLifecycle

/// Events that were accepted and are to be run: on disk before they are acknowledged, at least once from there on.
package struct AsyncInvocations: Service {
    private static let kind = "async"

    /// A function may run for 15 minutes; a claim outlasts that.
    private static let lease = Duration.seconds(960)

    /// Events that run at the same time.
    private static let parallel = 100

    /// How long to wait when nothing is known to be due, for what other nodes may have put there.
    private static let pause = Duration.seconds(1)

    private let store: any Store
    private let engine: Engine
    private let time: any TimeSource
    private let log: any LogIngest
    private let logger: Logger
    private let signal: AsyncStream<Void>
    private let wake: AsyncStream<Void>.Continuation

    /// - Parameter log: takes what the functions print; an event is done when that is on disk too.
    package init(store: any Store, engine: Engine, log: any LogIngest, time: any TimeSource, logger: Logger) {
        self.store = store
        self.engine = engine
        self.log = log
        self.time = time
        self.logger = logger
        (signal, wake) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1))
    }

    /// Returns when the event is on disk.
    func accept(_ call: InvokeCall, id: RequestID) async throws(StoreError) {
        var attributes = ["arn": call.function.arn, "qualifier": call.function.qualifier ?? "$LATEST"]
        attributes["clientContext"] = call.clientContext
        attributes["traceID"] = call.traceID
        let message = NewMessage(
            id: id.text, body: Array(buffer: call.payload), attributes: attributes, due: time.wall)
        try await store.enqueue(
            [message], to: QueueName(kind: Self.kind, partition: call.function.key.description))
        wake.yield()
    }

    /// Takes up what a server before this one had begun. To be called once, before requests are served.
    package func recover() async throws { try await store.abandonClaims(kind: Self.kind, now: time.wall) }

    package func run() async throws {
        await cancelWhenGracefulShutdown {
            await withDiscardingTaskGroup { group in
                // Rings the bell now and then, for events that become due.
                group.addTask {
                    while !Task.isCancelled {
                        try? await Task.sleep(for: Self.pause)
                        wake.yield()
                    }
                }
                let slots = Slots(Self.parallel)
                for await _ in signal { await runDue(slots) }
                group.cancelAll()
            }
        }
    }

    private func runDue(_ slots: Slots) async {
        do {
            for partition in try await store.duePartitions(kind: Self.kind, now: time.wall).due {
                let queue = QueueName(kind: Self.kind, partition: partition)
                while let room = slots.take(upTo: 20) {
                    var messages: [ClaimedMessage] = []
                    // Also when the claim fails: a slot that is lost is lost for good.
                    defer { slots.giveBack(room - messages.count) }
                    messages = try await store.claim(from: queue, limit: room, now: time.wall, lease: Self.lease)
                    for message in messages { start(message, slots) }
                    if messages.count < room { break }
                }
            }
        } catch {
            logger.error("events could not be claimed", metadata: ["error": "\(error)"])
        }
    }

    private func start(_ message: ClaimedMessage, _ slots: Slots) {
        guard let function = FunctionKey(partition: message.queue.partition),
            let qualifier = message.attributes["qualifier"]
        else { return settle(message, .fault(InvokeFaults.storeUnavailable), slots) }
        guard case .found(.ready(let callee)) = engine.catalog.look(function, qualifier: qualifier) else {
            return settle(message, .fault(lookupFault(function, qualifier)), slots)
        }
        let request = InvocationRequest(
            id: RequestID(existing: message.id), invokedFunctionARN: message.attributes["arn"] ?? "",
            payload: ByteBuffer(bytes: message.body), clientContext: message.attributes["clientContext"],
            traceID: message.attributes["traceID"], isSynchronous: false
        ) { result in settle(message, result, slots) }
        engine.invoke(request, on: callee)
    }

    private func lookupFault(_ function: FunctionKey, _ qualifier: String) -> Fault {
        if case .found(.notReady(let state)) = engine.catalog.look(function, qualifier: qualifier) {
            return InvokeFaults.notReady(state)
        }
        return .functionNotFound(function.arn(qualifier))
    }

    /// Removes an event that was run; puts one back that could not be.
    private func settle(_ message: ClaimedMessage, _ result: InvocationResult, _ slots: Slots) {
        // The completion of an invocation cannot wait; the claim runs out if this is lost.
        Task {
            do {
                if case .fault(let fault) = result.outcome, fault.status != 404 {
                    let wait = Duration.seconds(min(300, 1 << min(message.attempt - 1, 9)))
                    try await store.release(message, due: time.wall + wait, attributes: nil)
                } else {
                    await log.stored()
                    try await store.acknowledge([message])
                }
            } catch {
                logger.warning(
                    "event could not be settled", metadata: ["request.id": "\(message.id)", "error": "\(error)"])
            }
            slots.giveBack(1)
            wake.yield()
        }
    }
}

extension FunctionKey {
    /// Reads `ACCOUNT/REGION/NAME`, which `description` writes.
    fileprivate init?(partition: String) {
        let parts = partition.split(separator: "/")
        guard parts.count == 3, let account = AccountID(String(parts[0])) else { return nil }
        self.init(scope: Scope(account: account, region: Region(String(parts[1]))), name: String(parts[2]))
    }
}
