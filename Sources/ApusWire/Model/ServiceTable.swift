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
    private(set) var metadata: [String: String] = [:]
    private(set) var operations: [OperationModel] = []
    private(set) var shapes: [Shape] = []
    private(set) var shapePlaces: [String: Int] = [:]

    init(_ text: StaticString) {
        let lines = TableWord(text).split(at: "\n")
        var count = 0
        for line in lines where line.first == "#" {
            shapePlaces[line.dropFirst().split(at: " ")[1].text] = count
            count += 1
        }
        shapes.reserveCapacity(count)
        var draft: Draft?
        for line in lines { read(line, &draft) }
        if let draft { shapes.append(draft.shape()) }
    }

    private mutating func read(_ line: TableWord, _ draft: inout Draft?) {
        let rest = line.dropFirst()
        switch line.first {
        case "=":
            let (key, value) = rest.halves(at: " ")
            metadata[key.text] = value?.text
        case "@": operations.append(operation(rest.split(at: " ")))
        case ">": paginate(rest.split(at: " "))
        case "#":
            if let draft { shapes.append(draft.shape()) }
            draft = Draft(rest.split(at: " "))
        case "~": draft?.pattern = rest.text
        case "|": draft?.enumeration = rest.split(at: " ").map(\.text)
        case ".": draft?.members.append(member(rest.split(at: " ")))
        default: preconditionFailure("table line: \(line.text)")
        }
    }

    private func id(_ name: TableWord) -> ShapeID? {
        if name == "-" { return nil }
        guard let place = shapePlaces[name.text] else { preconditionFailure("table without shape \(name.text)") }
        return ShapeID(index: place)
    }

    private func operation(_ words: [TableWord]) -> OperationModel {
        let flags = words.dropFirst(7)
        let uri = words[3].text
        return OperationModel(
            name: words[0].text, method: words[1].text, uri: uri, status: Int(words[2].text) ?? 200,
            input: id(words[4]), output: id(words[5]), errors: words[6].split(at: ",").compactMap { id($0) },
            resultWrapper: value("wrapper", flags)?.text, isDeprecated: flags.contains { $0 == "deprecated" },
            isReadOnly: flags.contains { $0 == "readonly" }, isIdempotent: flags.contains { $0 == "idempotent" },
            pagination: nil, template: PathTemplate(uri))
    }

    private mutating func paginate(_ words: [TableWord]) {
        guard let last = operations.popLast() else { preconditionFailure("pagination before an operation") }
        let pagination = Pagination(
            inputToken: words[0].text, outputToken: words[1].text, limit: words[2] == "-" ? nil : words[2].text,
            results: words[3].split(at: ",").map(\.text))
        operations.append(
            OperationModel(
                name: last.name, method: last.method, uri: last.uri, status: last.status, input: last.input,
                output: last.output, errors: last.errors, resultWrapper: last.resultWrapper,
                isDeprecated: last.isDeprecated, isReadOnly: last.isReadOnly, isIdempotent: last.isIdempotent,
                pagination: pagination, template: last.template))
    }

    private func member(_ words: [TableWord]) -> Member {
        let name = words[0].text
        let flags = words.dropFirst(2)
        var location = Member.Location.body
        var wireName: String?
        for place in [Member.Location.body, .header, .headers, .uri, .query, .status] {
            guard !flags.isEmpty, let word = value(place.word, flags) else { continue }
            location = place
            if !(word == "-") { wireName = word.text }
        }
        guard let shape = id(words[1]) else { preconditionFailure("member \(name) without a shape") }
        return Member(
            name: name, wireName: wireName ?? name, hasWireName: wireName != nil, shape: shape, location: location,
            isRequired: flags.contains { $0 == "required" }, isFlattened: flags.contains { $0 == "flattened" },
            isStreaming: flags.contains { $0 == "streaming" }, isIdempotencyToken: flags.contains { $0 == "token" },
            isEventPayload: flags.contains { $0 == "eventpayload" },
            timestampFormat: value("time", flags).flatMap { TimestampFormat(rawValue: $0.text) },
            validationName: words[0].textWithLowerFirst)
    }

    private func value(_ key: StaticString, _ flags: ArraySlice<TableWord>) -> TableWord? {
        for flag in flags {
            let (name, value) = flag.halves(at: "=")
            if let value, name == key { return value }
        }
        return nil
    }

    /// A shape whose lines are still being read.
    private struct Draft {
        let head: [TableWord]
        var pattern: String?
        var enumeration: [String] = []
        var members: [Member] = []

        init(_ head: [TableWord]) { self.head = head }

        func shape() -> Shape {
            guard let kind = Shape.Kind(rawValue: head[0].text) else {
                preconditionFailure("table kind \(head[0].text)")
            }
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
            var flags = Flags()
            for word in head.dropFirst(2) { flags.read(word) }
            let name = head[1].text
            return Shape(
                name: name, kind: kind, minimum: flags.minimum, maximum: flags.maximum,
                pattern: pattern.map(Pattern.init), enumeration: enumeration, isOpen: flags.isOpen,
                timestampFormat: flags.format, members: members, payload: flags.payload.flatMap { places[$0] },
                error: flags.isException
                    ? Shape.ErrorTrait(
                        code: flags.code ?? name, status: flags.status, isServerFault: flags.isServerFault) : nil,
                isSensitive: flags.isSensitive, isFlattened: flags.isFlattened, isEventStream: flags.isEventStream,
                isUnion: flags.isUnion, memberPlaces: places, bodyPlaces: bodyPlaces)
        }
    }

    /// The flags of a shape.
    private struct Flags {
        var minimum: Int?
        var maximum: Int?
        var format: TimestampFormat?
        var payload: String?
        var code: String?
        var status: Int?
        var isOpen = false
        var isException = false
        var isServerFault = false
        var isSensitive = false
        var isFlattened = false
        var isEventStream = false
        var isUnion = false

        mutating func read(_ word: TableWord) {
            let (key, value) = word.halves(at: "=")
            switch (key, value) {
            case (let key, let value?) where key == "min": minimum = Int(value.text)
            case (let key, let value?) where key == "max": maximum = Int(value.text)
            case (let key, let value?) where key == "time": format = TimestampFormat(rawValue: value.text)
            case (let key, let value?) where key == "payload": payload = value.text
            case (let key, let value?) where key == "code": code = value.text
            case (let key, let value?) where key == "status": status = Int(value.text)
            case (let key, nil) where key == "open": isOpen = true
            case (let key, nil) where key == "exception": isException = true
            case (let key, nil) where key == "fault": isServerFault = true
            case (let key, nil) where key == "sensitive": isSensitive = true
            case (let key, nil) where key == "flattened": isFlattened = true
            case (let key, nil) where key == "eventstream": isEventStream = true
            case (let key, nil) where key == "union": isUnion = true
            default: preconditionFailure("table flag \(word.text)")
            }
        }
    }
}

/// A part of a table's text, which lives as long as the program.
private struct TableWord {
    private let bytes: UnsafeBufferPointer<UInt8>

    init(_ text: StaticString) {
        self.bytes = UnsafeBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount)
    }

    private init(_ slice: Slice<UnsafeBufferPointer<UInt8>>) { self.bytes = UnsafeBufferPointer(rebasing: slice) }

    var text: String { String(decoding: bytes, as: UTF8.self) }

    var textWithLowerFirst: String {
        var text = Array(bytes)
        if let first = text.first, first >= 0x41, first <= 0x5A { text[0] = first | 0x20 }
        return String(decoding: text, as: UTF8.self)
    }

    var first: Unicode.Scalar? { bytes.first.map { Unicode.Scalar($0) } }

    func dropFirst() -> TableWord { TableWord(bytes.dropFirst()) }

    func split(at separator: Unicode.Scalar) -> [TableWord] {
        bytes.split(separator: UInt8(ascii: separator)).map { TableWord($0) }
    }

    /// What stands before and after the first separator.
    func halves(at separator: Unicode.Scalar) -> (TableWord, TableWord?) {
        guard let place = bytes.firstIndex(of: UInt8(ascii: separator)) else { return (self, nil) }
        return (TableWord(bytes[..<place]), TableWord(bytes[(place + 1)...]))
    }

    static func == (word: TableWord, text: StaticString) -> Bool {
        word.bytes.count == text.utf8CodeUnitCount
            && word.bytes.elementsEqual(UnsafeBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
    }
}

extension Member.Location {
    fileprivate var word: StaticString {
        switch self {
        case .body: "body"
        case .header: "header"
        case .headers: "headers"
        case .uri: "uri"
        case .query: "query"
        case .status: "status"
        }
    }
}
