import ApusSandbox
import Foundation
import Glibc
import Testing

extension SandboxTests {
    @Suite(
        .enabled(
            if: HostFeature.missing(HostFeature.linux + [.freezer]) == nil,
            "\(HostFeature.missing(HostFeature.linux + [.freezer]) ?? "")"))
    struct Freezing {
        private static let echo = """
            connection = runtime_api()
            while connection.recv(1): say("here")
            """

        @Test func aFrozenEnvironmentStandsStillUntilItIsThawed() async throws {
            try await SandboxHost.with(.linux) { host in
                try await host.run(Self.echo) { running in
                    let connection = try await running.accept()
                    for _ in 0..<3 {
                        running.sandbox.freeze()
                        try await host.waitForFrozen(1)
                        #expect(Glibc.write(connection, "x", 1) == 1)
                        try await host.waitForFrozen(1)
                        #expect(Pipe.drain(running.descriptors.output) == [])
                        running.sandbox.thaw()
                        try await running.expect(line: "here")
                    }
                    Glibc.close(connection)
                }
            }
        }

        @Test func aFrozenEnvironmentCanBeKilledAndRestarted() async throws {
            try await SandboxHost.with(.linux) { host in
                try await host.run(Self.echo) { running in
                    Glibc.close(try await running.accept())
                    for _ in 0..<2 {
                        try await running.sandbox.restart()
                        let connection = try await running.accept()
                        running.sandbox.freeze()
                        try await host.waitForFrozen(1)
                        running.sandbox.kill()
                        // Of no effect any more, or it could not die.
                        running.sandbox.freeze()
                        try await running.expect(exit: .signal(SIGKILL))
                        Glibc.close(connection)
                    }
                }
            }
        }

        @Test func aFrozenEnvironmentCanBeClosed() async throws {
            try await SandboxHost.with(.linux) { host in
                let running = try await host.start(try host.specification("os.fork()\n" + Self.echo))
                let connections = [try await running.accept(), try await running.accept()]
                let processes = ControlGroups.processes(try host.groups())
                #expect(processes.count == 2)
                running.sandbox.freeze()
                try await host.waitForFrozen(1)
                try await within("close") { await running.close() }
                for connection in connections { Glibc.close(connection) }
                #expect(processes.filter(ControlGroups.lives) == [])
            }
        }

        @Test func aShutdownEndsWhatIsFrozen() async throws {
            try await SandboxHost.with(.linux) { host in
                let running = try await host.start(try host.specification(Self.echo))
                Glibc.close(try await running.accept())
                let frozen = try await host.start(try host.specification(Self.echo))
                let connection = try await frozen.accept()
                frozen.sandbox.freeze()
                try await host.waitForFrozen(1)
                let driver = host.driver
                try await within("shut down", .seconds(5)) { await driver.shutdown() }
                #expect(try host.groups() == [])
                Glibc.close(connection)
                for each in [running, frozen] { await each.close() }
            }
        }
    }
}
