import ApusSandbox
import Foundation
import Glibc
import Testing

extension SandboxTests {
    /// Sockets of the supervisor's that reach what listens inside an environment.
    struct InsideSockets {
        /// Says its port, and what it was told there; says the same again after a restart.
        private static let listener = """
            listener = socket.create_server(("127.0.0.1", 0))
            say(listener.getsockname()[1])
            connection, peer = listener.accept()
            say(connection.recv(16).decode(), peer[0])
            """

        /// Tells the port; returns 0, or why it could not be reached.
        private static func tell(_ text: String, to port: UInt16, of sandbox: any Sandbox) async throws -> Int32 {
            let socket = try await within("a socket") { try await sandbox.openSocket() }
            return try await offload {
                defer { close(socket) }
                #expect(fcntl(socket, F_GETFL) & O_NONBLOCK != 0)
                #expect(fcntl(socket, F_GETFD) & FD_CLOEXEC != 0)
                _ = fcntl(socket, F_SETFL, 0)
                var address = sockaddr_in()
                address.sin_family = sa_family_t(AF_INET)
                address.sin_port = port.bigEndian
                address.sin_addr.s_addr = UInt32(INADDR_LOOPBACK).bigEndian
                let result = withUnsafePointer(to: &address) { pointer in
                    pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                        connect(socket, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
                    }
                }
                guard result == 0 else { return errno }
                return write(socket, text, text.utf8.count) == text.utf8.count ? 0 : errno
            }
        }

        private static func port(_ running: RunningSandbox) async throws -> UInt16 {
            try #require(UInt16(try await running.line()))
        }

        @Test(arguments: DriverKind.allCases)
        func theyReachTheirOwnEnvironment(_ kind: DriverKind) async throws {
            try await SandboxHost.with(kind) { host in
                try await host.run(Self.listener) { running in
                    let port = try await Self.port(running)
                    #expect(try await Self.tell("hello", to: port, of: running.sandbox) == 0)
                    try await running.expect(line: "hello 127.0.0.1")
                    try await running.expect(exit: .code(0))
                    let sandbox = running.sandbox
                    try await within("restart") { try await sandbox.restart() }
                    let next = try await Self.port(running)
                    #expect(try await Self.tell("again", to: next, of: sandbox) == 0)
                    try await running.expect(line: "again 127.0.0.1")
                }
            }
        }

        @Test(
            .enabled(
                if: HostFeature.missing(HostFeature.linux) == nil, "\(HostFeature.missing(HostFeature.linux) ?? "")")
        )
        func theyReachCellsAndForks() async throws {
            try await SandboxHost.with(.linux) { host in
                let zygote = try await host.boot()
                for cell in [try await host.boot(), try await host.fork(zygote)] {
                    try await host.specialize(cell, Self.listener)
                    let port = try await Self.port(cell)
                    #expect(try await Self.tell("hello", to: port, of: cell.sandbox) == 0)
                    try await cell.expect(line: "hello 127.0.0.1")
                    await cell.close()
                }
                await zygote.close()
            }
        }

        @Test(
            .enabled(
                if: HostFeature.missing(HostFeature.linux) == nil, "\(HostFeature.missing(HostFeature.linux) ?? "")")
        )
        func theyReachNoOtherEnvironmentAndNotTheHost() async throws {
            try await SandboxHost.with(.linux) { host in
                let one = try await host.start(try host.specification(Self.listener))
                let other = try await host.start(try host.specification("wait_for_the_end()"))
                let port = try await Self.port(one)
                #expect(try await Self.tell("x", to: port, of: other.sandbox) == ECONNREFUSED)
                let hosts = try HostListener()
                #expect(try await Self.tell("x", to: hosts.port, of: other.sandbox) == ECONNREFUSED)
                await one.close()
                await other.close()
                let closed = other.sandbox
                await #expect(throws: SandboxError.self) { _ = try await closed.openSocket() }
            }
        }

        @Test(
            .enabled(
                if: HostFeature.missing(HostFeature.linux) == nil, "\(HostFeature.missing(HostFeature.linux) ?? "")")
        )
        func theLauncherKnowsEachEnvironmentsNamespace() async throws {
            try await SandboxHost.with(.linux) { host in
                let code = try host.code("signal.pause()")
                let script = """
                    launcher = Launcher()
                    assert launcher.hello(sys.argv[1], [sys.argv[2]])[0] == 0
                    slots = [launcher.prepare()[0] for _ in range(2)]
                    # The second of what is kept is the network namespace.
                    networks = []
                    for slot in slots:
                        error, _, _, kept = launcher.start(slot, sys.argv[2])
                        assert error == 0, error
                        networks.append(kept[1])
                    def open_socket(slot, descriptor):
                        error, step, _, descriptors = launcher.ask(9, u32(slot), [descriptor])
                        return error, len(descriptors)
                    print(open_socket(slots[0], networks[0]))
                    print(open_socket(slots[0], networks[1]))
                    print(open_socket(slots[0], os.open("/proc/self/ns/net", os.O_RDONLY)))
                    print(open_socket(slots[0], 0))
                    print(open_socket(77777, networks[0]), flush=True)
                    """
                let peer = try LauncherPeer.start(script, ["\(host.instance)-peer", code])
                let expected = ["(0, 1)", "(\(EBADF), 0)", "(\(EBADF), 0)", "(\(EBADF), 0)", "(\(ENOENT), 0)"]
                for line in expected { #expect(try peer.line() == line) }
                peer.process.terminate()
                peer.process.waitUntilExit()
            }
        }
    }
}

/// Listens on the loopback address of the host.
private struct HostListener: ~Copyable {
    let port: UInt16
    private let descriptor: Int32

    init() throws {
        descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(INADDR_LOOPBACK).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let listens = withUnsafeMutablePointer(to: &address) { [descriptor] pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(descriptor, $0, length) == 0 && listen(descriptor, 8) == 0
                    && getsockname(descriptor, $0, &length) == 0
            }
        }
        try #require(listens)
        port = UInt16(bigEndian: address.sin_port)
    }

    deinit { close(descriptor) }
}
