import ApusModel
import ApusSandbox
import Foundation

/// A runtime as small as it can be that waits on the control channel (docs/decisions/0006).
///
/// On `S` it runs `/var/task/main.py` in its own globals: what one run leaves there, the next one and the forks find. A run may
/// replace `fork` and `enter`, to do worse than a runtime would.
enum CellProgram {
    static let text = """
        import os, struct
        import _socket

        fork = os.fork

        def enter(groups):
            for group in groups:
                os.write(group, b"0")

        def forked(channel, output, log, *groups):
            enter(groups)
            for group in groups: os.close(group)
            child = os.fork()
            if child:
                os.dup2(channel, 4)
                os.close(3)
                os.closerange(5, 100)
                os.execv("/var/rapid/init", ["init", str(child)])
            for target, descriptor in ((1, output), (2, output), (3, log), (4, channel)):
                os.dup2(descriptor, target)
            for descriptor in (channel, output, log): os.close(descriptor)

        def wait():
            channel = _socket.socket(fileno=4)
            message, ancillary, _, _ = channel.recvmsg(200000, 256)
            channel.detach()
            return message, [n for _, _, piece in ancillary for n in struct.unpack(f"{len(piece) // 4}i", piece)]

        while True:
            message, descriptors = wait()
            if not message:
                os._exit(0)
            if message[:1] == b"S":
                os.environb.clear()
                os.environb.update(entry.split(b"=", 1) for entry in message[1:].split(b"\\0") if entry)
                template = os.environ.get("AWS_LAMBDA_INITIALIZATION_TYPE") == "snap-start"
                if not template: os.close(4)
                os.chdir("/var/task")
                exec(compile(open("main.py").read(), "main.py", "exec"))
                if not template: os._exit(0)
                continue
            try:
                child = fork()
            except OSError:
                child = -1
            if child == 0:
                forked(*descriptors)
            else:
                for descriptor in descriptors: os.close(descriptor)

        """
}

extension SandboxHost {
    /// A booted cell.
    func boot() async throws -> RunningSandbox {
        let folder = try folder(with: CellProgram.text, named: "cell.py")
        let cell = CellSpecification(
            id: "cell-\(UInt32.random(in: 0 ... .max))", mounts: [.init(source: folder, target: "/var/runtime")],
            arguments: ["/usr/bin/python3", "-I", "-S", "/var/runtime/cell.py", "cell"],
            variables: [(name: "PATH", value: "/usr/bin")])
        let driver = self.driver
        return RunningSandbox(try await within("boot") { try await driver.boot(cell) })
    }

    /// A fork, which is a cell.
    func fork(_ origin: RunningSandbox) async throws -> RunningSandbox {
        let (driver, sandbox) = (self.driver, origin.sandbox)
        let id = "fork-\(UInt32.random(in: 0 ... .max))"
        return RunningSandbox(try await within("fork") { try await driver.fork(sandbox, as: id) })
    }

    /// Makes the cell the environment of a program. As a template it waits again after the program's end.
    func specialize(
        _ cell: RunningSandbox, _ program: String, template: Bool = false, variables: [String: String] = [:],
        change: (inout SandboxSpecification) -> Void = { _ in }
    ) async throws {
        let type = template ? ["AWS_LAMBDA_INITIALIZATION_TYPE": "snap-start"] : [:]
        var specification = try specification(program, variables: type.merging(variables) { $1 })
        specification.isTemplate = template
        change(&specification)
        let (sandbox, final) = (cell.sandbox, specification)
        try await within("specialize") { try await sandbox.specialize(final) }
    }

    /// A template that has run the program.
    func template(_ program: String) async throws -> RunningSandbox {
        let template = try await boot()
        try await specialize(template, program + "\nif os.getppid() == 1: say('template')", template: true)
        return template
    }
}
