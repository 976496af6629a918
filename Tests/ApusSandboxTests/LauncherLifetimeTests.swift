import ApusSandbox
import Foundation
import Glibc
import Testing

extension SandboxTests {
    /// What is left when the launcher, the supervisor or both are killed.
    @Suite(
        .enabled(if: HostFeature.missing(HostFeature.linux) == nil, "\(HostFeature.missing(HostFeature.linux) ?? "")"))
    struct LauncherLifetime {
        @Test func aKilledLauncherEndsEveryEnvironmentAndAnotherTakesItsPlace() async throws {
            var options = SandboxHost.Options()
            options.pool = 2
            try await SandboxHost.with(.linux, options) { host in
                let killed = host.launcher
                var all: [(running: RunningSandbox, connection: Int32)] = []
                for _ in 0..<3 {
                    let running = try await host.start(try host.specification("wait_for_the_end()"))
                    all.append((running, try await running.accept()))
                }
                let processes = ControlGroups.processes(try host.groups())
                #expect(processes.count == 3)
                // What is frozen would outlive a kill.
                all[0].running.sandbox.freeze()
                try await host.waitForFrozen(1)
                kill(killed, SIGKILL)
                for (running, connection) in all {
                    try await running.expect(exit: .signal(SIGKILL))
                    #expect(try Pipe.read(connection, deadline: 30).isEmpty)
                    Glibc.close(connection)
                    let sandbox = running.sandbox
                    await #expect(throws: SandboxError.self) {
                        try await within("restart") { try await sandbox.restart() }
                    }
                }
                let specification = try host.specification("say('up')\nwait_for_the_end()")
                let driver = host.driver
                let next = RunningSandbox(
                    try await within("start", .seconds(2)) { try await driver.start(specification) })
                try await next.expect(line: "up")
                #expect(host.launcher != killed)
                // Closing what belonged to the dead launcher does nothing to the other's environments, which have the same groups.
                for (running, _) in all { await running.close() }
                #expect(processes.filter(ControlGroups.lives) == [])
                #expect(ControlGroups.processes(try host.groups()).count == 1)
                let connection = try await next.accept()
                #expect(Glibc.write(connection, "x", 1) == 1)
                try await next.expect(exit: .code(0))
                Glibc.close(connection)
                await next.close()
            }
        }

        @Test func anEndlessRowOfKilledLaunchersDoesNotWearOut() async throws {
            try await SandboxHost.with(.linux) { host in
                for _ in 0..<3 {
                    let running = try await host.start(try host.specification("say('up')\nwait_for_the_end()"))
                    try await running.expect(line: "up")
                    kill(host.launcher, SIGKILL)
                    try await running.expect(exit: .signal(SIGKILL))
                    await running.close()
                }
                try await host.run("say('still')") { try await $0.expect(line: "still") }
            }
        }

        @Test(
            .enabled(
                if: HostFeature.missing(HostFeature.network) == nil, "\(HostFeature.missing(HostFeature.network) ?? "")"
            ))
        func aKilledLaunchersInterfacesAreGone() async throws {
            let network = try RouterNetwork()
            defer { network.end() }
            var options = SandboxHost.Options()
            options.network = true
            options.launcher = network.launcher
            try await SandboxHost.with(.linux, options) { host in
                let first = try await host.start(try host.specification("wait_for_the_end()"))
                let connection = try await first.accept()
                let interfaces = try network.interfaces()
                #expect(interfaces.count == 1)
                kill(host.launcher, SIGKILL)
                try await first.expect(exit: .signal(SIGKILL))
                Glibc.close(connection)
                await first.close()
                let probe = "probe = socket.create_connection(('\(RouterNetwork.outside)', 2525), 10)\nsay('reached')"
                try await host.run(probe) { try await $0.expect(line: "reached") }
                try await network.waitForInterfaces(atMost: 0)
            }
        }

        @Test func aKilledKeeperEndsEverything() async throws {
            try await SandboxHost.with(.linux) { host in
                let running = try await host.start(try host.specification("wait_for_the_end()"))
                let connection = try await running.accept()
                let (launcher, processes) = (host.launcher, ControlGroups.processes(try host.groups()))
                running.sandbox.freeze()
                try await host.waitForFrozen(1)
                let driver = try #require(host.driver as? LinuxDriver)
                async let loss = within("loss", .seconds(2)) { await driver.waitForLoss() }
                kill(host.keeper, SIGKILL)
                #expect(try await loss)
                try await running.expect(exit: .signal(SIGKILL))
                Glibc.close(connection)
                await running.close()
                #expect(([launcher] + processes).filter(ControlGroups.lives) == [])
                #expect(try host.groups() == [])
                await #expect(throws: SandboxError.self) { try await host.start(try host.specification("")) }
            }
        }

        @Test func aShutdownIsNoLoss() async throws {
            try await SandboxHost.with(.linux) { host in
                let driver = try #require(host.driver as? LinuxDriver)
                async let loss = within("end") { await driver.waitForLoss() }
                await driver.shutdown()
                #expect(try await !loss)
            }
        }

        @Test func leftoversOfAKilledLauncherAndKeeperAreRemovedByTheNext() async throws {
            var options = SandboxHost.Options()
            options.instance = "test-\(UInt32.random(in: 0 ... .max))"
            try await SandboxHost.with(.linux, options) { host in
                let running = try await host.start(try host.specification("wait_for_the_end()"))
                let connection = try await running.accept()
                let launcher = host.launcher
                running.sandbox.freeze()
                try await host.waitForFrozen(1)
                // Stopped, it cannot tidy up when the keeper goes.
                kill(launcher, SIGSTOP)
                kill(host.keeper, SIGKILL)
                kill(launcher, SIGKILL)
                _ = try await running.exit()
                Glibc.close(connection)
                await running.close()
                let left = try host.groups()
                #expect(left.contains { $0.hasSuffix("/0") })
                try await SandboxHost.with(.linux, options) { next in
                    #expect(try next.groups().allSatisfy { $0.hasSuffix(options.instance) })
                    try await next.run("say('up')") { try await $0.expect(line: "up") }
                }
                #expect(try host.groups() == [])
            }
        }

        @Test func aKilledSupervisorTakesEverythingAlong() async throws {
            try await SandboxHost.with(.linux) { host in
                // Its code folder serves; the instance is the helper's own.
                let code = try host.code("say('up', os.getpid())\nos.fork()\nsignal.pause()")
                let instance = "\(host.instance)-peer"
                let script = """
                    launcher = Launcher()
                    assert launcher.hello(sys.argv[1], [sys.argv[2]])[0] == 0
                    kept = []
                    for _ in range(3):
                        slot, descriptors = launcher.prepare()
                        answer = launcher.start(slot, sys.argv[2])
                        assert answer[0] == 0, answer
                        while not select.select([descriptors[2]], [], [], 30)[0]: pass
                        kept.append(descriptors)
                    # One of them frozen: the last but three of the descriptors, where the host can.
                    if sys.argv[3]: os.write(kept[0][7], sys.argv[3].encode())
                    launcher.prepare()
                    print("ready", flush=True)
                    sys.stdin.read()
                    """
                let peer = try LauncherPeer.start(
                    "import select\n" + script, [instance, code, ControlGroups.freezeWord])
                #expect(try peer.line() == "ready")
                let groups = try ControlGroups.find(instance: instance)
                let processes = ControlGroups.processes(groups)
                #expect(groups.count > 4)
                #expect(processes.count >= 3)
                kill(peer.process.processIdentifier, SIGKILL)
                try peer.waitForEndOfOutput()
                #expect(processes.filter { kill($0, 0) == 0 } == [])
                #expect(try ControlGroups.find(instance: instance) == [])
                peer.process.waitUntilExit()
            }
        }

        @Test func twoInstancesLiveSideBySideAndOneNameOnlyOnce() async throws {
            try await SandboxHost.with(.linux) { one in
                try await SandboxHost.with(.linux) { other in
                    let first = try await one.start(try one.specification("say('one')\nwait_for_the_end()"))
                    let second = try await other.start(try other.specification("say('two')\nwait_for_the_end()"))
                    try await first.expect(line: "one")
                    try await second.expect(line: "two")
                    await second.close()
                    let driver = other.driver
                    try await within("shut down") { await driver.shutdown() }
                    // The neighbour is not touched by the end of the other.
                    try await one.run("say('still')") { try await $0.expect(line: "still") }
                    first.sandbox.kill()
                    try await first.expect(exit: .signal(SIGKILL))
                    await first.close()
                }
                var options = SandboxHost.Options()
                options.instance = one.instance
                await #expect(throws: SandboxError.self) { try await SandboxHost.with(.linux, options) { _ in } }
                try await one.run("say('still')") { try await $0.expect(line: "still") }
            }
        }

        @Test func theTerminalsSignalsDoNotEndTheLauncher() async throws {
            try await SandboxHost.with(.linux) { host in
                for signal in [SIGINT, SIGTERM, SIGHUP, SIGPIPE] { kill(host.launcher, signal) }
                try await host.run("say('up')") { try await $0.expect(line: "up") }
            }
        }
    }

    /// The launcher distrusts its supervisor: it starts nothing as root, nothing from elsewhere, and ends rather than guess.
    @Suite(
        .enabled(if: HostFeature.missing(HostFeature.linux) == nil, "\(HostFeature.missing(HostFeature.linux) ?? "")"))
    struct LauncherRequests {
        private func ask(_ script: String) async throws -> [String] {
            var lines: [String] = []
            try await SandboxHost.with(.linux) { host in
                let code = try host.code("say('up')\nwait_for_the_end()")
                let peer = try LauncherPeer.start(script, ["\(host.instance)-peer", code])
                peer.input.closeFile()
                while case let line = try peer.line(), !line.isEmpty { lines.append(line) }
                peer.process.waitUntilExit()
                #expect(peer.process.terminationStatus == 0)
                #expect(try ControlGroups.find(instance: "\(host.instance)-peer") == [])
            }
            return lines
        }

        private static let greeting = """
            launcher = Launcher()
            assert launcher.hello(sys.argv[1], [sys.argv[2]], targets=["/srv/x"])[0] == 0
            slot, descriptors = launcher.prepare()
            code = sys.argv[2]

            """ + "\n"

        private static let leaving = "\nlauncher.socket.close()\nassert launcher.wait() == 0\n"

        @Test func whatIsNotAllowedInsideIsRefused() async throws {
            let script = """
                for arguments in [dict(arguments=["bin/true"]), dict(targets=["/usr"]), dict(code=""), dict(code="", targets=[])]:
                    slot, descriptors = launcher.prepare()
                    print(launcher.start(slot, **dict(code=code) | arguments)[1], flush=True)
                slot, descriptors = launcher.prepare(1)
                print(launcher.start(slot, code)[1], flush=True)
                """
            let lines = try await ask(Self.greeting + script + Self.leaving)
            #expect(
                lines == [
                    "check the program's path", "check the mount point /usr", "check the code", "check the code",
                    "find the slot",
                ])
        }

        @Test func slotsThatDoNotExistAreRefused() async throws {
            let script = """
                for number in [slot + 1, slot + 16384, 0xffffffff, 16383, 16384]:
                    print(launcher.start(number, code)[0], launcher.ask(5, u32(number))[0], flush=True)
                    launcher.send(4, u32(number))
                print(launcher.start(slot, code)[0], launcher.start(slot, code)[0], launcher.ask(5, u32(slot))[0],
                    launcher.ask(5, u32(slot))[0], flush=True)
                """
            let lines = try await ask(Self.greeting + script + Self.leaving)
            #expect(lines == Array(repeating: "2 2", count: 5) + ["0 2 0 2"])
        }

        @Test func aRestartTakesItsOwnDescriptorsOnly() async throws {
            let script = """
                import signal
                _, _, _, kept = launcher.start(slot, code)
                other, _ = launcher.prepare()
                _, _, _, others = launcher.start(other, code)
                null = os.open("/dev/null", os.O_RDWR)
                # Never the host's own mount namespace: a launcher that took it would arrange the host as an environment.
                names = os.open("/proc/self/ns/uts", os.O_RDONLY)
                print(launcher.start(slot, code, kind=6, descriptors=kept)[:2], flush=True)
                launcher.send(4, u32(slot))
                kind, _, _, _ = launcher.receive()
                assert kind == 65
                for bad in [[names] + kept[1:], [kept[0], names] + kept[2:], others, kept[:2] + [null] * 3, kept[::-1],
                        others[:1] + kept[1:]]:
                    print(launcher.start(slot, code, kind=6, descriptors=bad)[0], flush=True)
                print(launcher.start(slot, code, kind=6, descriptors=kept, arguments=["true"])[0], flush=True)
                print(launcher.start(slot, code, kind=6, descriptors=kept)[0], flush=True)
                """
            let lines = try await ask(Self.greeting + script + Self.leaving)
            #expect(lines == ["(2, 'find the ended slot')"] + Array(repeating: "9", count: 6) + ["22", "0"])
        }

        @Test func whatDoesNotParseEndsTheLauncherInAnOrderlyWay() async throws {
            let script = """
                import random
                good = u32(0) + text("env") + u32(0) + u64(128 << 20) + u64(-1) + u64(8 << 20) + u32(64)
                good += u32(64) + text("/x") + u32(0) + texts(["/bin/true"]) + texts(["A=B"])
                bad = [u32(3), u32(3) + u32(1), u32(99) + u32(1), u32(1) + u32(1), u32(64) + u32(1), b"x",
                    u32(2) + u32(1), u32(2) + u32(1) + u32(2), u32(2) + u32(1) + u32(0) + b"more",
                    u32(7) + u32(1) + u32(0) + good[15:], u32(8) + u32(1) + u32(0) + u32(0), u32(8) + u32(1) + u32(0), u32(5) + u32(1), u32(4) + u32(1) + u32(0) + b"x",
                    u32(3) + u32(1) + good[:-1], u32(3) + u32(1) + good + b"x",
                    u32(3) + u32(1) + u32(0) + u32(0xffffffff) + b"x", u32(3) + u32(1) + u32(0) + u32(0xfffffffe) + b"x",
                    u32(6) + u32(1) + good, (u32(3) + u32(1) + good).ljust(100_000, b"z")]
                random.seed(1)
                for _ in range(40):
                    message = bytearray(u32(3) + u32(1) + good)
                    for _ in range(3): message[random.randrange(8, len(message))] = random.choice([0, 1, 255, random.randrange(256)])
                    bad.append(bytes(message) + b"!")
                ends = set()
                for number, message in enumerate(bad):
                    launcher = Launcher()
                    if number % 2 == 0:
                        assert launcher.hello(sys.argv[1], [sys.argv[2]])[0] == 0
                    launcher.socket.send(message)
                    while launcher.receive() is not None: pass
                    ends.add(launcher.wait())
                print(ends, flush=True)
                """
            let lines = try await ask("import sys\n" + script)
            #expect(lines == ["{0}"])
        }

        @Test func anUnfitGreetingIsRefused() async throws {
            let script = """
                def refused(*arguments, **named):
                    launcher = Launcher()
                    answer = launcher.hello(*arguments, **named)
                    launcher.socket.close()
                    assert launcher.wait() == 0
                    print(answer[0] > 0, flush=True)
                for name in ["", "UPPER", "a/b", "..", "a" * 49, "a b"]:
                    refused(name, [sys.argv[2]])
                refused(sys.argv[1], ["relative"])
                refused(sys.argv[1], [sys.argv[2] + "/absent"])
                refused(sys.argv[1], [sys.argv[2]], init=1000)
                refused(sys.argv[1], [sys.argv[2]], targets=["/a/../../b"])
                """
            let lines = try await ask("import sys\n" + script)
            #expect(lines == Array(repeating: "True", count: 10))
        }
    }
}
