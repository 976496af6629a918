import ApusModel
import ApusRuntimeAPI
import Testing

struct RuntimeAPIStateTests {
    enum Event: Sendable {
        case next, deliver, mayRespond(String), beginStream, respond(String), failInit, awaitRestore, unpark
    }

    struct Row: Sendable, CustomTestStringConvertible {
        var before: [Event]
        var event: Event
        var verdict: String
        var phase: RuntimeAPIState.Phase

        init(_ before: [Event], _ event: Event, _ verdict: String, _ phase: RuntimeAPIState.Phase) {
            (self.before, self.event, self.verdict, self.phase) = (before, event, verdict, phase)
        }

        var testDescription: String { "\(before) \(event)" }
    }

    static let id = RequestID(existing: "a")
    static let table: [Row] = [
        // Booting.
        Row([], .next, "park, initialized", .idle),
        Row([], .mayRespond("a"), "403", .initializing),
        Row([], .respond("a"), "ignored", .initializing),
        Row([], .failInit, "accepted", .failed),
        Row([], .awaitRestore, "accepted", .awaitingRestore),
        Row([], .unpark, "", .initializing),
        // Waiting.
        Row([.next], .next, "403", .idle),
        Row([.next], .mayRespond("a"), "400", .idle),
        Row([.next], .respond("a"), "ignored", .idle),
        Row([.next], .failInit, "403", .idle),
        Row([.next], .awaitRestore, "403", .idle),
        Row([.next], .deliver, "", .running(id)),
        Row([.next], .unpark, "", .responded(id)),
        Row([.next, .unpark], .next, "park", .idle),
        // A template.
        Row([.awaitRestore], .next, "403", .awaitingRestore),
        Row([.awaitRestore], .awaitRestore, "403", .awaitingRestore),
        Row([.awaitRestore], .mayRespond("a"), "403", .awaitingRestore),
        Row([.awaitRestore], .failInit, "403", .awaitingRestore),
        Row([.awaitRestore], .unpark, "", .awaitingRestore),
        // Working.
        Row([.next, .deliver], .mayRespond("a"), "accepted", .running(id)),
        Row([.next, .deliver], .mayRespond("b"), "400", .running(id)),
        Row([.next, .deliver], .respond("a"), "a", .responded(id)),
        Row([.next, .deliver], .respond("b"), "ignored", .running(id)),
        Row([.next, .deliver], .next, "403, fatal", .failed),
        Row([.next, .deliver], .failInit, "403", .running(id)),
        Row([.next, .deliver], .unpark, "", .running(id)),
        // Streaming.
        Row([.next, .deliver], .beginStream, "a", .streaming(id)),
        Row([.next, .deliver, .beginStream], .mayRespond("a"), "403", .streaming(id)),
        Row([.next, .deliver, .beginStream], .mayRespond("b"), "400", .streaming(id)),
        Row([.next, .deliver, .beginStream], .beginStream, "ignored", .streaming(id)),
        Row([.next, .deliver, .beginStream], .respond("a"), "a", .responded(id)),
        Row([.next, .deliver, .beginStream], .respond("b"), "ignored", .streaming(id)),
        Row([.next, .deliver, .beginStream], .next, "403, fatal", .failed),
        Row([.next, .deliver, .beginStream], .failInit, "403", .streaming(id)),
        Row([.next, .deliver, .beginStream], .unpark, "", .streaming(id)),
        Row([.next, .deliver, .beginStream, .respond("a")], .next, "park", .idle),
        // Done.
        Row([.next, .deliver, .respond("a")], .mayRespond("a"), "403", .responded(id)),
        Row([.next, .deliver, .respond("a")], .mayRespond("b"), "400", .responded(id)),
        Row([.next, .deliver, .respond("a")], .respond("a"), "ignored", .responded(id)),
        Row([.next, .deliver, .respond("a")], .failInit, "403", .responded(id)),
        Row([.next, .deliver, .respond("a")], .next, "park", .idle),
        // Given up.
        Row([.failInit], .next, "403", .failed),
        Row([.failInit], .mayRespond("a"), "403", .failed),
        Row([.failInit], .respond("a"), "ignored", .failed),
        Row([.failInit], .failInit, "403", .failed),
        Row([.failInit], .unpark, "", .failed),
    ]

    @Test(arguments: table)
    func eachCallHasItsVerdictInEachPhase(_ row: Row) {
        var state = RuntimeAPIState()
        for event in row.before { _ = Self.apply(event, to: &state) }
        #expect(Self.apply(row.event, to: &state) == row.verdict)
        #expect(state.phase == row.phase)
    }

    private static func apply(_ event: Event, to state: inout RuntimeAPIState) -> String {
        switch event {
        case .next:
            switch state.next() {
            case .park(let initialized): return initialized ? "park, initialized" : "park"
            case .accept: return "accept"
            case .refuse(let refusal): return describe(refusal)
            }
        case .deliver:
            state.deliver(id)
            return ""
        case .mayRespond(let text): return describe(state.mayRespond(to: text))
        case .beginStream: return state.beginStream()?.text ?? "ignored"
        case .respond(let text): return state.respond(to: text)?.text ?? "ignored"
        case .awaitRestore: return describe(state.awaitRestore())
        case .failInit: return describe(state.failInit())
        case .unpark:
            state.unpark(after: id)
            return ""
        }
    }

    private static func describe(_ refusal: RuntimeAPIState.Refusal?) -> String {
        guard let refusal else { return "accepted" }
        let types = [403: "InvalidStateTransition", 400: "InvalidRequestID"]
        #expect(refusal.type == types[refusal.status])
        return "\(refusal.status)\(refusal.isFatal ? ", fatal" : "")"
    }
}
