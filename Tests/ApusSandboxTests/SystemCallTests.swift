import ApusSandbox
import Testing

extension SandboxTests {
    /// The system call filter, met from inside with calls that a library would not make.
    @Suite(
        .enabled(if: HostFeature.missing(HostFeature.linux) == nil, "\(HostFeature.missing(HostFeature.linux) ?? "")"))
    struct SystemCalls {
        /// Name, numbers on x86_64 and aarch64, errno. Every argument is zero: the filter answers before the kernel looks.
        private static let refused: [(name: String, x86: Int, arm: Int, errno: String)] = [
            ("mount", 165, 40, "EPERM"), ("umount2", 166, 39, "EPERM"), ("pivot_root", 155, 41, "EPERM"),
            ("chroot", 161, 51, "EPERM"), ("open_tree", 428, 428, "EPERM"), ("move_mount", 429, 429, "EPERM"),
            ("fsopen", 430, 430, "EPERM"), ("fsconfig", 431, 431, "EPERM"), ("fsmount", 432, 432, "EPERM"),
            ("fspick", 433, 433, "EPERM"), ("mount_setattr", 442, 442, "EPERM"), ("open_tree_attr", 467, 467, "EPERM"),
            ("name_to_handle_at", 303, 264, "EPERM"), ("open_by_handle_at", 304, 265, "EPERM"),
            ("setns", 308, 268, "EPERM"), ("unshare", 272, 97, "EPERM"), ("clone3", 435, 435, "ENOSYS"),
            ("ptrace", 101, 117, "EPERM"), ("process_vm_readv", 310, 270, "EPERM"),
            ("process_vm_writev", 311, 271, "EPERM"), ("pidfd_getfd", 438, 438, "EPERM"), ("kcmp", 312, 272, "EPERM"),
            ("process_madvise", 440, 440, "EPERM"), ("move_pages", 279, 239, "EPERM"),
            ("migrate_pages", 256, 238, "EPERM"), ("bpf", 321, 280, "EPERM"), ("perf_event_open", 298, 241, "EPERM"),
            ("userfaultfd", 323, 282, "EPERM"), ("fanotify_init", 300, 262, "EPERM"),
            ("io_uring_setup", 425, 425, "ENOSYS"), ("io_uring_enter", 426, 426, "ENOSYS"),
            ("io_uring_register", 427, 427, "ENOSYS"), ("add_key", 248, 217, "EPERM"),
            ("request_key", 249, 218, "EPERM"), ("keyctl", 250, 219, "EPERM"), ("init_module", 175, 105, "EPERM"),
            ("finit_module", 313, 273, "EPERM"), ("delete_module", 176, 106, "EPERM"),
            ("kexec_load", 246, 104, "EPERM"), ("reboot", 169, 142, "EPERM"), ("swapon", 167, 224, "EPERM"),
            ("acct", 163, 89, "EPERM"), ("quotactl", 179, 60, "EPERM"), ("syslog", 103, 116, "EPERM"),
            ("sethostname", 170, 161, "EPERM"), ("settimeofday", 164, 170, "EPERM"),
            ("clock_settime", 227, 112, "EPERM"), ("adjtimex", 159, 171, "EPERM"),
        ]

        @Test(arguments: DriverKind.isolated)
        func callsThatAdministerTheHostAreRefused(_ kind: DriverKind) async throws {
            try await SandboxHost.with(kind) { host in
                let calls = Self.refused.map {
                    "attempt('\($0.name)', syscall, (\($0.x86), \($0.arm)), 0, 0, 0, 0, 0, 0)"
                }
                let found = try await host.probe("use_system_calls()\n" + calls.joined(separator: "\n"))
                for call in Self.refused { #expect(found[call.name] == call.errno, "\(call.name)") }
            }
        }

        @Test(arguments: DriverKind.isolated)
        func cloneMakesProcessesButNoNamespaces(_ kind: DriverKind) async throws {
            try await SandboxHost.with(kind) { host in
                // SIGCHLD is 17. The second word's bits would be clone3's.
                let program = """
                    use_system_calls()
                    flags = {"newtime": 0x80, "newns": 0x20000, "newcgroup": 0x2000000, "newuts": 0x4000000, "newipc": 0x8000000,
                        "newuser": 0x10000000, "newpid": 0x20000000, "newnet": 0x40000000}
                    for name, flag in flags.items():
                        attempt(name, syscall, (56, 220), flag | 17, 0, 0, 0, 0)
                        attempt(name + "-high", syscall, (56, 220), flag | 17 | 0x7fffffff << 32, 0, 0, 0, 0)
                    child = os.fork()
                    if child == 0: os._exit(0)
                    say("fork", os.waitpid(child, 0)[1])
                    import threading
                    thread = threading.Thread(target=lambda: say("thread", 0))
                    thread.start()
                    thread.join()
                    """
                let found = try await host.probe(program)
                #expect(found["fork"] == "0")
                #expect(found["thread"] == "0")
                for (name, result) in found where name.hasPrefix("new") { #expect(result == "ENOSYS", "\(name)") }
                #expect(found.count == 18)
            }
        }

        @Test(arguments: DriverKind.isolated)
        func onlyOrdinarySocketsExist(_ kind: DriverKind) async throws {
            try await SandboxHost.with(kind) { host in
                let program = """
                    families = {"packet": 17, "vsock": 40, "alg": 38, "bluetooth": 31, "key": 15, "can": 29, "xdp": 44, "rds": 21,
                        "tipc": 30, "kcm": 41, "qipcrtr": 42, "smc": 43, "ax25": 3, "caif": 37, "nfc": 39, "mctp": 45}
                    for name, family in families.items():
                        for kind in (1, 2, 3, 5):
                            attempt(f"{name}-{kind}", socket.socket, family, kind)
                    attempt("raw-icmp", socket.socket, socket.AF_INET, socket.SOCK_RAW, 1)
                    attempt("raw-ip", socket.socket, socket.AF_INET, socket.SOCK_RAW, 255)
                    attempt("raw-6", socket.socket, socket.AF_INET6, socket.SOCK_RAW, 58)
                    attempt("old-packet", socket.socket, socket.AF_INET, 10, 0x300)
                    attempt("sctp", socket.socket, socket.AF_INET, socket.SOCK_STREAM, 132)
                    attempt("mptcp", socket.socket, socket.AF_INET, socket.SOCK_STREAM, 262)
                    attempt("netfilter", socket.socket, socket.AF_NETLINK, socket.SOCK_RAW, 12)
                    attempt("audit", socket.socket, socket.AF_NETLINK, socket.SOCK_RAW, 9)
                    attempt("pair", socket.socketpair, socket.AF_INET)
                    for name, arguments in {"tcp": (2, 1), "udp": (2, 2), "tcp6": (10, 1), "unix": (1, 1), "route": (16, 3, 0),
                            "flags": (2, 1 | 0o2000000 | 0o4000)}.items():
                        say("ok-" + name, socket.socket(*arguments).fileno() > 2)
                    """
                var found = try await host.probe(program)
                for name in ["tcp", "udp", "tcp6", "unix", "route", "flags"] {
                    #expect(found.removeValue(forKey: "ok-\(name)") == "True", "\(name)")
                }
                #expect(found.count == 16 * 4 + 9)
                for (name, result) in found {
                    #expect(["EPERM", "EAFNOSUPPORT", "EPROTONOSUPPORT"].contains(result), "\(name) \(result)")
                }
            }
        }

        @Test(arguments: DriverKind.isolated)
        func terminalInjectionAndOddPersonalitiesAreRefused(_ kind: DriverKind) async throws {
            try await SandboxHost.with(kind) { host in
                let program = """
                    use_system_calls()
                    attempt("sti", syscall, (16, 29), 1, 0x5412, 0)
                    attempt("sti-high", syscall, (16, 29), 1, 0x5412 | 1 << 32, 0)
                    attempt("linux", syscall, (16, 29), 1, 0x541c, 0)
                    attempt("no-randomisation", syscall, (135, 92), 0x40000)
                    attempt("mmap-zero", syscall, (135, 92), 0x100000)
                    attempt("ask", syscall, (135, 92), 0xffffffff)
                    """
                let found = try await host.probe(program)
                let expected = [
                    "sti": "EPERM", "sti-high": "EPERM", "linux": "EPERM", "no-randomisation": "EPERM",
                    "mmap-zero": "EPERM", "ask": "allowed",
                ]
                #expect(found == expected)
            }
        }

        #if arch(x86_64)
        @Test(arguments: DriverKind.isolated)
        func x32CallsDoNotExistAndI386CallsKill(_ kind: DriverKind) async throws {
            try await SandboxHost.with(kind) { host in
                // x32's own numbers, and ordinary ones with its bit: getpid, mount.
                let numbers = [0x4000_0027, 0x4000_00A5, 0x4000_0200, 0x4000_020D]
                let calls = numbers.map { "attempt('n\($0)', syscall, \($0), 0, 0, 0, 0, 0, 0)" }
                let found = try await host.probe("use_system_calls()\n" + calls.joined(separator: "\n"))
                for number in numbers { #expect(found["n\(number)"] == "ENOSYS") }
                // mov eax, 20 (getpid of i386); int 0x80; ret
                let program = """
                    import ctypes, mmap
                    code = mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
                    code.write(b"\\xb8\\x14\\x00\\x00\\x00\\xcd\\x80\\xc3")
                    address = ctypes.addressof(ctypes.c_char.from_buffer(code))
                    say("calling")
                    ctypes.CFUNCTYPE(ctypes.c_int)(address)()
                    say("came back")
                    """
                try await host.run(program) { running in
                    let (exit, output) = try await running.finish()
                    #expect(exit.cause == .signal(31), "SIGSYS")  // Not in Glibc's module.
                    #expect(output == "calling\n")
                }
            }
        }
        #endif
    }
}
