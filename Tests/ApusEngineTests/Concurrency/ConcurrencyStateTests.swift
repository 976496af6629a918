import ApusEngine
import ApusModel
import Testing

struct ConcurrencyStateTests {
    // MARK: The account's limit

    @Test func theAccountRunsAsManyCallsAsItMay() {
        var account = Account(executions: 3)
        #expect(account.enter("a", times: 2) == [.onDemand, .onDemand])
        #expect(account.enter("b", times: 2) == [.onDemand, .refused(.accountConcurrency)])
        account.leave("a")
        #expect(account.enter("b") == .onDemand)
    }

    @Test func aRefusedCallCountsNowhere() {
        var account = Account(executions: 1)
        account.enter("a", times: 5)
        #expect(account.reading.concurrentExecutions == 1)
        account.leave("a")
        #expect(account.reading.claimedAccountConcurrency == 0)
    }

    // MARK: Reserved concurrency

    @Test func reservedExecutionsAreALimit() {
        var account = Account(executions: 10)
        account.reserve(2, "a")
        #expect(account.enter("a", times: 3) == [.onDemand, .onDemand, .refused(.reservedConcurrency)])
    }

    @Test func reservedExecutionsAreAGuarantee() {
        var account = Account(executions: 10)
        account.reserve(2, "a")
        #expect(account.enter("b", times: 9).suffix(2) == [.onDemand, .refused(.accountConcurrency)])
        #expect(account.enter("a", times: 2) == [.onDemand, .onDemand])
    }

    @Test func nothingReservedRefusesEveryCall() {
        var account = Account(executions: 10)
        account.reserve(0, "a")
        #expect(account.enter("a") == .refused(.reservedConcurrency))
        #expect(account.enter("b", times: 10).allSatisfy { $0 == .onDemand })
    }

    @Test func aReservationThatEndsIsEverybodysAgain() {
        var account = Account(executions: 3)
        account.reserve(3, "a")
        #expect(account.enter("b") == .refused(.accountConcurrency))
        account.reserve(nil, "a")
        #expect(account.enter("b", times: 3) == [.onDemand, .onDemand, .onDemand])
    }

    @Test func callsBeyondALoweredReservationGoOnAndStayClaimed() {
        var account = Account(executions: 10)
        account.reserve(4, "a")
        account.enter("a", times: 4)
        account.reserve(1, "a")
        #expect(account.reading.claimedAccountConcurrency == 4)
        account.leave("a", times: 3)
        #expect(account.enter("a") == .refused(.reservedConcurrency))
        account.leave("a")
        #expect(account.enter("a") == .onDemand)
        #expect(account.reading.claimedAccountConcurrency == 1)
    }

    @Test func callsThatRunWhenAFunctionGetsAReservationCountIntoIt() {
        var account = Account(executions: 10)
        account.enter("a", times: 3)
        account.reserve(2, "a")
        #expect(account.reading.unreservedConcurrentExecutions == 0)
        #expect(account.reading.claimedAccountConcurrency == 3)
        account.leave("a", times: 2)
        #expect(account.enter("a", times: 2) == [.onDemand, .refused(.reservedConcurrency)])
    }

    // MARK: Provisioned concurrency

    @Test func aCallTakesAProvisionedExecutionFirstAndThenSpillsOver() {
        var account = Account(executions: 10)
        account.provision(2, "a", "prod", available: 2)
        #expect(account.enter("a", "prod", times: 3) == [.provisioned, .provisioned, .spillover])
        account.leave("a", "prod")
        #expect(account.enter("a", "prod") == .provisioned)
    }

    @Test func environmentsThatAreNotInitialisedTakeNoCalls() {
        var account = Account(executions: 10)
        account.provision(2, "a", "prod", available: 0)
        #expect(account.enter("a", "prod") == .spillover)
        account.setAvailable(1, "a", "prod")
        #expect(account.enter("a", "prod", times: 2) == [.provisioned, .spillover])
    }

    @Test func otherQualifiersRunOnDemand() {
        var account = Account(executions: 10)
        account.provision(1, "a", "prod", available: 1)
        #expect(account.enter("a") == .onDemand)
        #expect(account.enter("a", "prod") == .provisioned)
    }

    @Test func withoutAReservationItIsTakenFromTheAccount() {
        var account = Account(executions: 3)
        account.provision(2, "a", "prod", available: 2)
        #expect(account.reading.claimedAccountConcurrency == 2)
        #expect(account.enter("b", times: 2) == [.onDemand, .refused(.accountConcurrency)])
        #expect(account.enter("a", "prod", times: 3) == [.provisioned, .provisioned, .refused(.accountConcurrency)])
    }

    @Test func withAReservationItIsTakenFromThat() {
        var account = Account(executions: 10)
        account.reserve(3, "a")
        account.provision(2, "a", "prod", available: 2)
        #expect(account.reading.claimedAccountConcurrency == 3)
        #expect(account.enter("a", times: 2) == [.onDemand, .refused(.reservedConcurrency)])
        #expect(account.enter("a", "prod", times: 3) == [.provisioned, .provisioned, .refused(.reservedConcurrency)])
    }

    @Test func whatIsWithdrawnIsClaimedUntilItsCallsHaveEnded() {
        var account = Account(executions: 10)
        account.provision(3, "a", "prod", available: 3)
        account.enter("a", "prod", times: 2)
        account.withdraw("a", "prod")
        #expect(account.reading.claimedAccountConcurrency == 2)
        #expect(account.reading.provisioned.isEmpty)
        account.leave("a", "prod", times: 2)
        #expect(account.reading.claimedAccountConcurrency == 0)
    }

    @Test func fewerProvisionedExecutionsTakeNoCallsUntilEnoughHaveEnded() {
        var account = Account(executions: 10)
        account.provision(3, "a", "prod", available: 3)
        account.enter("a", "prod", times: 3)
        account.resize(1, "a", "prod")
        account.leave("a", "prod", times: 2)
        #expect(account.enter("a", "prod") == .spillover)
        account.leave("a", "prod", times: 2)
        #expect(account.enter("a", "prod") == .provisioned)
    }

    // MARK: Rates

    @Test func anAccountIsCalledTenTimesASecondForEachExecution() {
        var account = Account(executions: 2)
        for _ in 0..<20 { #expect(account.pass("a") == .onDemand) }
        #expect(account.pass("a") == .refused(.accountRate))
        #expect(account.pass("b") == .refused(.accountRate))
        account.now = .milliseconds(50)
        #expect(account.pass("b") == .onDemand)
        #expect(account.pass("a") == .refused(.accountRate))
    }

    @Test func aReservationHasARateOfItsOwn() {
        var account = Account(executions: 2)
        account.reserve(1, "a")
        for _ in 0..<10 { #expect(account.pass("a") == .onDemand) }
        #expect(account.pass("a") == .refused(.reservedRate))
        #expect(account.pass("b") == .onDemand)
    }

    @Test func asynchronousCallsHaveNoRate() {
        var account = Account(executions: 1)
        account.isSynchronous = false
        for _ in 0..<50 { #expect(account.pass("a") == .onDemand) }
    }

    @Test func aCallThatIsRefusedForConcurrencyTakesNothingFromTheRate() {
        var account = Account(executions: 1)
        account.enter("a")
        for _ in 0..<50 { #expect(account.enter("a") == .refused(.accountConcurrency)) }
        account.leave("a")
        #expect(account.pass("a") == .onDemand)
    }

    @Test func aThousandEnvironmentsStartInTenSeconds() {
        var state = ConcurrencyState()
        let (a, b) = (state.function(named: "a"), state.function(named: "b"))
        let atOnce = (0..<1001).map { _ in state.mayStart(a, now: .zero) }
        #expect(atOnce == [Bool](repeating: true, count: 1000) + [false])
        let later = [9, 10, 10].map { state.mayStart(a, now: .milliseconds($0)) }
        #expect(later == [false, true, false])
        let other = state.mayStart(b, now: .zero)
        #expect(other)
    }

    // MARK: Life of a function

    @Test func aFunctionIsKnownByItsName() {
        var state = ConcurrencyState()
        let handles = ["a", "b", "a"].map { state.function(named: $0) }
        #expect(handles[0] == handles[2])
        #expect(handles[0] != handles[1])
    }

    @Test func aRemovedFunctionHoldsWhatItsCallsUse() {
        var account = Account(executions: 10)
        account.reserve(5, "a")
        account.provision(2, "a", "prod", available: 2)
        account.enter("a", "prod")
        account.enter("a")
        let old = account.state.function(named: "a")
        account.remove("a")
        #expect(account.reading.claimedAccountConcurrency == 2)
        let late = account.state.enter(old, now: .zero)
        #expect(throws: Throttle.reservedConcurrency) { try late.get() }
        // Nor does the old handle claim anything.
        account.state.reserve(5, for: old)
        _ = account.state.provision(5, for: old, qualifier: "late")
        account.leave("a")
        account.leave("a", "prod")
        #expect(account.reading.claimedAccountConcurrency == 0)
    }

    @Test func aLateCallOfARemovedFunctionDoesNotCountForTheNextOne() throws {
        var state = ConcurrencyState()
        let old = state.function(named: "a")
        state.remove(functionNamed: "a")
        let new = state.function(named: "a")
        let late = state.enter(old, now: .zero)
        #expect(throws: Throttle.reservedConcurrency) { try late.get() }
        state.reserve(0, for: old)
        let ticket = try state.enter(new, now: .zero).get()
        #expect(ticket.execution == .onDemand)
    }

    // MARK: Readings

    @Test func readingsHaveCloudWatchsMeaning() throws {
        var account = Account(executions: 100)
        account.reserve(20, "reserved")
        account.provision(10, "plain", "prod", available: 8)
        account.enter("reserved", times: 5)
        account.enter("plain", "prod", times: 4)
        account.enter("plain", times: 3)
        account.enter("other", times: 2)
        let reading = account.reading
        #expect(reading.concurrentExecutions == 14)
        #expect(reading.unreservedConcurrentExecutions == 5)
        #expect(reading.claimedAccountConcurrency == 35)
        #expect(reading.provisionedConcurrentExecutions == 4)
        let provisioned = try #require(reading.provisioned.first)
        #expect((provisioned.function, provisioned.qualifier) == ("plain", "prod"))
        #expect((provisioned.allocated, provisioned.available, provisioned.inUse) == (10, 8, 4))
        #expect(provisioned.utilization == 0.4)
    }
}

struct ThrottleTests {
    @Test(arguments: [
        (Throttle.accountConcurrency, "ConcurrentInvocationLimitExceeded", "Rate Exceeded."),
        (.reservedConcurrency, "ReservedFunctionConcurrentInvocationLimitExceeded", "Rate Exceeded."),
        (.accountRate, "CallerRateLimitExceeded", "Rate exceeded"),
        (.reservedRate, "ReservedFunctionInvocationRateLimitExceeded", "Rate Exceeded."),
        (.scalingRate, "FunctionInvocationRateLimitExceeded", "Rate Exceeded."),
        (.machineMemory, "ConcurrentInvocationLimitExceeded", "Rate Exceeded."),
    ])
    func aRefusalHasAWSsWords(throttle: Throttle, reason: String, message: String) {
        let fault = throttle.fault
        #expect((fault.code, fault.status, fault.message) == ("TooManyRequestsException", 429, message))
        #expect(fault.fields.map(\.name) == ["Reason"])
        #expect(fault.fields.map(\.value) == [reason])
    }
}

/// A state with names for its handles, and a place for the tickets.
struct Account {
    enum Outcome: Equatable {
        case onDemand, provisioned, spillover
        case refused(Throttle)
    }

    private struct Called: Hashable {
        var function: String
        var qualifier: String?
    }

    var now = Duration.zero
    var isSynchronous = true
    var state: ConcurrencyState
    private var provisions: [Called: ConcurrencyState.ProvisionHandle] = [:]
    private var tickets: [Called: [ConcurrencyState.Ticket]] = [:]

    init(executions: Int) {
        var limits = ConcurrencyState.Limits()
        limits.executions = executions
        state = ConcurrencyState(limits: limits)
    }

    var reading: ConcurrencyState.Reading { state.reading }

    @discardableResult
    mutating func enter(_ function: String, _ qualifier: String? = nil) -> Outcome {
        let called = Called(function: function, qualifier: qualifier)
        let handle = state.function(named: function)
        switch state.enter(handle, provision: provisions[called], isSynchronous: isSynchronous, now: now) {
        case .failure(let throttle): return .refused(throttle)
        case .success(let ticket):
            tickets[called, default: []].append(ticket)
            return switch ticket.execution {
            case .onDemand: .onDemand
            case .provisioned: .provisioned
            case .spillover: .spillover
            }
        }
    }

    @discardableResult
    mutating func enter(_ function: String, _ qualifier: String? = nil, times: Int) -> [Outcome] {
        (0..<times).map { _ in enter(function, qualifier) }
    }

    /// The call that entered first leaves.
    mutating func leave(_ function: String, _ qualifier: String? = nil, times: Int = 1) {
        for _ in 0..<times {
            state.leave(tickets[Called(function: function, qualifier: qualifier)]!.removeFirst())
        }
    }

    /// A call that ends at once.
    mutating func pass(_ function: String) -> Outcome {
        let outcome = enter(function)
        if case .refused = outcome { return outcome }
        leave(function)
        return outcome
    }

    mutating func reserve(_ executions: Int?, _ function: String) {
        state.reserve(executions, for: state.function(named: function))
    }

    mutating func provision(_ executions: Int, _ function: String, _ qualifier: String, available: Int) {
        let handle = state.provision(executions, for: state.function(named: function), qualifier: qualifier)
        provisions[Called(function: function, qualifier: qualifier)] = handle
        state.setAvailable(available, of: handle)
    }

    mutating func setAvailable(_ environments: Int, _ function: String, _ qualifier: String) {
        state.setAvailable(environments, of: provisions[Called(function: function, qualifier: qualifier)]!)
    }

    mutating func resize(_ executions: Int, _ function: String, _ qualifier: String) {
        state.resize(provisions[Called(function: function, qualifier: qualifier)]!, to: executions)
    }

    mutating func withdraw(_ function: String, _ qualifier: String) {
        state.withdraw(provisions.removeValue(forKey: Called(function: function, qualifier: qualifier))!)
    }

    mutating func remove(_ function: String) { state.remove(functionNamed: function) }
}
