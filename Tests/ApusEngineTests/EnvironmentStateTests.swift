import ApusEngine
import ApusModel
import Testing

struct EnvironmentStateTests {
    typealias Action = EnvironmentState.Action
    typealias Phase = EnvironmentState.Phase

    enum Event: Sendable, CaseIterable {
        case launched, ready, responded, respondedToAnother, initFailed, ended, initTimedOut, timedOut
        case anotherTimedOut, restartFailed, awaitsRestore, lost, close
    }

    static let id = RequestID(existing: "a")
    static let other = RequestID(existing: "b")

    /// Every phase, how it is come to, and what each event does there. What is not listed does nothing.
    struct Row: Sendable, CustomTestStringConvertible {
        var phase: Phase
        var effects: [Event: (actions: [Action], next: Phase)]

        init(_ phase: Phase, _ effects: [Event: (actions: [Action], next: Phase)]) {
            (self.phase, self.effects) = (phase, effects)
        }

        var testDescription: String { "\(phase)" }
    }

    static let table: [Row] = [
        Row(
            .starting,
            [.launched: ([.beginInit], .initializing), .lost: ([.close], .closed), .close: ([.close], .closed)]),
        Row(
            .initializing,
            [
                .ready: ([.endInit, .offer], .idle),
                .initFailed: ([.kill, .reportInit(.initFailed), .offer], .broken),
                .ended: ([.kill, .reportInit(.exited), .offer], .broken),
                .initTimedOut: ([.kill, .reportInit(.timedOut), .offer], .broken),
                .awaitsRestore: ([.endInit, .offerTemplate], .template), .lost: ([.close], .closed),
                .close: ([.close], .closed),
            ]),
        Row(
            .idle,
            [
                .initFailed: ([.kill], .broken), .ended: ([.kill], .broken), .lost: ([.close], .closed),
                .close: ([.close], .closed),
            ]),
        Row(
            .template,
            [
                .initFailed: ([.close], .closed), .ended: ([.close], .closed), .lost: ([.close], .closed),
                .close: ([.close], .closed),
            ]),
        Row(
            .running(id),
            [
                .responded: ([.complete], .finishing(id)),
                .initFailed: ([.kill, .fail(.initFailed, wasDelivered: true), .offer], .broken),
                .ended: ([.kill, .fail(.exited, wasDelivered: true), .offer], .broken),
                .timedOut: ([.kill, .fail(.timedOut, wasDelivered: true), .offer], .broken),
                .lost: ([.fail(.exited, wasDelivered: true), .close], .closed),
                .close: ([.fail(.exited, wasDelivered: true), .close], .closed),
            ]),
        Row(
            .finishing(id),
            [
                .ready: ([.offer], .idle), .initFailed: ([.kill, .offer], .broken),
                .ended: ([.kill, .offer], .broken), .timedOut: ([.kill, .offer], .broken),
                .lost: ([.close], .closed), .close: ([.close], .closed),
            ]),
        Row(.broken, [.lost: ([.close], .closed), .close: ([.close], .closed)]),
        Row(
            .restarting(id),
            [
                .ready: ([.deliver], .running(id)),
                .initFailed: ([.kill, .fail(.initFailed, wasDelivered: false), .offer], .broken),
                .ended: ([.kill, .fail(.exited, wasDelivered: false), .offer], .broken),
                .timedOut: ([.kill, .fail(.timedOut, wasDelivered: false), .offer], .broken),
                .restartFailed: ([.putBack, .close], .closed), .lost: ([.putBack, .close], .closed),
                .close: ([.fail(.exited, wasDelivered: true), .close], .closed),
            ]),
        Row(.closed, [:]),
    ]

    @Test(arguments: table, Event.allCases)
    func eachEventHasItsEffectInEachPhase(_ row: Row, _ event: Event) {
        var state = Self.state(in: row.phase)
        let effect = row.effects[event] ?? ([], row.phase)
        #expect(Self.apply(event, to: &state) == effect.actions)
        #expect(state.phase == effect.next)
    }

    @Test func anIdleEnvironmentDeliversWhatItIsAssigned() {
        var state = Self.state(in: .idle)
        #expect(state.assign(Self.id) == [.deliver])
        #expect(state.phase == .running(Self.id))
    }

    @Test func aBrokenOneStartsARuntimeFirst() {
        var state = Self.state(in: .broken)
        #expect(state.assign(Self.id) == [.restart])
        #expect(state.phase == .restarting(Self.id))
    }

    @Test func aClosedOneGivesBackWhatCameTooLate() {
        var state = Self.state(in: .closed)
        #expect(state.assign(Self.id) == [.putBack])
        #expect(state.phase == .closed)
    }

    @Test func anEnvironmentThatIsReplacedWhenItFailsIsClosedThen() {
        for event in [Event.ended, .timedOut, .initFailed] {
            var state = EnvironmentState(retriesInit: false)
            _ = state.launched()
            _ = state.runtimeReady()
            _ = state.assign(Self.id)
            let actions = Self.apply(event, to: &state)
            #expect(actions.first == .kill)
            #expect(actions.last == .close)
            #expect(actions.count == 3)
            #expect(state.phase == .closed)
        }
        var idle = EnvironmentState(retriesInit: false)
        _ = idle.launched()
        _ = idle.runtimeReady()
        #expect(idle.runtimeEnded() == [.close])
        #expect(idle.phase == .closed)
    }

    /// A template, a restored or a provisioned environment: nobody waits for it to try again.
    @Test(arguments: [
        (Event.initFailed, EnvironmentState.Failure.initFailed), (.ended, .exited), (.initTimedOut, .timedOut),
    ])
    func anInitThatIsNotRepeatedIsTheEnd(_ event: Event, _ failure: EnvironmentState.Failure) {
        var state = EnvironmentState(retriesInit: false)
        _ = state.launched()
        #expect(Self.apply(event, to: &state) == [.reportInit(failure), .giveUp(failure)])
        #expect(state.phase == .closed)
    }

    private static func state(in phase: Phase) -> EnvironmentState {
        var state = EnvironmentState()
        if phase == .starting { return state }
        _ = state.launched()
        switch phase {
        case .starting, .initializing: break
        case .idle: _ = state.runtimeReady()
        case .running:
            _ = state.runtimeReady()
            _ = state.assign(id)
        case .finishing:
            _ = state.runtimeReady()
            _ = state.assign(id)
            _ = state.runtimeResponded(to: id)
        case .broken: _ = state.runtimeEnded()
        case .template: _ = state.runtimeAwaitsRestore()
        case .restarting:
            _ = state.runtimeEnded()
            _ = state.assign(id)
        case .closed: _ = state.close()
        }
        #expect(state.phase == phase)
        return state
    }

    private static func apply(_ event: Event, to state: inout EnvironmentState) -> [Action] {
        switch event {
        case .launched: state.launched()
        case .ready: state.runtimeReady()
        case .responded: state.runtimeResponded(to: id)
        case .respondedToAnother: state.runtimeResponded(to: other)
        case .initFailed: state.runtimeInitFailed()
        case .ended: state.runtimeEnded()
        case .initTimedOut: state.initTimedOut()
        case .timedOut: state.invocationTimedOut(id)
        case .anotherTimedOut: state.invocationTimedOut(other)
        case .restartFailed: state.restartFailed()
        case .awaitsRestore: state.runtimeAwaitsRestore()
        case .lost: state.sandboxLost()
        case .close: state.close()
        }
    }
}
