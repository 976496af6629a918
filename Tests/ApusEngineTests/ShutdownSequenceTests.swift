import ApusEngine
import Testing

struct ShutdownSequenceTests {
    @Test func theRuntimeEndsFirst() {
        var sequence = ShutdownSequence()
        #expect(sequence.begin(runtime: true, extensions: true) == [.terminateRuntime])
        #expect(sequence.extensionsEnded() == [])
        #expect(sequence.runtimeEnded(extensions: true) == [.tellExtensions])
        #expect(sequence.runtimeIsLate(extensions: true) == [])
        #expect(sequence.extensionsEnded() == [.end])
        #expect(sequence.end() == [])
    }

    @Test func aRuntimeThatTakesTooLongIsKilled() {
        var sequence = ShutdownSequence()
        _ = sequence.begin(runtime: true, extensions: true)
        #expect(sequence.runtimeIsLate(extensions: true) == [.killRuntime, .tellExtensions])
        #expect(sequence.runtimeEnded(extensions: true) == [])
        #expect(sequence.end() == [.end])
        #expect(sequence.extensionsEnded() == [])
    }

    @Test func whatDoesNotRunIsNotWaitedFor() {
        var withoutRuntime = ShutdownSequence()
        #expect(withoutRuntime.begin(runtime: false, extensions: true) == [.tellExtensions])
        var withoutExtensions = ShutdownSequence()
        #expect(withoutExtensions.begin(runtime: true, extensions: false) == [.terminateRuntime])
        #expect(withoutExtensions.runtimeEnded(extensions: false) == [.end])
        var empty = ShutdownSequence()
        #expect(empty.begin(runtime: false, extensions: false) == [.end])
        #expect(empty.begin(runtime: true, extensions: true) == [])
    }
}
