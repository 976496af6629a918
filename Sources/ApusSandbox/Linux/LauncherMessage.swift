/// The wire of `Sources/CApusLauncher/protocol.h`, which describes it.
enum LauncherProtocol {
    static let version: UInt32 = 3
    static let messageLimit = 128 << 10
    static let descriptorLimit = 16
    static let periodMicroseconds = 20_000

    enum Kind {
        static let hello: UInt32 = 1
        static let prepare: UInt32 = 2
        static let start: UInt32 = 3
        static let kill: UInt32 = 4
        static let terminate: UInt32 = 10
        static let close: UInt32 = 5
        static let restart: UInt32 = 6
        static let specialize: UInt32 = 7
        static let fork: UInt32 = 8
        static let openSocket: UInt32 = 9
        static let reply: UInt32 = 64
        static let exited: UInt32 = 65
    }

    /// Places in the mask of a prepared slot's descriptors.
    enum SlotDescriptor: Int, CaseIterable {
        case runtimeAPI, platformAPI, output, telemetry, peak, cpu, oom, freeze, usage, limit, notice
    }

    /// What a restart needs, in the order of the reply to START and FORK.
    enum Kept: Int, CaseIterable {
        case mounts, network, output, telemetry, temporary
    }

    /// What a slot is prepared for.
    enum SlotPurpose: UInt32 {
        case start = 0
        case fork = 1
    }
}

/// The fields of a request, in order.
struct LauncherFields: Sendable {
    private(set) var bytes: [UInt8] = []

    mutating func put(_ value: UInt32) { append(value) }
    mutating func put(_ value: UInt64) { append(value) }

    /// The launcher wants C strings: what follows a NUL would be lost, so it is refused.
    mutating func put(_ text: String) throws(SandboxError) {
        var text = text
        let start = bytes.count
        put(UInt32(truncatingIfNeeded: text.utf8.count))
        let whole = text.withUTF8 { piece in
            bytes.append(contentsOf: piece)
            return !piece.contains(0)
        }
        bytes.append(0)
        if !whole { throw SandboxError(step: "encode a text", subject: "byte \(start)", errno: LauncherFields.invalid) }
    }

    mutating func put(_ texts: [String]) throws(SandboxError) {
        put(UInt32(truncatingIfNeeded: texts.count))
        for text in texts { try put(text) }
    }

    private static let invalid: Int32 = 22  // EINVAL

    private mutating func append(_ value: some FixedWidthInteger) {
        var value = value.littleEndian
        withUnsafeBytes(of: &value) { bytes.append(contentsOf: $0) }
    }
}

/// A cursor over a message of the launcher. Reading past the end gives nil.
struct LauncherReader {
    private let bytes: [UInt8]
    private var position: Int

    init(_ bytes: [UInt8], at position: Int = 0) {
        self.bytes = bytes
        self.position = position
    }

    mutating func u32() -> UInt32? {
        guard position + 4 <= bytes.count else { return nil }
        var value: UInt32 = 0
        for place in 0..<4 { value |= UInt32(bytes[position + place]) << (8 * UInt32(place)) }
        position += 4
        return value
    }

    mutating func i32() -> Int32? { u32().map { Int32(bitPattern: $0) } }

    mutating func text() -> String? {
        guard let length = u32().map(Int.init), position + length + 1 <= bytes.count else { return nil }
        defer { position += length + 1 }
        return String(decoding: bytes[position..<position + length], as: UTF8.self)
    }

    mutating func rest() -> LauncherReader { LauncherReader(bytes, at: position) }
}
