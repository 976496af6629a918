import ApusCommand
import ApusModel
import ApusServer
import ArgumentParser
import Logging

struct Serve: Job {
    static let configuration = CommandConfiguration(
        abstract: "Run the server until SIGTERM or SIGINT.",
        discussion: """
            Prints `ready http://HOST:PORT` on standard output when it serves. Everything durable lies in the data folder \
            (root: /var/lib/apus, others: $XDG_DATA_HOME/apus or ~/.local/share/apus); the first start puts an \
            administrator's key there, in `credentials`, and prints it once.

            Exit codes: 0 when it was told to end, 4 when it cannot start.
            """)

    @OptionGroup var options: SettingOptions

    func prepare() throws -> Work {
        let settings = try options.resolve()
        do {
            let server = ApusServer(try Foundations(ServerSettings(settings)))
            return {
                do { try await server.run() } catch { throw CommandFailure(.local, "\(error)") }
            }
        } catch let error as StartError {
            throw CommandFailure(.local, error.description)
        }
    }
}

extension ServerSettings {
    init(_ settings: Settings) {
        self.init(
            data: settings.data, host: settings.listen.host, port: settings.listen.port,
            isDevelopment: settings.isDevelopment, driver: Driver(rawValue: settings.driver) ?? .linux,
            scope: Scope(account: settings.account, region: settings.region), eventLoops: settings.eventLoops,
            runtimes: settings.runtimes, runtimeAliases: settings.runtimeMap, imageFolders: settings.imageFolders,
            interpreters: settings.interpreters,
            idleTimeout: settings.idleTimeout,
            concurrency: settings.concurrency, streamBandwidth: settings.streamBandwidth,
            functionURLAddress: settings.functionURLAddress,
            logLevel: Logger.Level(rawValue: settings.logLevel) ?? .notice)
    }
}
