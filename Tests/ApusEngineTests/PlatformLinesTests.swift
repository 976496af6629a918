import ApusEngine
import ApusModel
import ApusTesting
import Testing

struct PlatformLinesTests {
    private static let id = RequestID(existing: "ee2be8fb-1bb5-459d-87fc-9c8bc1ff3c3f")
    private static let time = Timestamp(milliseconds: 1_795_508_130_007)
    private static let text = PlatformLines(
        revision: .sample(version: .published(7), timeout: .seconds(3)), runtimeVersion: "python:3.12.v36")

    private static func json(level: String?, initializationType: String = "on-demand") -> PlatformLines {
        let logging = LoggingSettings(format: .json, group: "g", applicationLevel: "INFO", systemLevel: level)
        return PlatformLines(
            revision: .sample(version: .published(7), timeout: .seconds(3), logging: logging),
            runtimeVersion: "python:3.12.v36", initializationType: initializationType)
    }

    private static func report(
        _ duration: Duration, initDuration: Duration? = nil, restoreDuration: Duration? = nil,
        peakMemory: Int = 33 << 20, _ status: PlatformLines.Report.Status = .success
    ) -> PlatformLines.Report {
        PlatformLines.Report(
            id: id, duration: duration, initDuration: initDuration, restoreDuration: restoreDuration,
            peakMemory: peakMemory, status: status)
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
        var restoreDuration: Duration?
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
            duration: .microseconds(2650), restoreDuration: .microseconds(1_234),
            rest:
                "Duration: 2.65 ms\tBilled Duration: 4 ms\tMemory Size: 128 MB\tMax Memory Used: 33 MB\tRestore Duration: 1.23 ms\tBilled Restore Duration: 2 ms\t\n"
        ),
        ReportRow(
            duration: .seconds(1), restoreDuration: .microseconds(50), status: .timeout,
            rest:
                "Duration: 1000.00 ms\tBilled Duration: 1001 ms\tMemory Size: 128 MB\tMax Memory Used: 33 MB\tRestore Duration: 0.05 ms\tBilled Restore Duration: 1 ms\tStatus: timeout\n"
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
            row.duration, initDuration: row.initDuration, restoreDuration: row.restoreDuration,
            peakMemory: row.peakMemory, row.status)
        #expect(Self.text.report(report, at: Self.time)?.text == "REPORT RequestId: \(Self.id)\t\(row.rest)")
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

    @Test func anInitThatNobodyWaitedForIsReportedWhenItWentWellToo() {
        #expect(
            Self.text.initReport(.milliseconds(250), phase: "init", status: nil, errorType: nil, at: Self.time)
                == "INIT_REPORT Init Duration: 250.00 ms\tPhase: init\n")
        #expect(
            Self.json(level: nil, initializationType: "provisioned-concurrency").initReport(
                .milliseconds(250), phase: "init", status: nil, errorType: nil, at: Self.time)
                == #"{"time":"2026-11-24T08:15:30.007Z","type":"platform.initReport","record":{"initializationType":"provisioned-concurrency","phase":"init","status":"success","metrics":{"durationMs":250.00}}}\#n"#
        )
    }

    @Test func aRestoreHasLinesOfItsOwn() {
        let (text, json) = (Self.text, Self.json(level: nil, initializationType: "snap-start"))
        #expect(
            text.restoreStart(at: Self.time)
                == "RESTORE_START Runtime Version: python:3.12.v36\tRuntime Version ARN: arn:aws:lambda:us-east-1::runtime:python-3.12.v36\n"
        )
        #expect(
            json.restoreStart(at: Self.time)
                == #"{"time":"2026-11-24T08:15:30.007Z","type":"platform.restoreStart","record":{"runtimeVersion":"python:3.12.v36","runtimeVersionArn":"arn:aws:lambda:us-east-1::runtime:python-3.12.v36","functionName":"hello","functionVersion":"7"}}\#n"#
        )
        func report(_ lines: PlatformLines, _ status: String?, _ type: String?) -> LineText? {
            lines.restoreReport(.microseconds(15_190), status: status, errorType: type, at: Self.time)
        }
        #expect(report(text, nil, nil) == "RESTORE_REPORT Restore Duration: 15.19 ms\n")
        #expect(
            report(text, "error", "Runtime.ExitError")
                == "RESTORE_REPORT Restore Duration: 15.19 ms\tStatus: error\tError Type: Runtime.ExitError\n")
        #expect(
            report(json, nil, nil)
                == #"{"time":"2026-11-24T08:15:30.007Z","type":"platform.restoreReport","record":{"status":"success","metrics":{"durationMs":15.19}}}\#n"#
        )
        #expect(
            report(json, "timeout", nil)
                == #"{"time":"2026-11-24T08:15:30.007Z","type":"platform.restoreReport","record":{"status":"timeout","metrics":{"durationMs":15.19}}}\#n"#
        )
        let quiet = Self.json(level: "WARN")
        #expect(quiet.restoreStart(at: Self.time) == nil)
        #expect(report(quiet, nil, nil) == nil)
        #expect(report(quiet, "error", "T") != nil)
        #expect(
            json.report(Self.report(.milliseconds(2), restoreDuration: .microseconds(1_234)), at: Self.time)?.text
                .contains(
                    #""billedDurationMs":4,"memorySizeMB":128,"maxMemoryUsedMB":33,"restoreDurationMs":1.23,"billedRestoreDurationMs":2}"#
                ) == true)
    }

    @Test func aFunctionsOwnWordsDoNotBreakARecord() {
        let line = Self.json(level: nil).report(Self.report(.zero, .error(type: "a\"b\\c\u{1}é")), at: Self.time)
        #expect(line?.text.hasSuffix(#""status":"error","errorType":"a\"b\\c\u0001é"}}\#n"#) == true)
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
                == #"{"time":"2026-11-24T08:15:30.007Z","type":"platform.initStart","record":{"initializationType":"on-demand","phase":"init","runtimeVersion":"python:3.12.v36","runtimeVersionArn":"arn:aws:lambda:us-east-1::runtime:python-3.12.v36","functionName":"hello","functionVersion":"7"}}\#n"#
        )
        #expect(
            lines.start(Self.id, at: Self.time)
                == #"{"time":"2026-11-24T08:15:30.007Z","type":"platform.start","record":{"requestId":"ee2be8fb-1bb5-459d-87fc-9c8bc1ff3c3f","version":"7"}}\#n"#
        )
        #expect(
            lines.report(
                Self.report(.microseconds(2650), initDuration: .microseconds(117_110)), at: Self.time)
                == #"{"time":"2026-11-24T08:15:30.007Z","type":"platform.report","record":{"requestId":"ee2be8fb-1bb5-459d-87fc-9c8bc1ff3c3f","metrics":{"durationMs":2.65,"billedDurationMs":120,"memorySizeMB":128,"maxMemoryUsedMB":33,"initDurationMs":117.11},"status":"success"}}\#n"#
        )
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
        #expect((failure?.text.contains(#""status":"error","errorType":"Runtime.ExitError""#) == true) == hasFailure)
        let initFailure = lines.initReport(
            .zero, phase: "init", status: "timeout", errorType: nil, at: Self.time)
        #expect(
            (initFailure?.text.contains(#""status":"timeout","metrics":{"durationMs":0.00}"#) == true) == hasFailure)
    }
}
