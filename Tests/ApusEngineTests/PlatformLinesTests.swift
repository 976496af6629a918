import ApusEngine
import ApusModel
import ApusRuntimeAPI
import ApusTesting
import NIOCore
import Testing

struct PlatformLinesTests {
    private static let id = RequestID(existing: "ee2be8fb-1bb5-459d-87fc-9c8bc1ff3c3f")
    private static let time = Timestamp(milliseconds: 1_795_508_130_007)
    private static let stream = "2026/11/24/[7]22be53a8cfde4e68b844f8ec293b2543"
    private static let arn = "arn:aws:lambda:us-east-1:000000000000:function:hello"
    private static let start = TelemetryEvent.start(id, invokedFunctionARN: arn, tracing: nil)

    private static func lines(
        _ logging: LoggingSettings? = nil, initializationType: String = "on-demand"
    ) -> PlatformLines {
        PlatformLines(
            revision: .sample(version: .published(7), timeout: .seconds(3), logging: logging),
            runtimeVersion: "python:3.12.v36", initializationType: initializationType, instance: stream)
    }

    private static func json(level: String? = nil, initializationType: String = "on-demand") -> PlatformLines {
        lines(
            LoggingSettings(format: .json, group: "g", applicationLevel: "INFO", systemLevel: level),
            initializationType: initializationType)
    }

    private static func text(_ event: TelemetryEvent, initializationType: String = "on-demand") -> String? {
        lines(initializationType: initializationType).line(event, at: time)?.text
    }

    private static func report(
        _ duration: Duration, initDuration: Duration? = nil, restoreDuration: Duration? = nil,
        peakMemory: Int = 33 << 20, _ outcome: TelemetryEvent.Outcome = .success
    ) -> TelemetryEvent {
        .report(
            TelemetryEvent.Report(
                id: id, duration: duration, initDuration: initDuration, restoreDuration: restoreDuration,
                peakMemory: peakMemory, outcome: outcome))
    }

    /// What a subscriber is told, without the time.
    private static func record(
        _ event: TelemetryEvent, _ api: TelemetrySubscription.API = .telemetry,
        _ version: TelemetrySubscription.SchemaVersion = .december2022
    ) -> String? {
        let head = #"{"time":"2026-11-24T08:15:30.007Z","type":"platform."#
        let text = lines().record(event, at: time, for: .subscriber(api, version))?.text
        return text.map { $0.hasPrefix(head) ? String($0.dropFirst(head.utf8.count)) : $0 }
    }

    private static func subscription(_ api: TelemetrySubscription.API) throws -> TelemetrySubscription {
        let version = api == .telemetry ? "2022-12-13" : "2021-03-18"
        return try TelemetrySubscription(
            api: api,
            body: ByteBuffer(
                string:
                    #"{"schemaVersion":"\#(version)","types":["platform","function"],"destination":{"protocol":"TCP","port":1}}"#
            ))
    }

    // MARK: Text

    @Test func theLinesOfAnInvocationReadAsAWSHasThem() {
        #expect(
            Self.text(.initStart(.`init`))
                == "INIT_START Runtime Version: python:3.12.v36\tRuntime Version ARN: arn:aws:lambda:us-east-1::runtime:python-3.12.v36\n"
        )
        #expect(Self.text(Self.start) == "START RequestId: ee2be8fb-1bb5-459d-87fc-9c8bc1ff3c3f Version: 7\n")
        #expect(Self.text(.end(Self.id)) == "END RequestId: ee2be8fb-1bb5-459d-87fc-9c8bc1ff3c3f\n")
    }

    struct ReportRow: Sendable {
        var duration: Duration
        var initDuration: Duration?
        var restoreDuration: Duration?
        var peakMemory = 33 << 20
        var status: TelemetryEvent.Outcome = .success
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
        #expect(Self.text(report) == "REPORT RequestId: \(Self.id)\t\(row.rest)")
    }

    @Test func aFailedInitHasAReportOfItsOwn() {
        #expect(
            Self.text(.initReport(.`init`, .microseconds(1_236_040), .timeout))
                == "INIT_REPORT Init Duration: 1236.04 ms\tPhase: init\tStatus: timeout\n")
        #expect(
            Self.text(.initReport(.invoke, .milliseconds(10), .error(type: "Runtime.ExitError")))
                == "INIT_REPORT Init Duration: 10.00 ms\tPhase: invoke\tStatus: error\tError Type: Runtime.ExitError\n")
    }

    @Test func anInitThatNobodyWaitedForIsReportedWhenItWentWellToo() {
        let event = TelemetryEvent.initReport(.`init`, .milliseconds(250), .success)
        #expect(Self.text(event) == nil)
        #expect(
            Self.text(event, initializationType: "provisioned-concurrency")
                == "INIT_REPORT Init Duration: 250.00 ms\tPhase: init\n")
        #expect(Self.json().line(event, at: Self.time) == nil)
        #expect(
            Self.json(initializationType: "provisioned-concurrency").line(event, at: Self.time)
                == #"{"time":"2026-11-24T08:15:30.007Z","type":"platform.initReport","record":{"initializationType":"provisioned-concurrency","phase":"init","status":"success","metrics":{"durationMs":250.0}}}\#n"#
        )
    }

    @Test func aRestoreHasLinesOfItsOwn() {
        #expect(
            Self.text(.restoreStart)
                == "RESTORE_START Runtime Version: python:3.12.v36\tRuntime Version ARN: arn:aws:lambda:us-east-1::runtime:python-3.12.v36\n"
        )
        func report(_ outcome: TelemetryEvent.Outcome) -> TelemetryEvent {
            .restoreReport(.microseconds(15_190), outcome)
        }
        #expect(Self.text(report(.success)) == "RESTORE_REPORT Restore Duration: 15.19 ms\n")
        #expect(
            Self.text(report(.error(type: "Runtime.ExitError")))
                == "RESTORE_REPORT Restore Duration: 15.19 ms\tStatus: error\tError Type: Runtime.ExitError\n")
        #expect(
            Self.record(.restoreStart)
                == #"restoreStart","record":{"runtimeVersion":"python:3.12.v36","runtimeVersionArn":"arn:aws:lambda:us-east-1::runtime:python-3.12.v36","functionName":"hello","functionVersion":"7","instanceId":"\#(Self.stream)","instanceMaxMemory":134217728}}"#
        )
        #expect(
            Self.record(report(.success))
                == #"restoreReport","record":{"status":"success","metrics":{"durationMs":15.19}}}"#)
        #expect(
            Self.record(report(.error(type: "T")))
                == #"restoreReport","record":{"status":"error","metrics":{"durationMs":15.19},"errorType":"T"}}"#)
        #expect(Self.record(.restoreRuntimeDone(.timeout)) == #"restoreRuntimeDone","record":{"status":"timeout"}}"#)
        #expect(
            Self.record(Self.report(.milliseconds(2), restoreDuration: .microseconds(1_234)))?.contains(
                #""billedDurationMs":4,"memorySizeMB":128,"maxMemoryUsedMB":33,"restoreDurationMs":1.234,"billedRestoreDurationMs":2}"#
            ) == true)
    }

    @Test func whatWentWrongIsSaidInALineBefore() {
        #expect(
            Self.text(.fault(.timedOut(Self.id)))
                == "2026-11-24T08:15:30.007Z \(Self.id) Task timed out after 3.00 seconds\n\n")
        #expect(
            Self.text(
                .fault(
                    .exited(
                        Self.id, reason: "Runtime exited without providing a reason", type: "Runtime.ExitError")))
                == "RequestId: \(Self.id) Error: Runtime exited without providing a reason\nRuntime.ExitError\n")
    }

    /// As recorded.
    @Test func extensionsAndTheirSubscriptionsHaveLines() throws {
        #expect(
            Self.text(.extension(name: "agent", state: "Ready", events: ["INVOKE", "SHUTDOWN"], errorType: nil))
                == "EXTENSION\tName: agent\tState: Ready\tEvents: [INVOKE, SHUTDOWN]\n")
        #expect(
            Self.text(.subscription(name: "agent", try Self.subscription(.telemetry)))
                == "TELEMETRY\tName: agent\tState: Subscribed\tTypes: [Platform, Function]\n")
        #expect(
            Self.text(.subscription(name: "agent", try Self.subscription(.logs)))
                == "LOGS\tName: agent\tState: Subscribed\tTypes: [Platform, Function]\n")
    }

    // MARK: JSON

    /// But for the ids and the figures, as recorded.
    @Test func inJSONEachLineIsATelemetryEvent() {
        let lines = Self.json(level: "INFO")
        #expect(
            lines.line(.initStart(.`init`), at: Self.time)
                == #"{"time":"2026-11-24T08:15:30.007Z","type":"platform.initStart","record":{"initializationType":"on-demand","phase":"init","runtimeVersion":"python:3.12.v36","runtimeVersionArn":"arn:aws:lambda:us-east-1::runtime:python-3.12.v36","functionName":"hello","functionVersion":"7","instanceId":"\#(Self.stream)","instanceMaxMemory":134217728}}\#n"#
        )
        #expect(
            lines.line(Self.start, at: Self.time)
                == #"{"time":"2026-11-24T08:15:30.007Z","type":"platform.start","record":{"requestId":"ee2be8fb-1bb5-459d-87fc-9c8bc1ff3c3f","functionArn":"\#(Self.arn)","version":"7"}}\#n"#
        )
        #expect(
            lines.line(Self.report(.microseconds(1_072_145), initDuration: .microseconds(463_512)), at: Self.time)
                == #"{"time":"2026-11-24T08:15:30.007Z","type":"platform.report","record":{"requestId":"ee2be8fb-1bb5-459d-87fc-9c8bc1ff3c3f","metrics":{"durationMs":1072.145,"billedDurationMs":1536,"memorySizeMB":128,"maxMemoryUsedMB":33,"initDurationMs":463.512},"status":"success"}}\#n"#
        )
        #expect(lines.line(.end(Self.id), at: Self.time) == nil)
        #expect(lines.line(.fault(.timedOut(Self.id)), at: Self.time) == nil)
        #expect(lines.line(.fault(.exited(Self.id, reason: "r", type: "t")), at: Self.time) == nil)
    }

    private static let done = TelemetryEvent.RuntimeDone(
        id: id, outcome: .success, duration: .milliseconds(140), producedBytes: 16)

    @Test(arguments: [
        (TelemetryEvent.initStart(.invoke), 1), (.initStart(.`init`), 1), (start, 1), (report(.zero), 1),
        (report(.zero, .timeout), 2), (.runtimeDone(done), 0), (.initRuntimeDone(.`init`, .success), 0),
        (.initRuntimeDone(.`init`, .error(type: "T")), 2), (.initReport(.`init`, .zero, .success), 0),
        (.initReport(.`init`, .zero, .timeout), 2), (.restoreStart, 1), (.restoreRuntimeDone(.success), 0),
        (.restoreReport(.zero, .success), 1), (.restoreReport(.zero, .timeout), 2),
        (.extension(name: "e", state: "Ready", events: [], errorType: nil), 1),
        (.extension(name: "e", state: "Exited", events: [], errorType: "Extension.Crash"), 2),
        (.logsDropped(records: 1, bytes: 2), 2),
    ])
    func theSystemLevelLeavesOutWhatMattersLess(_ event: TelemetryEvent, _ level: Int) {
        for (place, name) in ["DEBUG", "INFO", "WARN"].enumerated() {
            #expect((Self.json(level: name).line(event, at: Self.time) != nil) == (level >= place))
        }
        #expect((Self.json(level: nil).line(event, at: Self.time) != nil) == (level >= 1))
    }

    @Test func aFunctionsOwnWordsDoNotBreakARecord() {
        let line = Self.record(Self.report(.zero, .error(type: "a\"b\\c\u{1}é")))
        #expect(line?.hasSuffix(#""status":"error","errorType":"a\"b\\c\u0001é"}}"#) == true)
    }

    // MARK: Subscribers

    @Test func theTelemetryAPIHasSpansAndTracing() {
        var done = Self.done
        done.responseLatency = TelemetryEvent.Span(start: Self.time, duration: .microseconds(23_020))
        done.responseDuration = TelemetryEvent.Span(start: Self.time, duration: .zero)
        done.tracing = "Root=1-2;Sampled=1"
        #expect(
            Self.record(.runtimeDone(done))
                == #"runtimeDone","record":{"requestId":"\#(Self.id)","status":"success","spans":[{"name":"responseLatency","start":"2026-11-24T08:15:30.007Z","durationMs":23.02},{"name":"responseDuration","start":"2026-11-24T08:15:30.007Z","durationMs":0.0}],"tracing":{"type":"X-Amzn-Trace-Id","value":"Root=1-2;Sampled=1"},"metrics":{"durationMs":140.0,"producedBytes":16}}}"#
        )
        #expect(
            Self.record(.start(Self.id, invokedFunctionARN: Self.arn, tracing: "Root=1;Sampled=1"))
                == #"start","record":{"requestId":"\#(Self.id)","functionArn":"\#(Self.arn)","version":"7","tracing":{"type":"X-Amzn-Trace-Id","value":"Root=1;Sampled=1"}}}"#
        )
        #expect(
            Self.record(.start(Self.id, invokedFunctionARN: Self.arn, tracing: "Root=1;Sampled=0"))
                == #"start","record":{"requestId":"\#(Self.id)","functionArn":"\#(Self.arn)","version":"7"}}"#)
        #expect(
            Self.record(.initRuntimeDone(.invoke, .error(type: "Runtime.ExitError")))
                == #"initRuntimeDone","record":{"initializationType":"on-demand","phase":"invoke","status":"error","errorType":"Runtime.ExitError"}}"#
        )
        #expect(Self.record(.end(Self.id)) == nil)
        #expect(Self.record(.fault(.timedOut(Self.id))) == nil)
    }

    @Test func theLogsAPITellsLess() throws {
        let (id, version) = (Self.id, TelemetrySubscription.SchemaVersion.logs2021)
        #expect(Self.record(Self.start, .logs, version) == #"start","record":{"requestId":"\#(id)","version":"7"}}"#)
        #expect(Self.record(.end(id), .logs, version) == #"end","record":{"requestId":"\#(id)"}}"#)
        #expect(
            Self.record(Self.report(.milliseconds(3)), .logs, version)
                == #"report","record":{"requestId":"\#(id)","metrics":{"durationMs":3.0,"billedDurationMs":3,"memorySizeMB":128,"maxMemoryUsedMB":33}}}"#
        )
        #expect(
            Self.record(.fault(.exited(id, reason: "r", type: "T")), .logs, version)
                == #"fault","record":"RequestId: \#(id) Error: r\u000aT"}"#)
        var done = Self.done
        done.outcome = .error(type: "T")
        #expect(
            Self.record(.runtimeDone(done), .logs, version)
                == #"runtimeDone","record":{"requestId":"\#(id)","status":"failure"}}"#)
        #expect(Self.record(.runtimeDone(done), .logs, .logs2020) == nil)
        #expect(Self.record(.initStart(.`init`), .logs, version) == nil)
        #expect(
            Self.record(.logsDropped(records: 3, bytes: 4), .logs, version)
                == #"logsDropped","record":{"droppedBytes":4,"droppedRecords":3,"reason":"Consumer seems to have fallen behind as it has not acknowledged receipt of logs."}}"#
        )
    }

    @Test func eachAPITellsOfItsOwnSubscriptions() throws {
        let (telemetry, logs) = (try Self.subscription(.telemetry), try Self.subscription(.logs))
        #expect(
            Self.record(.subscription(name: "e", telemetry))
                == #"telemetrySubscription","record":{"name":"e","state":"Subscribed","types":["platform","function"]}}"#
        )
        #expect(
            Self.record(.subscription(name: "e", logs), .logs)
                == #"logsSubscription","record":{"name":"e","state":"Subscribed","types":["platform","function"]}}"#)
        #expect(Self.record(.subscription(name: "e", logs)) == nil)
        #expect(Self.record(.subscription(name: "e", telemetry), .logs) == nil)
    }
}
