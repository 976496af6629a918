package import ApusModel

/// A structure that generated code gives a Swift type.
package protocol WireShape: Sendable {
    /// Takes what the value holds; members of another kind than the shape's are left out.
    init(_ value: ShapeValue)

    var shapeValue: ShapeValue { get }
}

/// The shape of an operation that takes or returns nothing.
package struct EmptyShape: WireShape, Equatable {
    package init() {}
    package init(_ value: ShapeValue) {}
    package var shapeValue: ShapeValue { .structure([:]) }
}

/// An operation with the Swift types of its input and output, for tables of handlers.
package struct Operation<Input: WireShape, Output: WireShape>: Sendable {
    package let name: String

    package init(_ name: String) { self.name = name }
}

/// What members of generated structures are made of.
package protocol WireValue: Sendable {
    init?(wire value: ShapeValue)
    var wire: ShapeValue { get }
}

extension String: WireValue {
    package init?(wire value: ShapeValue) {
        guard case .string(let text) = value else { return nil }
        self = text
    }

    package var wire: ShapeValue { .string(self) }
}

extension Int: WireValue {
    package init?(wire value: ShapeValue) {
        guard case .integer(let number) = value else { return nil }
        self.init(exactly: number)
    }

    package var wire: ShapeValue { .integer(Int64(self)) }
}

extension Double: WireValue {
    package init?(wire value: ShapeValue) {
        switch value {
        case .double(let number): self = number
        case .integer(let number): self = Double(number)
        default: return nil
        }
    }

    package var wire: ShapeValue { .double(self) }
}

extension Bool: WireValue {
    package init?(wire value: ShapeValue) {
        guard case .boolean(let flag) = value else { return nil }
        self = flag
    }

    package var wire: ShapeValue { .boolean(self) }
}

extension Timestamp: WireValue {
    package init?(wire value: ShapeValue) {
        guard case .timestamp(let time) = value else { return nil }
        self = time
    }

    package var wire: ShapeValue { .timestamp(self) }
}

extension Array: WireValue where Element: WireValue {
    package init?(wire value: ShapeValue) {
        guard case .list(let items) = value else { return nil }
        self = items.compactMap { Element(wire: $0) }
    }

    package var wire: ShapeValue { .list(map(\.wire)) }
}

/// A map that keeps the order of its entries: the wire's, which some of AWS's messages repeat.
package struct WireMap<Value: Sendable>: Sendable, ExpressibleByDictionaryLiteral {
    package private(set) var entries: [(key: String, value: Value)]

    package init() { self.entries = [] }

    /// - Parameter entries: the last of equal keys wins, in the place of the first.
    package init(_ entries: [(key: String, value: Value)]) {
        self.entries = entries
        let isDistinct: Bool
        if entries.count <= 8 {
            isDistinct = entries.indices.allSatisfy { place in
                !entries[..<place].contains { $0.key == entries[place].key }
            }
        } else {
            isDistinct = Set(entries.map(\.key)).count == entries.count
        }
        if isDistinct { return }
        self.entries = []
        var places: [String: Int] = [:]
        for (key, value) in entries {
            if let place = places[key] {
                self.entries[place].value = value
            } else {
                places[key] = self.entries.count
                self.entries.append((key, value))
            }
        }
    }

    package init(dictionaryLiteral elements: (String, Value)...) {
        self.init(elements.map { (key: $0.0, value: $0.1) })
    }

    package var count: Int { entries.count }
    package var isEmpty: Bool { entries.isEmpty }
    package var keys: [String] { entries.map(\.key) }

    package subscript(_ key: String) -> Value? {
        get { entries.first { $0.key == key }?.value }
        set {
            let place = entries.firstIndex { $0.key == key }
            switch (place, newValue) {
            case (let place?, let value?): entries[place].value = value
            case (let place?, nil): entries.remove(at: place)
            case (nil, let value?): entries.append((key, value))
            case (nil, nil): break
            }
        }
    }
}

extension WireMap: Equatable where Value: Equatable {
    /// Equal entries in equal order.
    package static func == (a: WireMap, b: WireMap) -> Bool {
        a.entries.elementsEqual(b.entries) { $0.key == $1.key && $0.value == $1.value }
    }
}

extension WireMap: WireValue where Value: WireValue {
    package init?(wire value: ShapeValue) {
        guard case .map(let entries) = value else { return nil }
        self.init(entries.compactMap { entry in Value(wire: entry.value).map { (key: entry.key, value: $0) } })
    }

    package var wire: ShapeValue { .map(entries.map { (key: $0.key, value: $0.value.wire) }) }
}

/// What generated structures are read from and written to.
package struct ShapeMembers: Sendable {
    private var values: [String: ShapeValue]

    package init() { self.values = [:] }

    package init(_ value: ShapeValue) {
        guard case .structure(let members) = value else {
            self.values = [:]
            return
        }
        self.values = members
    }

    package func get<Value: WireValue>(_ name: String) -> Value? { values[name].flatMap { Value(wire: $0) } }
    package func get<Value: WireShape>(_ name: String) -> Value? { values[name].map { Value($0) } }

    package func get<Value: WireShape>(_ name: String) -> [Value]? {
        guard case .list(let items)? = values[name] else { return nil }
        return items.map { Value($0) }
    }

    package func get<Value: WireShape>(_ name: String) -> WireMap<Value>? {
        guard case .map(let entries)? = values[name] else { return nil }
        return WireMap(entries.map { (key: $0.key, value: Value($0.value)) })
    }

    package func get(_ name: String) -> [UInt8]? {
        guard case .blob(let bytes)? = values[name] else { return nil }
        return bytes
    }

    package mutating func set(_ name: String, _ value: (some WireValue)?) {
        if let value { values[name] = value.wire }
    }

    package mutating func set(_ name: String, _ value: (some WireShape)?) {
        if let value { values[name] = value.shapeValue }
    }

    package mutating func set(_ name: String, _ value: [some WireShape]?) {
        if let value { values[name] = .list(value.map(\.shapeValue)) }
    }

    package mutating func set(_ name: String, _ value: WireMap<some WireShape>?) {
        if let value { values[name] = .map(value.entries.map { (key: $0.key, value: $0.value.shapeValue) }) }
    }

    package mutating func set(_ name: String, _ value: [UInt8]?) {
        if let value { values[name] = .blob(value) }
    }

    package var shapeValue: ShapeValue { .structure(values) }
}
