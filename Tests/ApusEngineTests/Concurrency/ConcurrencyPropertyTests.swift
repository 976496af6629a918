import ApusEngine
import ApusTesting
import Testing

/// Random calls and changes, with what must hold after each of them.
struct ConcurrencyPropertyTests {
    @Test(arguments: 0..<40)
    func theSumsHoldWhateverHappens(seed: Int) throws {
        var world = World(seed: UInt64(seed))
        for _ in 0..<3000 { try world.step() }
        try world.end()
    }

    /// Keeps books of its own, the slow way.
    private struct World {
        struct Function {
            var name: String
            var handle: ConcurrencyState.FunctionHandle
            var reserved: Int?
            var provisions: [(handle: ConcurrencyState.ProvisionHandle, allocated: Int, available: Int)] = []

            var provisioned: Int { provisions.reduce(0) { $0 + $1.allocated } }
            var held: Int { reserved ?? provisioned }
        }

        struct Call {
            var function: String
            var provision: ConcurrencyState.ProvisionHandle?
            var ticket: ConcurrencyState.Ticket
        }

        static let executions = 60
        var generator: SeededGenerator
        var state: ConcurrencyState
        var functions: [Function] = []
        var calls: [Call] = []

        /// What may run beyond the limit since a change found it running; falls with the calls.
        var excess = 0
        var made = 0

        init(seed: UInt64) {
            generator = SeededGenerator(seed: seed)
            var limits = ConcurrencyState.Limits()
            limits.executions = Self.executions
            limits.accountRate = nil
            limits.reservedRate = nil
            state = ConcurrencyState(limits: limits)
        }

        mutating func step() throws {
            switch Int.random(in: 0..<100, using: &generator) {
            case 0..<2 where functions.count < 6: create()
            case 2: remove()
            case 3..<6: reserve()
            case 6..<9: provision()
            case 9..<12: setAvailable()
            case 12..<14: withdraw()
            case 14..<62: try enter()
            default: leave()
            }
            try check()
        }

        mutating func end() throws {
            while !calls.isEmpty {
                leave()
                try check()
            }
            while !functions.isEmpty { remove() }
            let reading = state.reading
            #expect(reading.claimedAccountConcurrency == 0)
            #expect(reading.unreservedConcurrentExecutions == 0)
            #expect(reading.provisioned.isEmpty)
        }

        private mutating func check() throws {
            let reading = state.reading
            try #require(reading.concurrentExecutions == calls.count)
            let inProvisioned = calls.count { $0.ticket.execution == .provisioned }
            try #require(reading.provisionedConcurrentExecutions == inProvisioned)
            let reserved = Set(functions.filter { $0.reserved != nil }.map(\.name))
            let unreserved = calls.count { $0.ticket.execution != .provisioned && !reserved.contains($0.function) }
            try #require(reading.unreservedConcurrentExecutions == unreserved)
            try #require(reading.claimedAccountConcurrency >= calls.count)
            excess = min(excess, max(0, reading.claimedAccountConcurrency - Self.executions))
            try #require(reading.claimedAccountConcurrency <= Self.executions + excess)
        }

        private mutating func create() {
            made += 1
            functions.append(Function(name: "f\(made)", handle: state.function(named: "f\(made)")))
        }

        private mutating func remove() {
            guard let place = functions.indices.randomElement(using: &generator) else { return }
            state.remove(functionNamed: functions.remove(at: place).name)
        }

        /// As the control plane allows: within the account, and no less than what is provisioned.
        private mutating func reserve() {
            guard let place = functions.indices.randomElement(using: &generator) else { return }
            let others = functions.reduce(0) { $0 + $1.held } - functions[place].held
            let most = Self.executions - others
            let least = functions[place].provisioned
            let value =
                Bool.random(using: &generator) && least <= most ? Int.random(in: least...most, using: &generator) : nil
            functions[place].reserved = value
            state.reserve(value, for: functions[place].handle)
            allow()
        }

        private mutating func provision() {
            guard let place = functions.indices.randomElement(using: &generator) else { return }
            let most =
                (functions[place].reserved ?? Self.executions - functions.reduce(0) { $0 + $1.held })
                - (functions[place].reserved == nil ? 0 : functions[place].provisioned)
            guard most > 0 else { return }
            let count = Int.random(in: 1...most, using: &generator)
            let handle = state.provision(count, for: functions[place].handle, qualifier: "q")
            functions[place].provisions.append((handle, count, 0))
            allow()
        }

        private mutating func setAvailable() {
            guard let place = functions.indices.randomElement(using: &generator),
                let index = functions[place].provisions.indices.randomElement(using: &generator)
            else { return }
            let count = Int.random(in: 0...functions[place].provisions[index].allocated, using: &generator)
            functions[place].provisions[index].available = count
            state.setAvailable(count, of: functions[place].provisions[index].handle)
        }

        private mutating func withdraw() {
            guard let place = functions.indices.randomElement(using: &generator), !functions[place].provisions.isEmpty
            else { return }
            state.withdraw(functions[place].provisions.removeLast().handle)
        }

        private mutating func enter() throws {
            guard let function = functions.randomElement(using: &generator) else { return }
            let provision = Bool.random(using: &generator) ? function.provisions.randomElement(using: &generator) : nil
            let mine = calls.filter { $0.function == function.name }
            let before = state.reading
            switch state.enter(function.handle, provision: provision?.handle, now: .zero) {
            case .success(let ticket):
                calls.append(Call(function: function.name, provision: provision?.handle, ticket: ticket))
                if let reserved = function.reserved { try #require(mine.count < reserved) }
                if function.reserved == nil, ticket.execution != .provisioned {
                    try #require(before.claimedAccountConcurrency < Self.executions)
                }
            case .failure(let throttle):
                try #require(state.reading == before)
                if let reserved = function.reserved {
                    try #require(throttle == .reservedConcurrency)
                    // What is reserved and not provisioned can be had, however busy the account is.
                    let onDemand = mine.count { $0.ticket.execution != .provisioned }
                    let held = max(function.provisioned, mine.count { $0.ticket.execution == .provisioned })
                    let surplus = mine.count { call in
                        call.ticket.execution == .provisioned
                            && !function.provisions.contains { $0.handle == call.provision }
                    }
                    try #require(onDemand + held + surplus >= reserved)
                } else {
                    try #require(throttle == .accountConcurrency)
                    try #require(before.claimedAccountConcurrency >= Self.executions)
                }
                if let provision {
                    let inUse = mine.count { $0.provision == provision.handle && $0.ticket.execution == .provisioned }
                    // A free provisioned execution is refused only beyond a reservation that was set while more calls ran.
                    if inUse < provision.available { try #require(mine.count >= function.reserved ?? .max) }
                }
            }
        }

        private mutating func leave() {
            guard let place = calls.indices.randomElement(using: &generator) else { return }
            state.leave(calls.remove(at: place).ticket)
        }

        private mutating func allow() {
            excess = max(0, state.reading.claimedAccountConcurrency - Self.executions)
        }
    }
}
