import ApusArchive
import ApusCommand
import Glibc

/// A folder whose files go to the server as one package.
struct CodeFolder: Sendable {
    /// Absolute, without links.
    let path: String

    /// What AWS takes in one request.
    private static let zipLimit = 52_428_800

    init(_ folder: String) throws(CommandFailure) {
        guard let path = realpath(folder, nil) else {
            throw CommandFailure(.local, "the folder \(folder) cannot be used: \(String(cString: strerror(errno)))")
        }
        defer { free(path) }
        self.path = String(cString: path)
    }

    func pack() throws(CommandFailure) -> [UInt8] {
        let bytes: [UInt8]
        do throws(ArchiveError) {
            bytes = try ZipArchive.pack(directory: path)
        } catch {
            throw CommandFailure(.local, error.context)
        }
        guard bytes.count <= Self.zipLimit else {
            let size = Quantity.bytes(bytes.count)
            throw CommandFailure(.local, "the folder packs to \(size); 50 MiB is the most, so move data out of it")
        }
        return bytes
    }
}
