import ApusModel
internal import CApusLinux
import Glibc

/// An open directory. What lies in it is reached by name, one step at a time, and no link is followed: whatever an archive put
/// there, nothing outside is touched.
struct Folder: ~Copyable {
    /// A name in a directory: neither empty, nor `.` or `..`, without slash and NUL.
    typealias Name = [UInt8]

    enum Kind: Equatable {
        case folder
        case file
        case link
        case special
    }

    private let number: Int32
    private static let flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC

    init(_ path: String) throws(ImageFailure) { try self.init(adopting: open(path, Self.flags), path) }

    /// Makes a directory that must not exist.
    static func create(_ path: String, mode: mode_t = 0o755) throws(ImageFailure) -> Folder {
        guard mkdir(path, mode) == 0 else { throw systemFailure("create \(path)") }
        return try Folder(path)
    }

    private init(adopting number: Int32, _ path: @autoclosure () -> String) throws(ImageFailure) {
        guard number >= 0 else { throw systemFailure("open \(path())") }
        self.number = number
    }

    deinit { close(number) }

    // MARK: Looking

    /// - Returns: nil when there is nothing by that name.
    func kind(_ name: Name) throws(ImageFailure) -> Kind? {
        guard let mode = try status(name)?.st_mode else { return nil }
        switch mode & S_IFMT {
        case S_IFDIR: return .folder
        case S_IFREG: return .file
        case S_IFLNK: return .link
        default: return .special
        }
    }

    /// The permissions of the directory itself.
    func mode() throws(ImageFailure) -> mode_t {
        var status = stat()
        guard fstat(number, &status) == 0 else { throw systemFailure("look at a folder") }
        return status.st_mode & 0o7777
    }

    func names() throws(ImageFailure) -> [Name] {
        // The listing closes the descriptor that it is given.
        guard let list = fdopendir(openat(number, ".", Self.flags)) else { throw systemFailure("list a folder") }
        defer { closedir(list) }
        var names: [Name] = []
        while let entry = readdir(list) {
            let name = withUnsafeBytes(of: &entry.pointee.d_name) { Array($0.prefix { $0 != 0 }) }
            if name != Name.dot, name != Name.dots { names.append(name) }
        }
        return names
    }

    /// Where a link leads.
    func target(_ name: Name) throws(ImageFailure) -> [UInt8] {
        var target = [UInt8](repeating: 0, count: Int(PATH_MAX))
        let count = name.withCString { name in
            target.withUnsafeMutableBytes { bytes in
                bytes.baseAddress.map { readlinkat(number, name, $0, bytes.count) } ?? -1
            }
        }
        guard count >= 0 else { throw systemFailure("read link \(name.text)") }
        return Array(target.prefix(count))
    }

    func folder(_ name: Name) throws(ImageFailure) -> Folder {
        try Folder(adopting: name.withCString { openat(number, $0, Self.flags) }, name.text)
    }

    /// The directory itself, once more.
    func again() throws(ImageFailure) -> Folder { try folder(Name.dot) }

    private func status(_ name: Name) throws(ImageFailure) -> stat? {
        var status = stat()
        let result = name.withCString { fstatat(number, $0, &status, AT_SYMLINK_NOFOLLOW) }
        if result == 0 { return status }
        guard errno == ENOENT else { throw systemFailure("look at \(name.text)") }
        return nil
    }

    // MARK: Changing

    func makeFolder(_ name: Name, mode: mode_t) throws(ImageFailure) -> Folder {
        guard name.withCString({ mkdirat(number, $0, mode) }) == 0 else { throw systemFailure("create \(name.text)") }
        let folder = try folder(name)
        try folder.setMode(mode)
        return folder
    }

    func setMode(_ mode: mode_t) throws(ImageFailure) {
        guard fchmod(number, mode) == 0 else { throw systemFailure("open a folder to others") }
    }

    /// Makes a file that must not exist.
    func makeFile(_ name: Name, mode: mode_t) throws(ImageFailure) -> OpenFile {
        let flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC
        let file = try OpenFile(adopting: name.withCString { openat(number, $0, flags, mode) }, name.text)
        try file.setMode(mode)
        return file
    }

    func makeLink(_ name: Name, to target: [UInt8]) throws(ImageFailure) {
        let result = name.withCString { name in target.withCString { symlinkat($0, number, name) } }
        guard result == 0 else { throw systemFailure("link \(name.text)") }
    }

    /// Gives what lies in another directory one more name here.
    func take(_ other: Name, of folder: borrowing Folder, as name: Name) throws(ImageFailure) {
        let from = folder.number
        let result = name.withCString { name in other.withCString { linkat(from, $0, number, name, 0) } }
        guard result == 0 else { throw systemFailure("link \(name.text)") }
    }

    /// Removes what is there by that name, with everything below it, if anything is.
    func remove(_ name: Name) throws(ImageFailure) {
        let result = name.withCString { unlinkat(number, $0, 0) }
        if result == 0 || errno == ENOENT { return }
        guard errno == EISDIR || errno == EPERM else { throw systemFailure("remove \(name.text)") }
        try folder(name).removeAll()
        let removal = name.withCString { unlinkat(number, $0, AT_REMOVEDIR) }
        guard removal == 0 else { throw systemFailure("remove \(name.text)") }
    }

    /// Removes a directory with everything below it, however deep that is.
    static func remove(_ path: String) throws(ImageFailure) {
        let name = path.split(separator: "/").last.map { Array($0.utf8) } ?? Name.dot
        try Folder(String(path.dropLast(name.count + 1))).remove(name)
    }

    func removeAll() throws(ImageFailure) { for name in try names() { try remove(name) } }

    /// The moment of the last change, as ``stamp(_:)`` has set it.
    func stamped() throws(ImageFailure) -> Timestamp {
        var status = stat()
        guard fstat(number, &status) == 0 else { throw systemFailure("look at a folder") }
        return Timestamp(
            nanoseconds: Int64(status.st_mtim.tv_sec) * 1_000_000_000 + Int64(status.st_mtim.tv_nsec))
    }

    func stamp(_ time: Timestamp) throws(ImageFailure) {
        let moment = timespec(
            tv_sec: Int(time.nanoseconds / 1_000_000_000), tv_nsec: Int(time.nanoseconds % 1_000_000_000))
        guard futimens(number, [moment, moment]) == 0 else { throw systemFailure("stamp a folder") }
    }

    /// Returns when everything that was written to the file system of the directory has reached the disk.
    func syncAll() throws(ImageFailure) {
        let error = capus_sync_file_system(number)
        guard error == 0 else {
            errno = -error
            throw systemFailure("write to the disk")
        }
    }
}

/// A file that is being written.
struct OpenFile: ~Copyable {
    let number: Int32

    init(adopting number: Int32, _ path: @autoclosure () -> String) throws(ImageFailure) {
        guard number >= 0 else { throw systemFailure("open \(path())") }
        self.number = number
    }

    deinit { close(number) }

    func write(_ bytes: UnsafeRawBufferPointer, at offset: Int) throws(ImageFailure) {
        var done = 0
        while done < bytes.count, let start = bytes.baseAddress {
            let count = pwrite(number, start + done, bytes.count - done, off_t(offset + done))
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { throw systemFailure("write a file") }
            done += count
        }
    }

    /// The content of a file.
    ///
    /// - Parameter limit: bytes at the most.
    static func read(_ path: String, limit: Int) throws(ImageFailure) -> [UInt8] {
        let file = try OpenFile(adopting: open(path, O_RDONLY | O_CLOEXEC), path)
        var bytes = [UInt8](repeating: 0, count: limit + 1)
        var count = 0
        while count < bytes.count {
            let more = bytes.withUnsafeMutableBytes {
                Glibc.read(file.number, $0.baseAddress.map { $0 + count }, limit + 1 - count)
            }
            if more < 0, errno == EINTR { continue }
            guard more >= 0 else { throw systemFailure("read \(path)") }
            if more == 0 { return Array(bytes.prefix(count)) }
            count += more
        }
        throw ImageFailure(.invalid, "\(path) is too large")
    }

    func setSize(_ size: Int) throws(ImageFailure) {
        guard ftruncate(number, off_t(size)) == 0 else { throw systemFailure("write a file") }
    }

    func setMode(_ mode: mode_t) throws(ImageFailure) {
        guard fchmod(number, mode) == 0 else { throw systemFailure("open a file to others") }
    }

    func setModified(_ time: timespec) { futimens(number, [time, time]) }
}

extension Folder.Name {
    static let dot: Folder.Name = [UInt8(ascii: ".")]
    static let dots: Folder.Name = [UInt8(ascii: "."), UInt8(ascii: ".")]

    fileprivate func withCString<Value>(_ body: (UnsafePointer<CChar>) -> Value) -> Value {
        (self + [0]).withUnsafeBufferPointer { bytes in
            bytes.withMemoryRebound(to: CChar.self) { text in
                guard let start = text.baseAddress else { preconditionFailure("a terminated text has bytes") }
                return body(start)
            }
        }
    }

    /// For messages: readable, and never longer than a line.
    var text: String {
        let shown = String(decoding: prefix(120), as: UTF8.self)
        let clean = String(shown.unicodeScalars.map { $0.value < 0x20 || $0.value == 0x7F ? "?" : Character($0) })
        return "\"\(clean)\(count > 120 ? "…" : "")\""
    }
}

/// - Parameter context: what was done; the text of `errno` is added.
func systemFailure(_ context: String) -> ImageFailure {
    ImageFailure(.unavailable, "\(context): \(String(cString: strerror(errno)))")
}
