import Foundation

/// Runs a short program of the host.
enum Program {
    /// - Returns: what it printed, on either stream; nil when it could not be run or failed.
    static func run(_ arguments: [String]) async -> String? {
        guard let program = arguments.first else { return nil }
        let process = Process()
        process.executableURL = URL(filePath: program)
        process.arguments = Array(arguments.dropFirst())
        process.standardInput = FileHandle.nullDevice
        let output = Pipe()
        process.standardOutput = output
        process.standardError = output
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
        // Versions are a line; what would fill a pipe is not read.
        return String(decoding: output.fileHandleForReading.availableData, as: UTF8.self)
    }
}
