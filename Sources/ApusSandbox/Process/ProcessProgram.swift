internal import CApusLinux
import Glibc

/// The program of a process environment, with the paths that an isolated one would see replaced by the host's.
struct ProcessProgram: Sendable {
    let arguments: [String]
    let variables: [String]
    let directory: String
    let descriptors: Int

    init(_ specification: SandboxSpecification, place: ProcessPlace, endpoint: String, launcher: String) {
        let rewriting = PathRewriting(specification, temporary: place.temporary, launcher: launcher)
        arguments = specification.arguments.map(rewriting.rewrite)
        let own = [
            ("AWS_LAMBDA_RUNTIME_API", place.runtimeAPIAddress), ("AWS_ENDPOINT_URL", endpoint),
            ("TMPDIR", place.temporary), ("_APUS_LAYER_ROOT", rewriting.rewrite("/opt")),
        ]
        let others = specification.variables.filter { variable in !own.contains { $0.0 == variable.name } }
        variables = (others.map { ($0.name, rewriting.rewrite($0.value)) } + own).map { "\($0.0)=\($0.1)" }
        directory = specification.code
        descriptors = specification.descriptors
    }

    /// Starts it as the leader of a new process group.
    ///
    /// - Returns: its pid, or -errno.
    func spawn(output: Int32, telemetry: Int32) -> Int32 {
        let argumentStrings = CStrings(arguments)
        let variableStrings = CStrings(variables)
        let place = CStrings([arguments.first ?? "", directory])
        var process = capus_process()
        process.path = UnsafePointer(place.pointers[0])
        process.arguments = argumentStrings.base
        process.variables = variableStrings.base
        process.directory = UnsafePointer(place.pointers[1])
        process.output = output
        process.telemetry = telemetry
        process.descriptors = UInt64(descriptors)
        return withExtendedLifetime((argumentStrings, variableStrings, place)) { capus_spawn_process(&process) }
    }
}

/// A null-terminated array of C strings, as `execve` takes it.
private final class CStrings {
    let base: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>
    let count: Int

    var pointers: UnsafeMutableBufferPointer<UnsafeMutablePointer<CChar>?> { .init(start: base, count: count + 1) }

    init(_ texts: [String]) {
        count = texts.count
        base = .allocate(capacity: count + 1)
        for (index, text) in texts.enumerated() { base[index] = strdup(text) }
        base[count] = nil
    }

    deinit {
        for index in 0..<count { free(base[index]) }
        base.deallocate()
    }
}
