/// A path template of a rest protocol, taken apart.
struct PathTemplate: Sendable {
    enum Segment: Sendable, Equatable {
        case literal(String)
        case label(String)
        /// `{Name+}`: the rest of the path, slashes included.
        case greedy(String)
    }

    let segments: [Segment]

    /// Query parameters that the template spells out, such as `List=ALL`; an empty value asks for the name alone.
    let query: [(name: String, value: String)]

    init(_ uri: String) {
        let parts = uri.parts(at: "?", most: 1)
        self.segments = (parts.first ?? "").parts(at: "/").map { part in
            guard part.utf8.first == UInt8(ascii: "{"), part.utf8.last == UInt8(ascii: "}") else {
                return .literal(String(part))
            }
            let name = part.dropFirst().dropLast()
            return name.utf8.last == UInt8(ascii: "+") ? .greedy(String(name.dropLast())) : .label(String(name))
        }
        self.query = (parts.count > 1 ? parts[1] : "").parts(at: "&").map { pair in
            let halves = pair.parts(at: "=", most: 1)
            return (name: String(halves[0]), value: halves.count > 1 ? String(halves[1]) : "")
        }
    }

    /// The labels' values in a path that the template matches, percent-decoded.
    func labels(in path: some StringProtocol) -> [(name: String, value: String)] {
        let parts = PathTemplate.split(path)
        var labels: [(name: String, value: String)] = []
        for (place, segment) in segments.enumerated() where place < parts.count {
            switch segment {
            case .literal: break
            case .label(let name): labels.append((name, Percent.decode(parts[place])))
            case .greedy(let name):
                let tail = segments.count - place - 1
                let rest = parts[place..<max(place, parts.count - tail)]
                labels.append((name, rest.map { Percent.decode($0) }.joined(separator: "/")))
            }
        }
        return labels
    }

    /// The segments of a path, still encoded. A last slash is dropped, empty segments inside stay.
    static func split<Path: StringProtocol>(_ path: Path) -> [Path.SubSequence] {
        var parts = path.parts(at: "/", omittingEmpty: false)
        if parts.first?.isEmpty == true { parts.removeFirst() }
        if parts.last?.isEmpty == true { parts.removeLast() }
        return parts
    }
}

/// Operations of a rest protocol by method and path: a tree with a node for each segment.
struct RouteTable: Sendable {
    private struct Entry: Sendable {
        let method: String
        let operation: Int
        let query: [(name: String, value: String)]
    }

    private struct Node: Sendable {
        var literals: [String: Int] = [:]
        var label: Int?
        var greedy: [Entry] = []
        var entries: [Entry] = []
    }

    private var nodes: [Node] = [Node()]

    init(_ operations: [OperationModel]) {
        for (place, operation) in operations.enumerated() { insert(operation, place) }
    }

    private mutating func insert(_ operation: OperationModel, _ place: Int) {
        let template = operation.template
        let entry = Entry(method: operation.method, operation: place, query: template.query)
        var node = 0
        for segment in template.segments {
            switch segment {
            case .literal(let text):
                if let next = nodes[node].literals[text] {
                    node = next
                } else {
                    nodes.append(Node())
                    nodes[node].literals[text] = nodes.count - 1
                    node = nodes.count - 1
                }
            case .label:
                if let next = nodes[node].label {
                    node = next
                } else {
                    nodes.append(Node())
                    nodes[node].label = nodes.count - 1
                    node = nodes.count - 1
                }
            case .greedy:
                nodes[node].greedy.append(entry)
                return
            }
        }
        nodes[node].entries.append(entry)
    }

    /// The place of the operation that a request's line names; a template that asks for more of the query wins.
    func find(method: String, path: some StringProtocol, query: some StringProtocol) -> Int? {
        let parts = PathTemplate.split(path).map { Percent.decode($0) }
        let parameters = nodes.count > 1 ? Percent.query(query) : []
        return find(parts[...], from: 0, method, parameters)
    }

    private func find(
        _ parts: ArraySlice<String>, from node: Int, _ method: String, _ query: [(name: String, value: String)]
    ) -> Int? {
        guard let part = parts.first else { return best(nodes[node].entries, method, query) }
        let rest = parts.dropFirst()
        if let next = nodes[node].literals[part], let found = find(rest, from: next, method, query) { return found }
        if !part.isEmpty, let next = nodes[node].label, let found = find(rest, from: next, method, query) {
            return found
        }
        return best(nodes[node].greedy, method, query)
    }

    private func best(_ entries: [Entry], _ method: String, _ query: [(name: String, value: String)]) -> Int? {
        var found: Entry?
        for entry in entries where entry.method == method {
            guard entry.query.count >= found?.query.count ?? 0 else { continue }
            let matches = entry.query.allSatisfy { wanted in
                query.contains { $0.name == wanted.name && (wanted.value.isEmpty || $0.value == wanted.value) }
            }
            if matches { found = entry }
        }
        return found?.operation
    }
}

extension ServiceModel {
    /// The operation of a rest protocol that a method and a target name; nil when the service has none there.
    package func route(method: String, path: some StringProtocol, query: some StringProtocol) -> OperationModel? {
        routes.find(method: method, path: path, query: query).map { operations[$0] }
    }
}
