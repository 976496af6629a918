import Foundation

/// Runs a short program of the host.
enum Program {
    /// - Parameter keepsOutput: for programs that print little, as a pipe holds no more.
    /// - Returns: what it printed, on either stream; nil when it could not be run or failed.
    static func run(_ arguments: [String], keepsOutput: Bool = true) async -> String? {
        guard let program = arguments.first else { return nil }
        let process = Process()
        process.executableURL = URL(filePath: program)
        process.arguments = Array(arguments.dropFirst())
        process.standardInput = FileHandle.nullDevice
        let output = Pipe()
        process.standardOutput = keepsOutput ? output : FileHandle.nullDevice
        process.standardError = keepsOutput ? output : FileHandle.nullDevice
        let status: Int32? = await withCheckedContinuation { continuation in
            process.terminationHandler = { continuation.resume(returning: $0.terminationStatus) }
            do {
                try process.run()
            } catch {
                process.terminationHandler = nil
                continuation.resume(returning: nil)
            }
        }
        guard status == 0 else { return nil }
        guard keepsOutput else { return "" }
        return String(decoding: output.fileHandleForReading.availableData, as: UTF8.self)
    }
}
