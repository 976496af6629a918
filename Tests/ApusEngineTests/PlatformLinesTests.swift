import ApusEngine
import ApusModel
import ApusTesting
import Testing

struct PlatformLinesTests {
    private static let id = RequestID(existing: "ee2be8fb-1bb5-459d-87fc-9c8bc1ff3c3f")
    private static let time = Timestamp(milliseconds: 1_795_508_130_007)
    private static let text = PlatformLines(
        revision: .sample(version: .published(7), timeout: .seconds(3)), runtimeVersion: "python:3.12.v36")

    private static func json(level: String?) -> PlatformLines {
        let logging = LoggingSettings(format: .json, group: "g", applicationLevel: "INFO", systemLevel: level)
        return PlatformLines(
            revision: .sample(version: .published(7), timeout: .seconds(3), logging: logging),
            runtimeVersion: "python:3.12.v36")
    }

    private static func report(
        _ duration: Duration, initDuration: Duration? = nil, peakMemory: Int = 33 << 20,
        _ status: PlatformLines.Report.Status = .success
    ) -> PlatformLines.Report {
        PlatformLines.Report(
            id: id, duration: duration, initDuration: initDuration, peakMemory: peakMemory, status: status)
    }

    @Test func theLinesOfAnInvocationReadAsAWSHasThem() {
        let lines = Self.text
        #expect(
            lines.initStart(at: Self.time)
                == "INIT_START Runtime Version: python:3.12.v36\tRuntime Version ARN: arn:aws:lambda:us-east-1::runtime:python-3.12.v36\n"
        )
        #expect(
            lines.start(Self.id, at: Self.time) == "START RequestId: ee2be8fb-1bb5-459d-87fc-9c8bc1ff3c3f Version: 7\n")
        #expect(lines.end(Self.id) == "END RequestId: ee2be8fb-1bb5-459d-87fc-9c8bc1ff3c3f\n")
    }

    struct ReportRow: Sendable {
        var duration: Duration
        var initDuration: Duration?
        var peakMemory = 33 << 20
        var status: PlatformLines.Report.Status = .success
        var rest: String
    }

    @Test(arguments: [
        ReportRow(
            duration: .microseconds(2650), initDuration: .microseconds(117_110),
            rest:
                "Duration: 2.65 ms\tBilled Duration: 120 ms\tMemory Size: 128 MB\tMax Memory Used: 33 MB\tInit Duration: 117.11 ms\t\n"
        ),
        ReportRow(
            duration: .microseconds(2650),
            rest: "Duration: 2.65 ms\tBilled Duration: 3 ms\tMemory Size: 128 MB\tMax Memory Used: 33 MB\t\n"),
        ReportRow(
            duration: .milliseconds(3),
            rest: "Duration: 3.00 ms\tBilled Duration: 3 ms\tMemory Size: 128 MB\tMax Memory Used: 33 MB\t\n"),
        ReportRow(
            duration: .nanoseconds(3_000_001),
            rest: "Duration: 3.00 ms\tBilled Duration: 4 ms\tMemory Size: 128 MB\tMax Memory Used: 33 MB\t\n"),
        ReportRow(
            duration: .zero, peakMemory: 0,
            rest: "Duration: 0.00 ms\tBilled Duration: 1 ms\tMemory Size: 128 MB\tMax Memory Used: 0 MB\t\n"),
        ReportRow(
            duration: .milliseconds(1), peakMemory: (33 << 20) + 1,
            rest: "Duration: 1.00 ms\tBilled Duration: 1 ms\tMemory Size: 128 MB\tMax Memory Used: 34 MB\t\n"),
        ReportRow(
            duration: .milliseconds(1), peakMemory: 129 << 20,
            rest: "Duration: 1.00 ms\tBilled Duration: 1 ms\tMemory Size: 128 MB\tMax Memory Used: 128 MB\t\n"),
        ReportRow(
            duration: .seconds(3), status: .timeout,
            rest:
                "Duration: 3000.00 ms\tBilled Duration: 3000 ms\tMemory Size: 128 MB\tMax Memory Used: 33 MB\tStatus: timeout\n"
        ),
        ReportRow(
            duration: .milliseconds(5), status: .error(type: "Runtime.ExitError"),
            rest:
                "Duration: 5.00 ms\tBilled Duration: 5 ms\tMemory Size: 128 MB\tMax Memory Used: 33 MB\tStatus: error\tError Type: Runtime.ExitError\n"
        ),
    ])
    func theReportNamesTimeMoneyAndMemory(_ row: ReportRow) {
        let report = Self.report(
            row.duration, initDuration: row.initDuration, peakMemory: row.peakMemory, row.status)
        #expect(Self.text.report(report, at: Self.time) == "REPORT RequestId: \(Self.id)\t\(row.rest)")
    }

    @Test func aFailedInitHasAReportOfItsOwn() {
        #expect(
            Self.text.initReport(
                .microseconds(1_236_040), phase: "init", status: "timeout", errorType: nil, at: Self.time)
                == "INIT_REPORT Init Duration: 1236.04 ms\tPhase: init\tStatus: timeout\n")
        #expect(
            Self.text.initReport(
                .milliseconds(10), phase: "invoke", status: "error", errorType: "Runtime.ExitError", at: Self.time)
                == "INIT_REPORT Init Duration: 10.00 ms\tPhase: invoke\tStatus: error\tError Type: Runtime.ExitError\n")
    }

    @Test func whatWentWrongIsSaidInALineBefore() {
        #expect(
            Self.text.timedOut(Self.id, at: Self.time)
                == "2026-11-24T08:15:30.007Z \(Self.id) Task timed out after 3.00 seconds\n\n")
        #expect(
            Self.text.exited(Self.id, reason: "Runtime exited without providing a reason", type: "Runtime.ExitError")
                == "RequestId: \(Self.id) Error: Runtime exited without providing a reason\nRuntime.ExitError\n")
    }

    @Test func inJSONEachLineIsATelemetryEvent() {
        let lines = Self.json(level: "INFO")
        #expect(
            lines.initStart(at: Self.time)
                == #"{"time":"2026-11-24T08:15:30.007Z","type":"platform.initStart","record":{"initializationType":"on-demand","phase":"init","runtimeVersion":"python:3.12.v36","runtimeVersionArn":"arn:aws:lambda:us-east-1::runtime:python-3.12.v36","functionName":"hello","functionVersion":"7"}}"#
                + "\n")
        #expect(
            lines.start(Self.id, at: Self.time)
                == #"{"time":"2026-11-24T08:15:30.007Z","type":"platform.start","record":{"requestId":"ee2be8fb-1bb5-459d-87fc-9c8bc1ff3c3f","version":"7"}}"#
                + "\n")
        #expect(
            lines.report(
                Self.report(.microseconds(2650), initDuration: .microseconds(117_110)), at: Self.time)
                == #"{"time":"2026-11-24T08:15:30.007Z","type":"platform.report","record":{"requestId":"ee2be8fb-1bb5-459d-87fc-9c8bc1ff3c3f","metrics":{"durationMs":2.65,"billedDurationMs":120,"memorySizeMB":128,"maxMemoryUsedMB":33,"initDurationMs":117.11},"status":"success"}}"#
                + "\n")
        #expect(lines.end(Self.id) == nil)
        #expect(lines.timedOut(Self.id, at: Self.time) == nil)
        #expect(lines.exited(Self.id, reason: "r", type: "t") == nil)
    }

    @Test(arguments: [("DEBUG", true, true), ("INFO", true, true), (nil, true, true), ("WARN", false, true)])
    func theSystemLevelLeavesOutWhatMattersLess(_ level: String?, hasSuccess: Bool, hasFailure: Bool) {
        let lines = Self.json(level: level)
        #expect((lines.start(Self.id, at: Self.time) != nil) == hasSuccess)
        #expect((lines.report(Self.report(.zero), at: Self.time) != nil) == hasSuccess)
        let failure = lines.report(Self.report(.zero, .error(type: "Runtime.ExitError")), at: Self.time)
        #expect((failure?.contains(#""status":"error","errorType":"Runtime.ExitError""#) == true) == hasFailure)
        let initFailure = lines.initReport(
            .zero, phase: "init", status: "timeout", errorType: nil, at: Self.time)
        #expect((initFailure?.contains(#""status":"timeout","metrics":{"durationMs":0.00}"#) == true) == hasFailure)
    }
}
