package import ApusModel

extension ServiceModel {
    /// Checks a value against the constraints of its shape.
    ///
    /// - Returns: the fault with all violations in one message, in the order of the members; nil when there are none.
    /// - Source: recorded responses; the order of values in an enumeration and of violations of one member varies at AWS.
    package func validate(_ value: ShapeValue, _ shape: ShapeID) -> Fault? {
        var validator = Validator(service: self)
        validator.check(value, self[shape], "")
        let violations = validator.violations
        guard !violations.isEmpty else { return nil }
        let noun = violations.count == 1 ? "error" : "errors"
        return Fault(
            validationCode, status: 400,
            "\(violations.count) validation \(noun) detected: \(violations.joined(separator: "; "))")
    }
}

private struct Validator {
    let service: ServiceModel
    var violations: [String] = []

    /// Longest value that a message repeats, in bytes.
    private static let longestValue = 65_536

    init(service: ServiceModel) { self.service = service }

    mutating func check(_ value: ShapeValue, _ shape: Shape, _ path: String) {
        switch value {
        case .structure(let members):
            for member in shape.members {
                let place = path.isEmpty ? member.validationName : "\(path).\(member.validationName)"
                if let inner = members[member.name] {
                    check(inner, service[member.shape], place)
                } else if member.isRequired {
                    violations.append("Value null at '\(place)' failed to satisfy constraint: Member must not be null")
                }
            }
        case .list(let items):
            report(flaws(value, shape), value, shape, path)
            guard let member = shape.members.first else { return }
            let inner = service[member.shape]
            if inner.isAggregate {
                for (place, item) in items.enumerated() { check(item, inner, "\(path).\(place + 1).member") }
            } else if items.contains(where: { !flaws($0, inner).isEmpty }) {
                let phrase = "Member must satisfy constraint: [\(all(inner, orNull: false).joined(separator: ", "))]"
                report([phrase], value, shape, path)
            }
        case .map(let entries):
            report(flaws(value, shape), value, shape, path)
            guard shape.members.count == 2 else { return }
            let key = service[shape.mapKey.shape]
            if entries.contains(where: { !flaws(.string($0.key), key).isEmpty }) {
                let phrase = "Map keys must satisfy constraint: [\(all(key, orNull: true).joined(separator: ", "))]"
                report([phrase], value, shape, path)
            }
            let inner = service[shape.mapValue.shape]
            if inner.isAggregate {
                for entry in entries { check(entry.value, inner, "\(path).\(entry.key).member") }
            } else if entries.contains(where: { !flaws($0.value, inner).isEmpty }) {
                let phrase = "Map value must satisfy constraint: [\(all(inner, orNull: false).joined(separator: ", "))]"
                report([phrase], value, shape, path)
            }
        default:
            report(flaws(value, shape), value, shape, path)
        }
    }

    private mutating func report(_ phrases: [String], _ value: ShapeValue, _ shape: Shape, _ path: String) {
        guard !phrases.isEmpty else { return }
        let hidden = shape.isSensitive || shape.members.contains { service[$0.shape].isSensitive }
        let head = hidden ? "Value at" : "Value '\(text(value, shape))' at"
        for phrase in phrases { violations.append("\(head) '\(path)' failed to satisfy constraint: \(phrase)") }
    }

    /// The constraints that a value breaks.
    private func flaws(_ value: ShapeValue, _ shape: Shape) -> [String] {
        var phrases: [String] = []
        switch value {
        case .string(let text):
            if !shape.enumeration.isEmpty, !shape.isOpen, !shape.enumeration.contains(text) {
                phrases.append(enumeration(shape))
            }
            let count = shape.minimum == nil && shape.maximum == nil ? 0 : text.unicodeScalars.count
            // A text far beyond its limit is refused without walking through it.
            let isHuge = text.utf8.count > Self.longestValue && count > shape.maximum ?? .max
            if let pattern = shape.pattern, !isHuge, !pattern.matches(text) {
                phrases.append(self.pattern(pattern))
            }
            phrases += length(count, shape)
        case .blob(let bytes): phrases += length(bytes.count, shape)
        case .list(let items): phrases += length(items.count, shape)
        case .map(let entries): phrases += length(entries.count, shape)
        case .integer(let number):
            if let least = shape.minimum, number < least { phrases.append(bound(least, shape, "value greater")) }
            if let most = shape.maximum, number > most { phrases.append(bound(most, shape, "value less")) }
        case .double(let number):
            if let least = shape.minimum, number < Double(least) {
                phrases.append(bound(least, shape, "value greater"))
            }
            if let most = shape.maximum, number > Double(most) { phrases.append(bound(most, shape, "value less")) }
        case .boolean, .timestamp, .structure: break
        }
        return phrases
    }

    private func length(_ count: Int, _ shape: Shape) -> [String] {
        if let least = shape.minimum, count < least { return [bound(least, shape, "length greater")] }
        if let most = shape.maximum, count > most { return [bound(most, shape, "length less")] }
        return []
    }

    /// Every constraint of a shape inside a container, which AWS lists whichever is broken.
    ///
    /// - Parameter orNull: true leaves out that null is refused. AWS also leaves it out for shapes that may be empty.
    private func all(_ shape: Shape, orNull: Bool) -> [String] {
        var phrases: [String] = []
        let isNumber = shape.kind != .string && shape.kind != .blob
        let noun = isNumber ? "value" : "length"
        if let most = shape.maximum { phrases.append(bound(most, shape, "\(noun) less")) }
        if let least = shape.minimum { phrases.append(bound(least, shape, "\(noun) greater")) }
        if let pattern = shape.pattern { phrases.append(self.pattern(pattern)) }
        if !shape.enumeration.isEmpty { phrases.append(enumeration(shape)) }
        if !orNull, isNumber || shape.minimum != 0 { phrases.append("Member must not be null") }
        return phrases
    }

    private func bound(_ limit: Int, _ shape: Shape, _ relation: String) -> String {
        let isFraction = shape.kind == .double || shape.kind == .float
        return "Member must have \(relation) than or equal to \(isFraction ? "\(Double(limit))" : "\(limit)")"
    }

    private func pattern(_ pattern: Pattern) -> String {
        "Member must satisfy regular expression pattern: \(pattern.source)"
    }

    private func enumeration(_ shape: Shape) -> String {
        "Member must satisfy enum value set: [\(shape.enumeration.joined(separator: ", "))]"
    }

    /// A value as Java prints it.
    private func text(_ value: ShapeValue, _ shape: Shape) -> String {
        var text = ""
        write(value, shape, to: &text)
        return text
    }

    private func write(_ value: ShapeValue, _ shape: Shape, to text: inout String) {
        guard text.utf8.count < Self.longestValue else { return }
        switch value {
        case .boolean(let flag): text += flag ? "true" : "false"
        case .integer(let number): text += String(number)
        case .double(let number): text += "\(number)"
        case .string(let string):
            text += string.utf8.count <= Self.longestValue ? string : String(string.prefix(Self.longestValue))
        case .timestamp(let time): text += time.civil.iso8601
        case .blob(let bytes): text += "java.nio.HeapByteBuffer[pos=0 lim=\(bytes.count) cap=\(bytes.count)]"
        case .list(let items):
            text += "["
            for (place, item) in items.enumerated() {
                if place > 0 { text += ", " }
                write(item, service[shape.item.shape], to: &text)
            }
            text += "]"
        case .map(let entries):
            text += "{"
            for (place, entry) in entries.enumerated() {
                text += place > 0 ? ", \(entry.key)=" : "\(entry.key)="
                write(entry.value, service[shape.mapValue.shape], to: &text)
            }
            text += "}"
        case .structure(let members):
            text += "\(shape.name)("
            for (place, member) in shape.members.enumerated() {
                text += place > 0 ? ", \(member.validationName)=" : "\(member.validationName)="
                let inner = service[member.shape]
                if let value = members[member.name], !inner.isSensitive {
                    write(value, inner, to: &text)
                } else {
                    text += members[member.name] == nil ? "null" : "***"
                }
            }
            text += ")"
        }
    }
}

extension Shape {
    /// True for shapes that hold members with paths of their own.
    fileprivate var isAggregate: Bool { kind == .structure || kind == .list || kind == .map }
}
