import ApusEngine
import ApusModel
import ApusTesting
import NIOCore
import Testing

@Suite(.timeLimit(.minutes(1)))
struct EngineLogTests {
    @Test func theLogOfACallIsCompleteAndInOrder() async throws {
        let (time, boot) = (ManualTime(), Gate())
        try await EngineFixture.run(time: time) { runtime in
            boot.pass()
            time.advance(by: .microseconds(117_110))
            runtime.print("booting\n")
            return try runtime.serve { event in
                runtime.print("one\ntwo")
                time.advance(by: .microseconds(2650))
                return "1"
            }
        } _: { fixture in
            let revision = Revision.sample(version: .published(4))
            fixture.publish(revision, qualifier: "4")
            let id = RequestID()
            async let answer = fixture.call(revision, qualifier: "4", id: id).summary
            // Init is measured from here on.
            try await fixture.log.wait(for: "INIT_START")
            boot.open()
            #expect(await answer == "success 1")
            try await fixture.log.wait(for: "REPORT ")
            #expect(
                fixture.log.texts == [
                    "INIT_START Runtime Version: python:3.11.v1\tRuntime Version ARN: arn:aws:lambda:us-east-1::runtime:python-3.11.v1\n",
                    "booting\n", "START RequestId: \(id) Version: 4\n", "one\n", "two", "END RequestId: \(id)\n",
                    "REPORT RequestId: \(id)\tDuration: 2.65 ms\tBilled Duration: 120 ms\tMemory Size: 128 MB\tMax Memory Used: 33 MB\tInit Duration: 117.11 ms\t\n",
                ])
            // A warm call has no init.
            try await fixture.settle(revision, qualifier: "4")
            let second = RequestID()
            _ = await fixture.call(revision, qualifier: "4", id: second)
            try await fixture.log.wait(for: "REPORT ", count: 2)
            #expect(
                fixture.log.texts.last
                    == "REPORT RequestId: \(second)\tDuration: 2.65 ms\tBilled Duration: 3 ms\tMemory Size: 128 MB\tMax Memory Used: 33 MB\t\n"
            )
        }
    }

    @Test func framedRecordsKeepTheirLineFeeds() async throws {
        try await EngineFixture.run { runtime in
            try runtime.serve { _ in
                let text = Array("two\nlines".utf8)
                runtime.printRaw(
                    telemetry: [0xA5, 0x5A, 0, 3, 0, 0, 0, UInt8(text.count)] + [UInt8](repeating: 0, count: 8) + text)
                return "1"
            }
        } _: { fixture in
            let revision = Revision.sample()
            fixture.publish(revision)
            _ = await fixture.call(revision)
            try await fixture.log.wait(for: "REPORT ")
            #expect(fixture.log.texts.contains("two\nlines"))
        }
    }

    @Test func theTailHasTheCallsLinesToTheReport() async throws {
        try await EngineFixture.run { runtime in
            try runtime.serve { event in
                runtime.print("from \(event.body)\n")
                return "1"
            }
        } _: { fixture in
            let revision = Revision.sample()
            fixture.publish(revision)
            _ = await fixture.call(revision, payload: "1")
            try await fixture.settle(revision)
            let result = await fixture.call(revision, payload: "2", wantsLogTail: true)
            let lines = String(decoding: try #require(result.logTail), as: UTF8.self).split(separator: "\n")
            #expect(
                lines.map { $0.prefix { $0 != ":" } } == [
                    "START RequestId", "from 2", "END RequestId", "REPORT RequestId",
                ])
        }
    }

    @Test func aTailIsCutAt4KiB() async throws {
        try await EngineFixture.run { runtime in
            try runtime.serve { _ in
                runtime.print(String(repeating: "line\n", count: 4000))
                return "1"
            }
        } _: { fixture in
            let revision = Revision.sample()
            fixture.publish(revision)
            let tail = try #require(await fixture.call(revision, wantsLogTail: true).logTail)
            #expect(tail.count == 4096)
            #expect(String(decoding: tail, as: UTF8.self).contains("\nREPORT RequestId: "))
        }
    }

    @Test func aWriterThatIsFullLosesNothing() async throws {
        try await EngineFixture.run { runtime in
            try runtime.serve { _ in
                for number in 0..<3000 { runtime.print("line \(number)\n") }
                return "1"
            }
        } _: { fixture in
            fixture.log.hasRoom.change { $0 = false }
            let revision = Revision.sample()
            fixture.publish(revision)
            #expect(await fixture.call(revision).summary == "success 1")
            fixture.log.hasRoom.change { $0 = true }
            try await fixture.log.wait(for: "line 2999\n")
            let lines = fixture.log.texts.filter { $0.hasPrefix("line ") }
            #expect(lines == (0..<3000).map { "line \($0)\n" })
        }
    }

    @Test func linesAreHandedOverTogether() async throws {
        try await EngineFixture.run { runtime in
            try runtime.serve { _ in
                for number in 0..<3000 { runtime.print("line \(number)\n") }
                return "1"
            }
        } _: { fixture in
            let revision = Revision.sample()
            fixture.publish(revision)
            _ = await fixture.call(revision)
            try await fixture.log.wait(for: "REPORT ")
            #expect(fixture.log.texts.count > 3000)
            #expect(fixture.log.blocks.value < 1000)
        }
    }

    /// An event that was accepted is done when its log is stored, and so its log has to be on its way by then.
    @Test func aCallThatNobodyWaitsForEndsBehindItsLog() async throws {
        try await EngineFixture.run { runtime in
            try runtime.serve { _ in
                runtime.print("printed")
                return "1"
            }
        } _: { fixture in
            let revision = Revision.sample()
            fixture.publish(revision)
            guard case .found(.ready(let callee)) = fixture.engine.catalog.look(revision.function, qualifier: "$LATEST")
            else { throw DeadlineMissed(what: "a function", found: "none") }
            let texts: [String] = await withCheckedContinuation { continuation in
                let request = InvocationRequest(
                    id: RequestID(), invokedFunctionARN: "", payload: ByteBuffer(string: "{}"), isSynchronous: false
                ) { _ in continuation.resume(returning: fixture.log.texts) }
                fixture.engine.invoke(request, on: callee)
            }
            #expect(texts.contains("printed"))
            #expect(texts.last?.hasPrefix("REPORT RequestId: ") == true)
        }
    }
}
