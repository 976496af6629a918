import ApusEngine
import ApusModel
import ApusRuntimeAPI
import Testing

struct EnvironmentStateTests {
    typealias Action = EnvironmentState.Action
    typealias Phase = EnvironmentState.Phase

    enum Event: Sendable, CaseIterable {
        case launched, ready, responded, respondedToAnother, initFailed, ended, initTimedOut, timedOut
        case anotherTimedOut, restartFailed, awaitsRestore, extensionFailed, shutDownEnded, lost, close
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
                .extensionFailed: ([.kill, .reportInit(.extensionFailed), .offer], .broken),
                .initTimedOut: ([.kill, .reportInit(.timedOut), .offer], .broken),
                .awaitsRestore: ([.endInit, .offerTemplate], .template), .lost: ([.close], .closed),
                .close: ([.close], .closed),
            ]),
        Row(
            .idle,
            [
                .initFailed: ([.kill], .broken), .ended: ([.kill], .broken), .extensionFailed: ([.kill], .broken),
                .lost: ([.close], .closed), .close: ([.close], .closed),
            ]),
        Row(
            .template,
            [
                .initFailed: ([.close], .closed), .ended: ([.close], .closed), .extensionFailed: ([.close], .closed),
                .lost: ([.close], .closed), .close: ([.close], .closed),
            ]),
        Row(
            .running(id),
            [
                .responded: ([.complete], .finishing(id)),
                .initFailed: ([.kill, .fail(.initFailed, wasDelivered: true), .offer], .broken),
                .ended: ([.kill, .fail(.exited, wasDelivered: true), .offer], .broken),
                .extensionFailed: ([.kill, .fail(.extensionFailed, wasDelivered: true), .offer], .broken),
                .timedOut: ([.kill, .fail(.timedOut, wasDelivered: true), .offer], .broken),
                .lost: ([.fail(.exited, wasDelivered: true), .close], .closed),
                .close: ([.fail(.exited, wasDelivered: true), .close], .closed),
            ]),
        Row(
            .finishing(id),
            [
                .ready: ([.offer], .idle), .initFailed: ([.kill, .offer], .broken),
                .ended: ([.kill, .offer], .broken), .timedOut: ([.kill, .offer], .broken),
                .extensionFailed: ([.kill, .offer], .broken),
                .lost: ([.close], .closed), .close: ([.close], .closed),
            ]),
        Row(.broken, [.lost: ([.close], .closed), .close: ([.close], .closed)]),
        Row(
            .restarting(id),
            [
                .ready: ([.deliver], .running(id)),
                .initFailed: ([.kill, .fail(.initFailed, wasDelivered: false), .offer], .broken),
                .ended: ([.kill, .fail(.exited, wasDelivered: false), .offer], .broken),
                .extensionFailed: ([.kill, .fail(.extensionFailed, wasDelivered: false), .offer], .broken),
                .timedOut: ([.kill, .fail(.timedOut, wasDelivered: false), .offer], .broken),
                .restartFailed: ([.putBack, .close], .closed), .lost: ([.putBack, .close], .closed),
                .close: ([.fail(.exited, wasDelivered: false), .close], .closed),
            ]),
        Row(.closed, [:]),
    ]

    /// The same with extensions beside the runtime.
    static let tableWithExtensions: [Row] = [
        Row(
            .initializing,
            [
                .ready: ([.endInit, .offer], .idle),
                .initFailed: (
                    [.reportInit(.initFailed), .shutDown(.failure)], .shuttingDown(then: .broken(offers: true))
                ),
                .ended: ([.reportInit(.exited), .shutDown(.failure)], .shuttingDown(then: .broken(offers: true))),
                .extensionFailed: (
                    [.reportInit(.extensionFailed), .shutDown(.failure)], .shuttingDown(then: .broken(offers: true))
                ),
                .initTimedOut: (
                    [.reportInit(.timedOut), .shutDown(.timeout)], .shuttingDown(then: .broken(offers: true))
                ),
                .awaitsRestore: ([.endInit, .offerTemplate], .template), .lost: ([.close], .closed),
                .close: ([.shutDown(.spindown)], .shuttingDown(then: .closed)),
            ]),
        Row(
            .idle,
            [
                .initFailed: ([.shutDown(.failure)], .shuttingDown(then: .broken(offers: false))),
                .ended: ([.shutDown(.failure)], .shuttingDown(then: .broken(offers: false))),
                .extensionFailed: ([.shutDown(.failure)], .shuttingDown(then: .broken(offers: false))),
                .lost: ([.close], .closed), .close: ([.shutDown(.spindown)], .shuttingDown(then: .closed)),
            ]),
        Row(
            .template,
            [
                .initFailed: ([.shutDown(.failure)], .shuttingDown(then: .closed)),
                .ended: ([.shutDown(.failure)], .shuttingDown(then: .closed)),
                .extensionFailed: ([.shutDown(.failure)], .shuttingDown(then: .closed)),
                .lost: ([.close], .closed), .close: ([.shutDown(.spindown)], .shuttingDown(then: .closed)),
            ]),
        Row(
            .running(id),
            [
                .responded: ([.complete], .finishing(id)),
                .initFailed: (
                    [.fail(.initFailed, wasDelivered: true), .shutDown(.failure)],
                    .shuttingDown(then: .broken(offers: true))
                ),
                .ended: (
                    [.fail(.exited, wasDelivered: true), .shutDown(.failure)],
                    .shuttingDown(then: .broken(offers: true))
                ),
                .extensionFailed: (
                    [.fail(.extensionFailed, wasDelivered: true), .shutDown(.failure)],
                    .shuttingDown(then: .broken(offers: true))
                ),
                .timedOut: (
                    [.fail(.timedOut, wasDelivered: true), .shutDown(.timeout)],
                    .shuttingDown(then: .broken(offers: true))
                ),
                .lost: ([.fail(.exited, wasDelivered: true), .close], .closed),
                .close: (
                    [.fail(.exited, wasDelivered: true), .shutDown(.spindown)], .shuttingDown(then: .closed)
                ),
            ]),
        Row(
            .finishing(id),
            [
                .ready: ([.offer], .idle),
                .initFailed: ([.shutDown(.failure)], .shuttingDown(then: .broken(offers: true))),
                .ended: ([.shutDown(.failure)], .shuttingDown(then: .broken(offers: true))),
                .extensionFailed: ([.shutDown(.failure)], .shuttingDown(then: .broken(offers: true))),
                .timedOut: ([.shutDown(.timeout)], .shuttingDown(then: .broken(offers: true))),
                .lost: ([.close], .closed), .close: ([.shutDown(.spindown)], .shuttingDown(then: .closed)),
            ]),
        Row(
            .restarting(id),
            [
                .ready: ([.deliver], .running(id)),
                .initFailed: (
                    [.fail(.initFailed, wasDelivered: false), .shutDown(.failure)],
                    .shuttingDown(then: .broken(offers: true))
                ),
                .ended: (
                    [.fail(.exited, wasDelivered: false), .shutDown(.failure)],
                    .shuttingDown(then: .broken(offers: true))
                ),
                .extensionFailed: (
                    [.fail(.extensionFailed, wasDelivered: false), .shutDown(.failure)],
                    .shuttingDown(then: .broken(offers: true))
                ),
                .timedOut: (
                    [.fail(.timedOut, wasDelivered: false), .shutDown(.timeout)],
                    .shuttingDown(then: .broken(offers: true))
                ),
                .restartFailed: ([.putBack, .close], .closed), .lost: ([.putBack, .close], .closed),
                .close: (
                    [.fail(.exited, wasDelivered: false), .shutDown(.spindown)], .shuttingDown(then: .closed)
                ),
            ]),
        Row(
            .shuttingDown(then: .broken(offers: true)),
            [
                .shutDownEnded: ([.kill, .offer], .broken), .lost: ([.close], .closed),
                .close: ([], .shuttingDown(then: .closed)),
            ]),
        Row(
            .shuttingDown(then: .broken(offers: false)),
            [
                .shutDownEnded: ([.kill], .broken), .lost: ([.close], .closed),
                .close: ([], .shuttingDown(then: .closed)),
            ]),
        Row(
            .shuttingDown(then: .restarting(id)),
            [
                .shutDownEnded: ([.kill, .restart], .restarting(id)), .lost: ([.putBack, .close], .closed),
                .timedOut: ([.fail(.timedOut, wasDelivered: false)], .shuttingDown(then: .broken(offers: true))),
                .close: ([.fail(.exited, wasDelivered: false)], .shuttingDown(then: .closed)),
            ]),
        Row(.shuttingDown(then: .closed), [.shutDownEnded: ([.close], .closed), .lost: ([.close], .closed)]),
    ]

    @Test(arguments: table, Event.allCases)
    func eachEventHasItsEffectInEachPhase(_ row: Row, _ event: Event) {
        expect(row, event, in: Self.state(in: row.phase))
    }

    @Test(arguments: tableWithExtensions, Event.allCases)
    func extensionsHaveTheirTimeBeforeTheEnd(_ row: Row, _ event: Event) {
        expect(row, event, in: Self.state(in: row.phase, withExtensions: true))
    }

    private func expect(_ row: Row, _ event: Event, in state: EnvironmentState) {
        var state = state
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

    @Test func whatTheExtensionsOfAnIdleEnvironmentLeaveRunsTheNextInvocation() {
        var state = Self.state(in: .shuttingDown(then: .broken(offers: false)), withExtensions: true)
        #expect(state.assign(Self.id) == [])
        #expect(state.shutDownEnded() == [.kill, .restart])
        #expect(state.phase == .restarting(Self.id))
        // The new runtime has none until one registers.
        #expect(state.close() == [.fail(.exited, wasDelivered: false), .close])
    }

    @Test func anEnvironmentThatIsClosingGivesBackWhatCameTooLate() {
        var state = Self.state(in: .shuttingDown(then: .closed), withExtensions: true)
        #expect(state.assign(Self.id) == [.putBack])
        #expect(state.shutDownEnded() == [.close])
    }

    @Test func anInitThatIsNotRepeatedIsGivenUpAfterTheExtensions() {
        var state = EnvironmentState(retriesInit: false)
        _ = state.launched()
        state.extensionRegistered()
        #expect(state.initTimedOut() == [.reportInit(.timedOut), .shutDown(.timeout)])
        #expect(state.shutDownEnded() == [.giveUp(.timedOut)])
        #expect(state.phase == .closed)
    }

    private static func state(in phase: Phase, withExtensions: Bool = false) -> EnvironmentState {
        var state = EnvironmentState()
        if phase == .starting { return state }
        _ = state.launched()
        if withExtensions { state.extensionRegistered() }
        switch phase {
        case .shuttingDown(then: .broken(offers: true)): _ = state.runtimeEnded()
        case .shuttingDown(then: .broken), .shuttingDown(then: .restarting):
            _ = state.runtimeReady()
            _ = state.runtimeEnded()
            if case .shuttingDown(then: .restarting) = phase { _ = state.assign(id) }
        case .shuttingDown: _ = state.close()
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
            _ = state.shutDownEnded()
            _ = state.assign(id)
            if withExtensions { state.extensionRegistered() }
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
        case .extensionFailed: state.extensionFailed()
        case .shutDownEnded: state.shutDownEnded()
        case .lost: state.sandboxLost()
        case .close: state.close()
        }
    }
}
