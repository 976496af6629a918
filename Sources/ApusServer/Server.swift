import ApusEngine
import ApusFunctions
import ApusIAM
import ApusImages
import ApusInvoke
import ApusLogs
import ApusMetrics
import ApusModel
import ApusSandbox
import ApusServiceKit
import ApusStore
import ApusStoreSQLite
import ApusWire
import Glibc
import HummingbirdCore
import Logging
import NIOCore
import NIOPosix
import ServiceLifecycle
import UnixSignals

/// The whole platform in one process: builds every part, connects them, runs until it is told to stop.
package struct ApusServer: Sendable {
    private let foundations: Foundations
    private let logger: Logger

    package init(_ foundations: Foundations) {
        self.foundations = foundations
        var logger = Logger(label: "apus") { StreamLogHandler.standardError(label: $0) }
        logger.logLevel = foundations.settings.logLevel
        self.logger = logger
    }

    /// Serves until SIGTERM or SIGINT.
    package func run() async throws {
        let (settings, places) = (foundations.settings, foundations.places)
        let time = SystemTime()
        warn()
        let metrics = MetricsRegistry()
        metrics.adoptLibraries()
        metrics.add(ProcessMetrics(startTime: time.wall))
        let store = try SQLiteStore(folder: places.data, time: time)
        let loops = MultiThreadedEventLoopGroup(numberOfThreads: settings.eventLoops)
        let threads = NIOThreadPool(numberOfThreads: 2)
        threads.start()

        let credentials = CredentialStore(store: store)
        let newKey = try await prepareKey(credentials)
        let runtimes = foundations.runtimes
        let logs = LogsService(store: store, time: time, logger: logger)
        let platform = PlatformListener(logger: logger)
        var limits = Engine.Limits()
        limits.idleTimeout = settings.idleTimeout
        limits.concurrency.executions = settings.concurrency
        limits.streams.bandwidth = settings.streamBandwidth > 0 ? settings.streamBandwidth : nil
        let images =
            settings.driver != .process
            ? try ImageStore(
                folder: places.unpackedImages, blobs: store.blobs,
                folders: ImageFolders([places.images] + settings.imageFolders), credentials: places.registryCredentials,
                eventLoops: loops, time: time, logger: logger) : nil
        let functionMetrics = FunctionMetrics()
        metrics.add(functionMetrics)
        let engine = Engine(
            driver: foundations.driver, runtimes: runtimes,
            code: try CodeCache(folder: places.code, blobs: store.blobs, threads: threads, logger: logger),
            images: images ?? NoImages(),
            credentials: SessionCredentials(store: credentials), log: EngineLogWriter(ingest: logs.buffer),
            metrics: functionMetrics, time: time, logger: logger, eventLoops: loops, limits: limits,
            servePlatformAPI: { descriptor, loop in platform.serve(descriptor, on: loop) })
        metrics.add(EnvironmentGauges { engine.environmentCounts() })
        metrics.add(ConcurrencyGauges { engine.concurrencyReadings() })
        let urls = FunctionURLDirectory()
        let functions = FunctionsService(
            store: store, images: images, time: time, runtimes: runtimes, sink: EngineRevisionSink(engine: engine),
            urls: urls, urlAddress: settings.functionURLAddress,
            limits: .init(concurrentExecutions: settings.concurrency), logger: logger)
        let events = AsyncInvocations(
            store: store, engine: engine, log: logs.buffer, time: time, logger: logger)

        let services: [any AWSService] = [functions, logs, STSService()]
        let authenticator: any Authenticator =
            settings.isDevelopment
            ? DevelopmentAuthenticator(scope: settings.scope)
            : SignatureAuthenticator(credentials: credentials, time: time)
        let authorizer: any Authorizer = settings.isDevelopment ? Everybody() : AdministratorsOnly()
        let responder = APIResponder(
            dispatcher: ServiceDispatcher(
                services: services, authenticator: authenticator, authorizer: authorizer, logger: logger),
            urls: FunctionURLResponder(
                front: FunctionURLFront(
                    urls: urls, engine: engine, model: functions.model, authenticator: authenticator,
                    authorizer: authorizer, time: time)),
            location: functions.location, blobs: store.blobs, metrics: metrics, time: time,
            address: "\(settings.host):\(settings.port)")
        let invoke = InvokeFront(
            engine: engine, model: functions.model, authenticator: authenticator, authorizer: authorizer,
            events: events, time: time)
        let front = FrontChannel(responder: responder, front: invoke, time: time)
        platform.use(FrontChannel(responder: responder.withoutMetrics, front: invoke, time: time))
        // Everything that is stored can be called from the first request on.
        try await functions.reconciler.recover()
        try await functions.recoverURLs()
        try await events.recover()

        let server = Server(
            childChannelSetup: front,
            configuration: ServerConfiguration(address: .hostname(settings.host, port: settings.port), backlog: 1024),
            onServerRunning: { channel in
                if let newKey { Self.write(newKey, to: STDERR_FILENO) }
                Self.announce("http://\(settings.host):\(channel.localAddress?.port ?? settings.port)")
            }, eventLoopGroup: loops, logger: logger)
        // Stopped in reverse: first no new requests, last the log of what was still running.
        var parts: [ServiceGroupConfiguration.ServiceConfiguration] = [
            .init(service: logs.buffer), .init(service: logs.retention),
            .init(
                service: BlobCollection(
                    collector: BlobCollector(owners: [functions], blobs: store.blobs, logger: logger), images: images,
                    time: time, logger: logger)),
            // The engine ends snapshots that are being taken: nobody may take that for their outcome.
            .init(service: EngineService(engine: engine)), .init(service: functions.reconciler),
            .init(service: events), .init(service: server),
        ]
        if let driver = foundations.driver as? LinuxDriver {
            // Before the engine, which ends the driver.
            parts.insert(
                .init(service: DriverService(driver: driver), failureTerminationBehavior: .gracefullyShutdownGroup),
                at: 0)
        }
        var group = ServiceGroupConfiguration(
            services: parts, gracefulShutdownSignals: [.sigterm, .sigint], logger: logger)
        group.maximumGracefulShutdownDuration = .seconds(30)
        let result = await Result { try await ServiceGroup(configuration: group).run() }
        await images?.close()
        await store.close()
        try? await loops.shutdownGracefully()
        try await threads.shutdownGracefully()
        do {
            try result.get()
        } catch let error as IOError {
            throw StartError(
                "\(settings.host):\(settings.port) cannot be listened on: \(String(cString: strerror(error.errnoCode))). "
                    + "Choose another with --listen HOST:PORT.")
        }
    }

    /// Says what is less than it seems.
    private func warn() {
        for probe in foundations.driver.probes where probe.result != .present {
            logger.warning("\(probe.feature): \(probe.detail)")
        }
        if foundations.settings.isDevelopment { logger.notice("--dev: every request is taken for an administrator's") }
    }

    /// Makes the administrator's key at the first start.
    ///
    /// - Returns: what to show of it, once.
    private func prepareKey(_ credentials: CredentialStore) async throws -> String? {
        let settings = foundations.settings
        guard let key = try await credentials.load(account: settings.scope.account) else { return nil }
        let file = AdministratorCredentials(path: foundations.places.credentials)
        try file.write(key, region: settings.scope.region.name)
        return """
            administrator key of account \(settings.scope.account), shown this once (also in \(file.path)):
              AWS_ACCESS_KEY_ID=\(key.accessKeyID)
              AWS_SECRET_ACCESS_KEY=\(key.secretAccessKey)

            """
    }

    private static func announce(_ url: String) {
        write("ready \(url)\n", to: STDOUT_FILENO)
    }

    /// At once, whatever the stream is buffered by.
    private static func write(_ text: String, to descriptor: Int32) {
        let bytes = Array(text.utf8)
        _ = Glibc.write(descriptor, bytes, bytes.count)
    }
}

extension Result where Failure == any Error {
    fileprivate init(_ body: () async throws -> Success) async {
        do { self = .success(try await body()) } catch { self = .failure(error) }
    }
}
