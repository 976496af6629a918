import ApusCommand
import ArgumentParser
import Dispatch
import Glibc

/// The executable: reads the arguments, does what needs a process with one thread, then runs the command.
@main
enum Program {
    static func main() {
        do {
            var command = try Apus.parseAsRoot()
            guard let job = command as? any Job else {
                // A request for help, or no subcommand at all.
                try command.run()
                exit(ExitStatus.success.rawValue)
            }
            let work = try job.prepare()
            // The one task of the process; it ends the process.
            Task {
                do {
                    try await work()
                    exit(ExitStatus.success.rawValue)
                } catch {
                    end(error)
                }
            }
        } catch {
            end(error)
        }
        dispatchMain()
    }

    private static func end(_ error: any Error) -> Never {
        // What the argument parser throws knows its own message, usage and exit code.
        guard let failure = error as? CommandFailure else { Apus.exit(withError: error) }
        if !failure.message.isEmpty { Terminal.note("apus: \(failure.message)") }
        exit(failure.status.rawValue)
    }
}

/// A command of Apus.
protocol Job: ParsableCommand, Sendable {
    typealias Work = @Sendable () async throws -> Void

    /// Runs while the process has one thread.
    ///
    /// - Returns: the rest of the command.
    func prepare() throws -> Work
}

/// A command that speaks to a server.
protocol ClientJob: Job {
    var client: ClientOptions { get }

    func perform(_ context: ClientContext) async throws
}

extension ClientJob {
    func prepare() throws -> Work {
        let context = try ClientContext(client)
        return { try await perform(context) }
    }
}
