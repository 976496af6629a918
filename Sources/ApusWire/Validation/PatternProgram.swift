/// An automaton made from a regular expression.
struct PatternProgram: Sendable {
    private enum Step: Sendable {
        case set(Int)
        case split(Int, Int)
        case jump(Int)
        case start
        case end
        case ahead(Int, isNegative: Bool)
        case behind(Int, isNegative: Bool)
        case match
    }

    private var steps: [Step] = []
    private var sets: [ScalarSet] = []
    private var programs: [PatternProgram] = []

    init(_ node: PatternNode) {
        append(node)
        steps.append(.match)
    }

    private mutating func append(_ node: PatternNode) {
        switch node {
        case .empty: break
        case .set(let set):
            sets.append(set)
            steps.append(.set(sets.count - 1))
        case .sequence(let parts):
            for part in parts { append(part) }
        case .choice(let branches): append(branches[...])
        case .repetition(let inner, let least, let most): append(inner, least, most)
        case .start: steps.append(.start)
        case .end: steps.append(.end)
        case .ahead(let inner, let isNegative):
            programs.append(PatternProgram(inner))
            steps.append(.ahead(programs.count - 1, isNegative: isNegative))
        case .behind(let set, let isNegative):
            sets.append(set)
            steps.append(.behind(sets.count - 1, isNegative: isNegative))
        }
    }

    private mutating func append(_ branches: ArraySlice<PatternNode>) {
        guard let first = branches.first else { return }
        guard branches.count > 1 else { return append(first) }
        let split = steps.count
        steps.append(.jump(0))
        append(first)
        let jump = steps.count
        steps.append(.jump(0))
        steps[split] = .split(split + 1, steps.count)
        append(branches.dropFirst())
        steps[jump] = .jump(steps.count)
    }

    private mutating func append(_ inner: PatternNode, _ least: Int, _ most: Int?) {
        for _ in 0..<least { append(inner) }
        guard let most else {
            let split = steps.count
            steps.append(.jump(0))
            append(inner)
            steps.append(.jump(split))
            steps[split] = .split(split + 1, steps.count)
            return
        }
        var splits: [Int] = []
        for _ in least..<most {
            splits.append(steps.count)
            steps.append(.jump(0))
            append(inner)
        }
        for split in splits { steps[split] = .split(split + 1, steps.count) }
    }

    func matchesWhole(_ text: [Unicode.Scalar]) -> Bool { run(text, from: 0, whole: true) }

    /// - Parameter whole: the match must end with the text; otherwise any match that begins at `start` counts.
    private func run(_ text: [Unicode.Scalar], from start: Int, whole: Bool) -> Bool {
        var states = States(count: steps.count)
        var next = States(count: steps.count)
        var pending: [Int] = []
        add(0, at: start, text, &states, &pending)
        var position = start
        while true {
            if states.isMatch, !whole || position == text.count { return true }
            guard position < text.count, !states.list.isEmpty else { return false }
            let scalar = text[position]
            position += 1
            next.clear()
            for state in states.list {
                guard case .set(let set) = steps[state], sets[set].contains(scalar) else { continue }
                add(state + 1, at: position, text, &next, &pending)
            }
            swap(&states, &next)
        }
    }

    /// Adds a state and those that follow from it without reading.
    private func add(
        _ first: Int, at position: Int, _ text: [Unicode.Scalar], _ states: inout States, _ pending: inout [Int]
    ) {
        pending.append(first)
        while let state = pending.popLast() {
            guard states.visit(state) else { continue }
            switch steps[state] {
            case .set: states.list.append(state)
            case .match: states.isMatch = true
            case .jump(let target): pending.append(target)
            case .split(let one, let other):
                pending.append(other)
                pending.append(one)
            case .start: if position == 0 { pending.append(state + 1) }
            case .end: if position == text.count { pending.append(state + 1) }
            case .ahead(let program, let isNegative):
                if programs[program].run(text, from: position, whole: false) != isNegative { pending.append(state + 1) }
            case .behind(let set, let isNegative):
                let found = position > 0 && sets[set].contains(text[position - 1])
                if found != isNegative { pending.append(state + 1) }
            }
        }
    }

    /// The states that are alive at one place of the text.
    private struct States {
        var list: [Int] = []
        var isMatch = false
        private var marks: [UInt32]
        private var mark: UInt32 = 1

        init(count: Int) { self.marks = [UInt32](repeating: 0, count: count) }

        mutating func clear() {
            list.removeAll(keepingCapacity: true)
            isMatch = false
            mark &+= 1
            // After 2^32 places the oldest marks would come back to life.
            if mark == 0 {
                marks = [UInt32](repeating: 0, count: marks.count)
                mark = 1
            }
        }

        mutating func visit(_ state: Int) -> Bool {
            guard marks[state] != mark else { return false }
            marks[state] = mark
            return true
        }
    }
}
