/// Reads the tables that `Scripts/generate-shapes` writes.
///
/// A table is lines of words; the first character of a line says what it is:
///
///     =key value                       metadata of the service
///     @Name METHOD STATUS URI INPUT OUTPUT ERRORS [flag...]
///     >input output limit results      pagination of the operation above
///     #kind Name [flag...]             a shape; the lines below belong to it
///     ~pattern                         its regular expression, to the end of the line
///     |value value...                  its enumeration
///     .Name Shape [flag...]            a member; `.member`, `.key`, `.value` for lists and maps
///
/// `-` stands for nothing, lists are joined by commas, flags are words or `key=value`.
struct ServiceTable {
    var metadata: [String: String] = [:]
    var operations: [OperationModel] = []
    var shapes: [Shape] = []
    var shapePlaces: [String: Int] = [:]

    init(_ text: StaticString) {
        let bytes = UnsafeBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount)
        let lines = bytes.split(separator: UInt8(ascii: "\n"))
        var count = 0
        for line in lines where line.first == UInt8(ascii: "#") {
            let words = Self.words(line)
            shapePlaces[String(words[1])] = count
            count += 1
        }
        shapes.reserveCapacity(count)
        var draft: Draft?
        for line in lines { read(line, &draft) }
        if let draft { shapes.append(draft.shape()) }
    }

    private typealias Line = Slice<UnsafeBufferPointer<UInt8>>

    private static func words(_ line: Line) -> [Substring] {
        String(decoding: line.dropFirst(), as: UTF8.self).parts(at: " ")
    }

    private mutating func read(_ line: Line, _ draft: inout Draft?) {
        switch line.first.map({ Character(Unicode.Scalar($0)) }) {
        case "=":
            let words = String(decoding: line.dropFirst(), as: UTF8.self).parts(at: " ", most: 1)
            metadata[String(words[0])] = String(words[1])
        case "@": operations.append(operation(Self.words(line)))
        case ">": paginate(Self.words(line))
        case "#":
            if let draft { shapes.append(draft.shape()) }
            draft = Draft(Self.words(line))
        case "~": draft?.pattern = String(decoding: line.dropFirst(), as: UTF8.self)
        case "|": draft?.enumeration = Self.words(line).map(String.init)
        case ".": draft?.members.append(member(Self.words(line)))
        default: preconditionFailure("table line: \(String(decoding: line, as: UTF8.self))")
        }
    }

    private func id(_ name: Substring) -> ShapeID? {
        if name == "-" { return nil }
        guard let place = shapePlaces[String(name)] else { preconditionFailure("table without shape \(name)") }
        return ShapeID(index: place)
    }

    private func operation(_ words: [Substring]) -> OperationModel {
        let flags = words.dropFirst(7)
        let uri = String(words[3])
        return OperationModel(
            name: String(words[0]), method: String(words[1]), uri: uri, status: Int(words[2]) ?? 200,
            input: id(words[4]), output: id(words[5]),
            errors: words[6].parts(at: ",").compactMap { id($0) },
            resultWrapper: Self.value("wrapper", flags).map(String.init),
            isDeprecated: flags.contains("deprecated"), isReadOnly: flags.contains("readonly"),
            isIdempotent: flags.contains("idempotent"), pagination: nil, template: PathTemplate(uri))
    }

    private mutating func paginate(_ words: [Substring]) {
        guard let last = operations.popLast() else { preconditionFailure("pagination before an operation") }
        let pagination = Pagination(
            inputToken: String(words[0]), outputToken: String(words[1]),
            limit: words[2] == "-" ? nil : String(words[2]), results: words[3].parts(at: ",").map(String.init))
        operations.append(
            OperationModel(
                name: last.name, method: last.method, uri: last.uri, status: last.status, input: last.input,
                output: last.output, errors: last.errors, resultWrapper: last.resultWrapper,
                isDeprecated: last.isDeprecated, isReadOnly: last.isReadOnly, isIdempotent: last.isIdempotent,
                pagination: pagination, template: last.template))
    }

    private func member(_ words: [Substring]) -> Member {
        let name = String(words[0])
        var location = Member.Location.body
        var wireName: String?
        var required = false
        var flattened = false
        var streaming = false
        var token = false
        var eventPayload = false
        var format: TimestampFormat?
        for flag in words.dropFirst(2) {
            switch flag {
            case "required": required = true
            case "flattened": flattened = true
            case "streaming": streaming = true
            case "token": token = true
            case "eventpayload": eventPayload = true
            default:
                let halves = flag.parts(at: "=", most: 1)
                guard halves.count == 2 else { preconditionFailure("table flag \(flag) of \(name)") }
                if halves[0] == "time" {
                    format = TimestampFormat(rawValue: String(halves[1]))
                } else if let place = Member.Location(rawValue: String(halves[0])) {
                    location = place
                    if halves[1] != "-" { wireName = String(halves[1]) }
                }
            }
        }
        guard let shape = id(words[1]) else { preconditionFailure("member \(name) without a shape") }
        return Member(
            name: name, wireName: wireName ?? name, hasWireName: wireName != nil, shape: shape, location: location,
            isRequired: required, isFlattened: flattened, isStreaming: streaming, isIdempotencyToken: token,
            isEventPayload: eventPayload, timestampFormat: format,
            validationName: name.prefix(1).lowercased() + name.dropFirst())
    }

    private static func value(_ key: String, _ flags: ArraySlice<Substring>) -> Substring? {
        for flag in flags {
            let halves = flag.parts(at: "=", most: 1)
            if halves.count == 2, halves[0] == key { return halves[1] }
        }
        return nil
    }

    /// A shape whose lines are still being read.
    private struct Draft {
        let head: [Substring]
        var pattern: String?
        var enumeration: [String] = []
        var members: [Member] = []

        init(_ head: [Substring]) { self.head = head }

        func shape() -> Shape {
            guard let kind = Shape.Kind(rawValue: String(head[0])) else { preconditionFailure("table kind \(head[0])") }
            let flags = head.dropFirst(2)
            var places: [String: Int] = [:]
            var bodyPlaces: [String: Int] = [:]
            if kind == .structure {
                places.reserveCapacity(members.count)
                bodyPlaces.reserveCapacity(members.count)
                for (place, member) in members.enumerated() {
                    places[member.name] = place
                    if member.location == .body { bodyPlaces[member.wireName] = place }
                }
            }
            let name = String(head[1])
            return Shape(
                name: name, kind: kind, minimum: value("min", flags).flatMap { Int($0) },
                maximum: value("max", flags).flatMap { Int($0) }, pattern: pattern.map(Pattern.init),
                enumeration: enumeration, isOpen: flags.contains("open"),
                timestampFormat: value("time", flags).flatMap { TimestampFormat(rawValue: String($0)) },
                members: members, payload: value("payload", flags).flatMap { places[String($0)] },
                error: error(name, flags), isSensitive: flags.contains("sensitive"),
                isFlattened: flags.contains("flattened"), isEventStream: flags.contains("eventstream"),
                isUnion: flags.contains("union"), memberPlaces: places, bodyPlaces: bodyPlaces)
        }

        private func error(_ name: String, _ flags: ArraySlice<Substring>) -> Shape.ErrorTrait? {
            guard flags.contains("exception") else { return nil }
            return Shape.ErrorTrait(
                code: value("code", flags).map(String.init) ?? name, status: value("status", flags).flatMap { Int($0) },
                isServerFault: flags.contains("fault"))
        }
    }
}
