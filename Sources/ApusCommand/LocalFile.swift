import Glibc

package struct LocalFileError: Error {
    package let errno: Int32
    package var reason: String { String(cString: strerror(errno)) }
}

/// Files that a command reads whole.
package enum LocalFile {
    package static func read(_ path: String) throws(LocalFileError) -> [UInt8] {
        let file = open(path, O_RDONLY | O_CLOEXEC)
        guard file >= 0 else { throw LocalFileError(errno: errno) }
        defer { close(file) }
        return try readAll(file)
    }

    package static func standardInput() throws(LocalFileError) -> [UInt8] { try readAll(0) }

    private static func readAll(_ file: Int32) throws(LocalFileError) -> [UInt8] {
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 1 << 16)
        while true {
            let count = buffer.withUnsafeMutableBytes { Glibc.read(file, $0.baseAddress, $0.count) }
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { throw LocalFileError(errno: errno) }
            if count == 0 { return bytes }
            bytes += buffer[..<count]
        }
    }
}
