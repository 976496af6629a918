import ApusModel
import ApusSandbox
import Glibc

extension ImageProcess {
    /// Why the program could not be started, as Go says it, which AWS's messages are made of; nil when it was.
    ///
    /// - Source: recorded errors of image functions.
    func launchError(_ cause: SandboxExit.Cause) -> String? {
        let program = arguments.first ?? ""
        switch cause {
        case .notExecutable(ENOENT) where !program.contains("/"):
            return "exec: \"\(program)\": executable file not found in $PATH"
        case .notExecutable(let error): return "fork/exec \(program): \(Self.text(error))"
        case .noDirectory(let error): return "chdir \(workingDirectory): \(Self.text(error))"
        case .code, .signal: return nil
        }
    }

    /// What the function's log is told of it.
    ///
    /// - Source: the public runtime interface emulator.
    func launchErrorLine(_ cause: SandboxExit.Cause) -> String? {
        launchError(cause).map { error in
            "IMAGE\tLaunch error: \(error)\tEntrypoint: [\(entryPoint.joined(separator: ","))]"
                + "\tCmd: [\(command.joined(separator: ","))]\tWorkingDir: [\(workingDirectory)]\n"
        }
    }

    /// As the C library words it, but for the capital.
    private static func text(_ error: Int32) -> String {
        let text = String(cString: strerror(error))
        return text.prefix(1).lowercased() + text.dropFirst()
    }
}
