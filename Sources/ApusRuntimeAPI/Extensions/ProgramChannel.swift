import NIOCore

/// How a program inside the sandbox ended, or why it did not begin.
package enum ProgramEnd: Equatable, Sendable {
    case exited(Int32)
    case killed(signal: Int32)
    /// It could not be executed.
    case failed(errno: Int32)
}

/// A line from the program that starts the others (Sources/CApusLauncher/programs.h). Any process inside could have written it.
struct ProgramReport: Equatable {
    /// 0 is the runtime.
    var number: Int
    var end: ProgramEnd

    /// - Returns: nil for what makes no sense.
    init?(_ line: some StringProtocol) {
        let words = line.split(separator: " ", omittingEmptySubsequences: false)
        guard words.count == 3, let number = Int(words[1]), number >= 0, let value = Int32(words[2]), value >= 0
        else { return nil }
        self.number = number
        switch words[0] {
        case "exited": end = .exited(value)
        case "killed": end = .killed(signal: value)
        case "failed": end = .failed(errno: value)
        default: return nil
        }
    }
}

/// The connection of the program that starts the others: orders out, reports in. Lives on the server's event loop.
final class ProgramChannel {
    enum Order: String {
        case run, terminate, kill
    }

    /// Bytes of a line.
    private static let limit = 64

    private let connection: RuntimeAPIConnection
    private let onReport: (ProgramReport) -> Void
    private var line: [UInt8] = []

    init(_ connection: RuntimeAPIConnection, onReport: @escaping (ProgramReport) -> Void) {
        self.connection = connection
        self.onReport = onReport
    }

    func send(_ order: Order, _ number: Int) { connection.send(ByteBuffer(string: "\(order.rawValue) \(number)\n")) }

    /// Takes what has come; what is too long for a line ends the connection.
    func receive(_ bytes: inout ByteBuffer) {
        while let byte = bytes.readInteger(as: UInt8.self) {
            guard byte == UInt8(ascii: "\n") else {
                line.append(byte)
                if line.count > Self.limit { return connection.letGo() }
                continue
            }
            if let report = ProgramReport(String(decoding: line, as: UTF8.self)) { onReport(report) }
            line.removeAll(keepingCapacity: true)
        }
    }
}
