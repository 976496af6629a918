import FoundationEssentials
import Glibc

struct Event: Decodable {
    var `do`: String
    var with: Value?
}

/// Any JSON value.
enum Value: Codable {
    case nothing
    case truth(Bool)
    case integer(Int64)
    case number(Double)
    case text(String)
    case list([Value])
    case object([String: Value])

    init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        if container.decodeNil() {
            self = .nothing
        } else if let truth = try? container.decode(Bool.self) {
            self = .truth(truth)
        } else if let integer = try? container.decode(Int64.self) {
            self = .integer(integer)
        } else if let number = try? container.decode(Double.self) {
            self = .number(number)
        } else if let text = try? container.decode(String.self) {
            self = .text(text)
        } else if let list = try? container.decode([Value].self) {
            self = .list(list)
        } else {
            self = .object(try container.decode([String: Value].self))
        }
    }

    func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        switch self {
        case .nothing: try container.encodeNil()
        case .truth(let truth): try container.encode(truth)
        case .integer(let integer): try container.encode(integer)
        case .number(let number): try container.encode(number)
        case .text(let text): try container.encode(text)
        case .list(let list): try container.encode(list)
        case .object(let object): try container.encode(object)
        }
    }

    var text: String { if case .text(let text) = self { text } else { "" } }

    var number: Double {
        switch self {
        case .integer(let integer): Double(integer)
        case .number(let number): number
        default: 0
        }
    }
}

struct Refused: Error, CustomStringConvertible {
    let description: String
}

final class Function {
    private let token = String(UInt64.random(in: .min ... .max), radix: 16)
    private var calls: Int64 = 0

    func handle(_ event: Event) throws -> Value {
        let with = event.with ?? .nothing
        switch event.do {
        case "echo": return with
        case "fail": throw Refused(description: "no, ünï")
        case "sleep": usleep(UInt32(with.number * 1_000_000))
        case "exit": exit(Int32(with.number))
        case "grow": grow()
        case "remember":
            calls += 1
            return .list([.text(token), .integer(calls)])
        case "write": try Data(with.text.utf8).write(to: URL(filePath: "/tmp/kept"))
        case "read": return file("/tmp/kept")
        case "layer": return file("/opt/greeting.txt")
        case "variables": return .object(ProcessInfo.processInfo.environment.mapValues(Value.text))
        case "trace": return .text(ProcessInfo.processInfo.environment["_X_AMZN_TRACE_ID"] ?? "")
        case "print": print(with.text)
        case "complain": write(2, with.text + "\n", with.text.utf8.count + 1)
        case "log": for level in ["debug", "info", "warn", "error"] { print(level, with.text) }
        default: throw Refused(description: "no action \(event.do)")
        }
        return .nothing
    }

    private func grow() -> Never {
        while true {
            let block = UnsafeMutableRawPointer.allocate(byteCount: 16 << 20, alignment: 4096)
            memset(block, 1, 16 << 20)
        }
    }

    private func file(_ path: String) -> Value {
        guard let text = try? String(contentsOf: URL(filePath: path), encoding: .utf8) else { return .nothing }
        return .text(text)
    }
}

let function = Function()
try Runtime().serve(function.handle)
