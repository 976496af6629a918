package import ApusModel
package import ApusSandbox
package import NIOCore

/// The bodies that a client gets when the function could not answer itself.
///
/// - Source: recorded responses; the public runtime interface emulator.
package enum FailurePayload {
    /// `{"errorType":"Sandbox.Timedout",…}`; seconds with two decimals.
    package static func timedOut(_ id: RequestID, timeout: Duration) -> ByteBuffer {
        let message = "RequestId: \(id) Error: Task timed out after \(seconds(timeout)) seconds"
        return ByteBuffer(string: "{\"errorType\":\"Sandbox.Timedout\",\"errorMessage\":\"\(message)\"}")
    }

    /// - Parameter image: what the process was to be of, if of an image.
    package static func exited(_ id: RequestID, _ exit: SandboxExit?, of image: ImageProcess? = nil) -> ByteBuffer {
        let message = "RequestId: \(id) Error: \(reason(exit, of: image))"
        let body: LineText = #"{"errorType":"\#(clientType(exit))","errorMessage":\#(json: message)}"#
        return ByteBuffer(bytes: body.bytes)
    }

    /// As the client is told: memory that ran out is named in the report's line only.
    package static func clientType(_ exit: SandboxExit?) -> String {
        errorType(exit) == outOfMemory ? "Runtime.ExitError" : errorType(exit)
    }

    private static let outOfMemory = "Runtime.OutOfMemory"

    /// As the report's line names it.
    package static func errorType(_ exit: SandboxExit?) -> String {
        switch exit?.cause {
        case .notExecutable: "Runtime.InvalidEntrypoint"
        case .noDirectory: "Runtime.InvalidWorkingDir"
        case .code, .signal, nil: exit?.outOfMemory == true ? outOfMemory : "Runtime.ExitError"
        }
    }

    package static func reason(_ exit: SandboxExit?, of image: ImageProcess? = nil) -> String {
        if let exit, let image, let reason = image.launchError(exit.cause) { return reason }
        if exit?.outOfMemory == true { return "Runtime exited with error: signal: killed" }
        switch exit?.cause {
        case .code(0), nil: return "Runtime exited without providing a reason"
        case .code(let code): return "Runtime exited with error: exit status \(code)"
        case .signal(let signal): return "Runtime exited with error: signal: \(name(ofSignal: signal))"
        case .noDirectory(let error): return "chdir: \(error == 2 ? "no such file or directory" : "permission denied")"
        case .notExecutable(let error):
            return error == 2
                ? "Couldn't find valid bootstrap(s): [/var/task/bootstrap /opt/bootstrap]"
                : "fork/exec: \(error == 8 ? "exec format error" : "permission denied")"
        }
    }

    /// With two decimals.
    package static func seconds(_ duration: Duration) -> String {
        let hundredths = duration.wholeNanoseconds / 10_000_000
        let fraction = hundredths % 100
        return "\(hundredths / 100).\(fraction < 10 ? "0" : "")\(fraction)"
    }

    /// As Go prints them, which AWS's messages are made of.
    static func name(ofSignal signal: Int32) -> String {
        switch signal {
        case 1: "hangup"
        case 2: "interrupt"
        case 3: "quit"
        case 4: "illegal instruction"
        case 6: "aborted"
        case 7: "bus error"
        case 8: "floating point exception"
        case 9: "killed"
        case 11: "segmentation fault"
        case 13: "broken pipe"
        case 14: "alarm clock"
        case 15: "terminated"
        default: "signal \(signal)"
        }
    }
}
