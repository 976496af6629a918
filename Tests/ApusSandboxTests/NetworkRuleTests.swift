import ApusSandbox
import Foundation
import Glibc
import Testing

extension SandboxTests {
    /// What an environment reaches beyond itself, with real packets.
    @Suite(
        .enabled(
            if: HostFeature.missing(HostFeature.network) == nil, "\(HostFeature.missing(HostFeature.network) ?? "")"))
    struct NetworkRules {
        private static func with(_ body: (RouterNetwork, SandboxHost) async throws -> Void) async throws {
            let network = try RouterNetwork()
            defer { network.end() }
            var options = SandboxHost.Options()
            options.network = true
            options.launcher = network.launcher
            try await SandboxHost.with(.linux, options) { host in
                let found = host.driver.probes.first { $0.feature == "network" }
                #expect(found?.result == .present, "\(found?.detail ?? "")")
                try await body(network, host)
            }
        }

        @Test func theOutsideIsReachedButNotItsMailAndMetadataServices() async throws {
            try await Self.with { network, host in
                // The control: the host itself reaches what the environment must not.
                let control =
                    "import socket\nfor a in \(RouterNetwork.metadata): socket.create_connection((a, 80), 10)\n"
                    + "socket.create_connection(('\(RouterNetwork.outside)', 25), 10)"
                try network.onHost("/usr/bin/python3", ["-I", "-S", "-c", control])
                let program =
                    RouterNetwork.connecting + """
                        targets = {f"{address}:{port}": (address, port)
                            for address in ["\(RouterNetwork.outside)", *\(RouterNetwork.metadata)] for port in (25, 53, 80, 2525)}
                        connect_all(targets)
                        say("peer", socket.create_connection(("\(RouterNetwork.outside)", 2525), 10).recv(64).decode().strip())
                        """
                let found = try await host.probe(program)
                for port in [53, 80, 2525] {
                    #expect(found["\(RouterNetwork.outside):\(port)"] == "connected", "\(port)")
                }
                #expect(found["\(RouterNetwork.outside):25"] == "silence")
                for address in RouterNetwork.metadata {
                    for port in [25, 80, 2525] {
                        #expect(found["\(address):\(port)"] == "silence", "\(address):\(port)")
                    }
                    #expect(found["\(address):53"] == "connected", "name servers of clouds live there")
                }
                #expect(found["peer"] == RouterNetwork.host)
            }
        }

        @Test func theHostAndOtherEnvironmentsAreUnreachable() async throws {
            try await Self.with { network, host in
                let listening = """
                    server = socket.create_server(("0.0.0.0", 7000))
                    probe = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
                    probe.connect(("\(RouterNetwork.outside)", 9))
                    say(probe.getsockname()[0])
                    wait_for_the_end()
                    """
                try await host.run(listening) { neighbour in
                    let address = try await neighbour.line()
                    // The control: the host reaches the port that the environment must not.
                    // From outside nothing new comes in either, so there is a rule to see: only the listener is checked.
                    let octets = address.split(separator: ".").compactMap { Int($0) }
                    let outer = octets.dropLast().map(String.init).joined(separator: ".") + ".\(octets[3] - 1)"
                    let program =
                        RouterNetwork.connecting + """
                            connect_all({"neighbour": ("\(address)", 7000), "neighbour-runtime": ("\(address)", 9001),
                                "neighbour-veth": ("\(outer)", 8080), "host": ("\(RouterNetwork.host)", 8080),
                                "host-web": ("\(RouterNetwork.host)", 80)})
                            route = read("/proc/net/route").split()
                            gateway = next(socket.inet_ntoa(int(route[i + 1], 16).to_bytes(4, "little"))
                                for i, word in enumerate(route) if word == b"00000000" and route[i + 1] != b"00000000")
                            connect_all({"own-veth": (gateway, 8080)})
                            datagram = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
                            attempt("broadcast", datagram.sendto, b"x", ("255.255.255.255", 9))
                            """
                    let found = try await host.probe(program)
                    for name in ["neighbour", "neighbour-runtime", "neighbour-veth", "host", "host-web", "own-veth"] {
                        #expect(found[name] == "silence", "\(name)")
                    }
                    #expect(found["broadcast"] == "EACCES")
                }
            }
        }

        @Test func theRuntimeAPIIsNotOnTheEnvironmentsAddress() async throws {
            try await Self.with { network, host in
                let program = """
                    probe = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
                    probe.connect(("\(RouterNetwork.outside)", 9))
                    address = probe.getsockname()[0]
                    for port in (9001, 4566):
                        attempt(f"own-{port}", socket.create_connection, (address, port), 5)
                        say(f"loopback-{port}", socket.create_connection(("127.0.0.1", port), 5).fileno() > 2)
                    say("interfaces", sorted(name for _, name in socket.if_nameindex() if name in ("lo", "eth0")))
                    say("six", os.path.exists("/proc/net/if_inet6") and len(read("/proc/net/if_inet6")))
                    """
                let found = try await host.probe(program)
                #expect(found["own-9001"] == "ECONNREFUSED")
                #expect(found["own-4566"] == "ECONNREFUSED")
                #expect(found["loopback-9001"] == "True")
                #expect(found["loopback-4566"] == "True")
                #expect(found["interfaces"] == "['eth0', 'lo']")
                #expect(found["six"] == "0" || found["six"] == "False")
            }
        }

        @Test func anEndLeavesNothingOfTheNetwork() async throws {
            let network = try RouterNetwork()
            defer { network.end() }
            var options = SandboxHost.Options()
            options.network = true
            options.launcher = network.launcher
            let nft = try #require(HostFeature.find("nft")), ip = try #require(HostFeature.find("ip"))
            let before = try network.onHost(ip, ["route"])
            let forwarding = "/proc/sys/net/ipv4/conf/up0/forwarding"
            #expect(try network.onHost("/bin/cat", [forwarding]) == "0\n")
            try await SandboxHost.with(.linux, options) { host in
                #expect(try network.onHost("/bin/cat", [forwarding]) == "1\n")
                try await host.run("say('up')") { try await $0.expect(line: "up") }
            }
            #expect(try network.onHost(nft, ["list", "tables"]) == "")
            #expect(try network.onHost(ip, ["route"]) == before)
            #expect(try network.onHost("/bin/cat", [forwarding]) == "0\n")
        }

        @Test func twoInstancesBothReachTheOutsideAndNotEachOther() async throws {
            try await Self.with { network, one in
                var options = SandboxHost.Options()
                options.network = true
                options.launcher = network.launcher
                try await SandboxHost.with(.linux, options) { other in
                    let listening = """
                        server = socket.create_server(("0.0.0.0", 7000))
                        probe = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
                        probe.connect(("\(RouterNetwork.outside)", 9))
                        say(probe.getsockname()[0])
                        wait_for_the_end()
                        """
                    try await one.run(listening) { neighbour in
                        let address = try await neighbour.line()
                        let program =
                            RouterNetwork.connecting + """
                                connect_all({"out": ("\(RouterNetwork.outside)", 2525), "neighbour": ("\(address)", 7000)})
                                """
                        let second = try await other.probe(program)
                        #expect(second["out"] == "connected")
                        #expect(second["neighbour"] == "silence" || second["neighbour"] == "EINVAL")
                        let first = try await one.probe(program)
                        #expect(first["out"] == "connected")
                    }
                }
            }
        }

        @Test func aFirewallThatDropsForwardedPacketsIsReported() async throws {
            let network = try RouterNetwork()
            defer { network.end() }
            var options = SandboxHost.Options()
            options.network = true
            options.launcher = network.launcher
            try await SandboxHost.with(.linux, options) { host in
                #expect(!host.driver.probes.contains { $0.feature == "forwarding" })
            }
            let nft = try #require(HostFeature.find("nft"))
            try network.onHost(
                nft,
                [
                    "add table ip filter; add chain ip filter FORWARD { type filter hook forward priority 0; policy drop; }"
                ])
            try await SandboxHost.with(.linux, options) { host in
                let probe = try #require(host.driver.probes.first { $0.feature == "forwarding" })
                #expect(probe.result == .degraded)
                #expect(probe.detail.contains("`filter`"))
            }
        }

        @Test func withoutNetworkOnlyLoopbackIsThere() async throws {
            try await SandboxHost.with(.linux) { host in
                let program = """
                    attempt("out", socket.create_connection, ("\(RouterNetwork.outside)", 80), 5)
                    attempt("link", os.stat, "/proc/net/dev_snmp6/eth0")
                    say("eth0", "eth0" in [name for _, name in socket.if_nameindex()])
                    """
                let found = try await host.probe(program)
                #expect(found["out"] == "ENETUNREACH")
                #expect(found["eth0"] == "False")
            }
        }
    }
}
