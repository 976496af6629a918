import Foundation
import Testing

/// Two network namespaces of the test's own: a "host" that the launcher runs in, and behind it an "outside" with servers.
///
///     environment ── veth ── host 198.51.100.1 ── veth ── outside 198.51.100.2
///
/// What a launcher does to the host's network, it does here. Nothing of the real one is touched.
final class RouterNetwork {
    static let outside = "198.51.100.2"
    static let host = "198.51.100.1"
    /// Addresses of the outside beside its own: metadata services.
    static let metadata = ["169.254.169.254", "168.63.129.16", "100.100.100.200"]

    let folder: String
    /// A script that starts the launcher inside the host namespace.
    var launcher: String { "\(folder)/launcher" }

    private let hostName: String
    private let outsideName: String
    private var servers: [Command.Running] = []

    init() throws {
        let tag = UInt32.random(in: 0 ... .max)
        (hostName, outsideName) = ("apus-h\(tag)", "apus-o\(tag)")
        folder = "/tmp/apus-network-tests-\(tag)"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        for name in [hostName, outsideName] { try ip("netns", "add", name) }
        try ip("-n", hostName, "link", "add", "up0", "type", "veth", "peer", "name", "down0", "netns", outsideName)
        for (name, link, address) in [(hostName, "up0", Self.host), (outsideName, "down0", Self.outside)] {
            try ip("-n", name, "address", "add", "\(address)/24", "dev", link)
            for each in ["lo", link] { try ip("-n", name, "link", "set", each, "up") }
        }
        try ip("-n", hostName, "route", "add", "default", "via", Self.outside)
        for address in Self.metadata { try ip("-n", outsideName, "address", "add", "\(address)/32", "dev", "lo") }
        try "#!/bin/sh\nexec \(HostFeature.find("nsenter")!) --net=/run/netns/\(hostName) \(HostFeature.launcherPath)\n"
            .write(toFile: launcher, atomically: false, encoding: .utf8)
        try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: launcher)
        try serve(outsideName, ports: [25, 53, 80, 2525])
        try serve(hostName, ports: [25, 80, 8080])
    }

    /// Undoes everything.
    func end() {
        for server in servers { server.end() }
        for name in [hostName, outsideName] { try? ip("netns", "delete", name) }
        try? FileManager.default.removeItem(atPath: folder)
    }

    /// Runs a program in the host namespace.
    @discardableResult func onHost(_ program: String, _ arguments: [String]) throws -> String {
        let enter = ["--net=/run/netns/\(hostName)", program] + arguments
        return try Command(HostFeature.find("nsenter")!, enter).output()
    }

    /// Those of environments, in the host namespace.
    func interfaces() throws -> [String] {
        let links = try onHost(HostFeature.find("ip")!, ["-o", "link"])
        return links.split(separator: "\n").map(String.init).filter { $0.contains(": ap") }
    }

    /// The kernel removes an interface some time after its namespace.
    func waitForInterfaces(atMost count: Int) async throws {
        for _ in 0..<300 {
            if try interfaces().count <= count { return }
        }
        throw DeadlineMissed(description: "interfaces left: \(try interfaces())")
    }

    /// Tries TCP connections, all at once, and says how each went after at most a second.
    static let connecting = """
        import select, time
        def connect_all(targets):
            sockets = {}
            for name, address in targets.items():
                one = socket.socket()
                one.setblocking(False)
                result = one.connect_ex(address)
                if result in (0, errno.EINPROGRESS): sockets[one] = name
                else: say(name, errno.errorcode[result])
            end = time.monotonic() + 1
            while sockets and time.monotonic() < end:
                _, ready, _ = select.select([], list(sockets), [], max(0, end - time.monotonic()))
                for one in ready:
                    result = one.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
                    say(sockets.pop(one), "connected" if result == 0 else errno.errorcode[result])
            for name in sockets.values(): say(name, "silence")

        """ + "\n"

    private func serve(_ namespace: String, ports: [Int]) throws {
        let script = """
            import select, socket, sys
            listeners = [socket.create_server(("0.0.0.0", int(port))) for port in sys.argv[1:]]
            print("ready", flush=True)
            while True:
                for one in select.select(listeners + [sys.stdin], [], [])[0]:
                    if one is sys.stdin: sys.exit()
                    connection, peer = one.accept()
                    connection.sendall(peer[0].encode() + b"\\n")
                    connection.close()
            """
        let enter = ["--net=/run/netns/\(namespace)", "/usr/bin/python3", "-I", "-S", "-c", script]
        let server = try Command(HostFeature.find("nsenter")!, enter + ports.map(String.init)).start()
        #expect(try server.line() == "ready")
        servers.append(server)
    }

    private func ip(_ arguments: String...) throws { _ = try Command(HostFeature.find("ip")!, arguments).output() }
}
