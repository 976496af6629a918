import Foundation

/// A supervisor in Python that drives the launcher by hand, so that it can be killed and can send what no driver would.
enum LauncherPeer {
    /// The module; `APUS_LAUNCHER` names the launcher.
    static let module = """
        import array, os, socket, struct, sys

        def u32(value): return struct.pack("<I", value & 0xffffffff)
        def u64(value): return struct.pack("<Q", value & 0xffffffffffffffff)
        def text(value):
            value = value if isinstance(value, bytes) else value.encode()
            return u32(len(value)) + value + b"\\0"
        def texts(values): return u32(len(values)) + b"".join(text(value) for value in values)

        class Launcher:
            def __init__(self):
                keeper, far = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
                # Standard output goes along: who reads it sees when the launcher has ended.
                path = os.environ["APUS_LAUNCHER"]
                self.process = os.posix_spawn(path, [path], {}, file_actions=[(os.POSIX_SPAWN_DUP2, far.fileno(), 3)])
                far.close()
                # The keeper hands over the socket of the launcher proper.
                _, descriptors, _, _ = socket.recv_fds(keeper, 64, 1)
                self.socket = socket.socket(fileno=descriptors[0])
                self.socket.settimeout(30)
                self.number = 0

            def wait(self):
                return os.waitstatus_to_exitcode(os.waitpid(self.process, 0)[1])

            def send(self, kind, fields=b"", descriptors=()):
                self.number += 1
                ancillary = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", descriptors))] if descriptors else []
                self.socket.sendmsg([u32(kind) + u32(self.number) + fields], ancillary)
                return self.number

            def receive(self):
                "The kind, the request, the fields and the descriptors; None at the end."
                data, ancillary, _, _ = self.socket.recvmsg(65536, socket.CMSG_SPACE(64))
                if not data: return None
                descriptors = array.array("i")
                for _, _, piece in ancillary: descriptors.frombytes(piece)
                return *struct.unpack_from("<II", data), data[8:], list(descriptors)

            def ask(self, kind, fields=b"", descriptors=()):
                "The errno, the step, the further fields and the descriptors."
                self.send(kind, fields, descriptors)
                while True:
                    kind, number, data, received = self.receive()
                    if number == self.number: break
                error, length = struct.unpack_from("<II", data)
                return error, data[8:8 + length].decode(), data[9 + length:], received

            def hello(self, instance, sources, version=3, init=199999, targets=()):
                return self.ask(1, u32(version) + text(instance) + u32(init) + u32(0) + u64(0) + texts(sources)
                    + texts(list(targets)))

            def prepare(self, purpose=0):
                error, _, fields, descriptors = self.ask(2, u32(purpose))
                assert error == 0, error
                return struct.unpack_from("<I", fields)[0], descriptors

            def place(self, code, targets=("/opt",)):
                return (u64(128 << 20) + u64(-1) + u64(8 << 20) + u32(64) + u32(64) + text(code) + u32(len(targets))
                    + b"".join(text(code) + text(t) for t in targets))

            def start(self, slot, code, kind=3, flags=0, descriptors=(), targets=("/opt",), arguments=None, variables=()):
                fields = u32(slot) + text("env") + u32(flags) + self.place(code, targets)
                fields += texts(arguments or ["/usr/bin/python3", "-I", "-S", "/var/task/main.py"]) + texts(list(variables))
                fields += text("")
                return self.ask(kind, fields, descriptors)

        """ + "\n"

    static func start(_ script: String, _ arguments: [String]) throws -> Command.Running {
        let code = "import os\nos.environ['APUS_LAUNCHER'] = '\(HostFeature.launcherPath)'\n" + module + script
        return try Command("/usr/bin/python3", ["-I", "-S", "-c", code] + arguments).start()
    }
}
