import ApusEngine
import ApusModel
import ApusSandbox
import NIOCore
import Testing

struct FailurePayloadTests {
    private static let id = RequestID(existing: "ID")

    @Test(arguments: [
        (Duration.seconds(1), "1.00"), (.seconds(3), "3.00"), (.seconds(900), "900.00"), (.milliseconds(50), "0.05"),
        (.milliseconds(1999), "1.99"),
    ])
    func aTimeoutNamesItsSeconds(_ timeout: Duration, text: String) {
        #expect(
            String(buffer: FailurePayload.timedOut(Self.id, timeout: timeout))
                == #"{"errorType":"Sandbox.Timedout","errorMessage":"RequestId: ID Error: Task timed out after \#(text) seconds"}"#
        )
    }

    struct Row: Sendable {
        var cause: SandboxExit.Cause
        var outOfMemory = false
        var client: String
        var reported: String
        var message: String
    }

    @Test(arguments: [
        Row(
            cause: .code(0), client: "Runtime.ExitError", reported: "Runtime.ExitError",
            message: "Runtime exited without providing a reason"),
        Row(
            cause: .code(1), client: "Runtime.ExitError", reported: "Runtime.ExitError",
            message: "Runtime exited with error: exit status 1"),
        Row(
            cause: .code(127), client: "Runtime.ExitError", reported: "Runtime.ExitError",
            message: "Runtime exited with error: exit status 127"),
        Row(
            cause: .signal(9), client: "Runtime.ExitError", reported: "Runtime.ExitError",
            message: "Runtime exited with error: signal: killed"),
        Row(
            cause: .signal(11), client: "Runtime.ExitError", reported: "Runtime.ExitError",
            message: "Runtime exited with error: signal: segmentation fault"),
        Row(
            cause: .signal(40), client: "Runtime.ExitError", reported: "Runtime.ExitError",
            message: "Runtime exited with error: signal: signal 40"),
        Row(
            cause: .signal(9), outOfMemory: true, client: "Runtime.ExitError", reported: "Runtime.OutOfMemory",
            message: "Runtime exited with error: signal: killed"),
        Row(
            cause: .code(1), outOfMemory: true, client: "Runtime.ExitError", reported: "Runtime.OutOfMemory",
            message: "Runtime exited with error: signal: killed"),
        Row(
            cause: .notExecutable(2), client: "Runtime.InvalidEntrypoint", reported: "Runtime.InvalidEntrypoint",
            message: "Couldn't find valid bootstrap(s): [/var/task/bootstrap /opt/bootstrap]"),
        Row(
            cause: .notExecutable(13), client: "Runtime.InvalidEntrypoint", reported: "Runtime.InvalidEntrypoint",
            message: "fork/exec: permission denied"),
        Row(
            cause: .notExecutable(8), client: "Runtime.InvalidEntrypoint", reported: "Runtime.InvalidEntrypoint",
            message: "fork/exec: exec format error"),
    ])
    func theEndOfARuntimeIsToldInAWSsWords(_ row: Row) {
        let exit = SandboxExit(cause: row.cause, outOfMemory: row.outOfMemory, peakMemory: 0)
        #expect(
            String(buffer: FailurePayload.exited(Self.id, exit))
                == #"{"errorType":"\#(row.client)","errorMessage":"RequestId: ID Error: \#(row.message)"}"#)
        #expect(FailurePayload.errorType(exit) == row.reported)
    }

    @Test(
        arguments: [
            (
                ["/a/b"], .notExecutable(2), "Runtime.InvalidEntrypoint",
                "fork/exec /a/b: no such file or directory"
            ),
            (["./b", "x"], .notExecutable(13), "Runtime.InvalidEntrypoint", "fork/exec ./b: permission denied"),
            (
                ["b"], .notExecutable(2), "Runtime.InvalidEntrypoint",
                #"exec: \"b\": executable file not found in $PATH"#
            ),
            (["b"], .noDirectory(2), "Runtime.InvalidWorkingDir", "chdir /w: no such file or directory"),
            (["b"], .code(1), "Runtime.ExitError", "Runtime exited with error: exit status 1"),
        ] as [([String], SandboxExit.Cause, String, String)])
    func theEndOfAnImageNamesItsProgram(
        _ program: [String], _ cause: SandboxExit.Cause, _ type: String, _ message: String
    ) {
        let image = ImageProcess(entryPoint: program, command: ["c"], workingDirectory: "/w", variables: [])
        let exit = SandboxExit(cause: cause, outOfMemory: false, peakMemory: 0)
        #expect(
            String(buffer: FailurePayload.exited(Self.id, exit, of: image))
                == #"{"errorType":"\#(type)","errorMessage":"RequestId: ID Error: \#(message)"}"#)
    }

    @Test func anUnknownEndHasNoReason() {
        #expect(
            String(buffer: FailurePayload.exited(Self.id, nil))
                == #"{"errorType":"Runtime.ExitError","errorMessage":"RequestId: ID Error: Runtime exited without providing a reason"}"#
        )
    }
}
