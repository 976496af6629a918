import ApusStore
import Glibc

/// An open file. Closed when it goes out of scope, and never inherited by a child.
struct Descriptor: ~Copyable, Sendable {
    private let number: Int32
    private let path: String

    /// - Parameters:
    ///   - flags: of `open(2)`; `O_CLOEXEC` is added.
    ///   - mode: permissions of a file that this call creates.
    /// - Throws: `.notFound` when there is no such file, `.failed` otherwise.
    init(_ path: String, _ flags: Int32, mode: mode_t = 0o600) throws(StoreError) {
        let number = retrying { Glibc.open(path, flags | O_CLOEXEC, mode) }
        guard number >= 0 else {
            throw StoreError(errno == ENOENT ? .notFound : .failed, "open \(path): \(lastSystemMessage())")
        }
        self.number = number
        self.path = path
    }

    deinit { Glibc.close(number) }

    func status() throws(StoreError) -> stat {
        var status = stat()
        try check("read status of", fstat(number, &status))
        return status
    }

    /// Writes all of the bytes at the current position.
    func write(_ bytes: UnsafeRawBufferPointer) throws(StoreError) {
        var rest = bytes
        while !rest.isEmpty {
            let count = retrying { Glibc.write(number, rest.baseAddress, rest.count) }
            try check("write", count)
            rest = UnsafeRawBufferPointer(rebasing: rest[count...])
        }
    }

    func write(_ bytes: [UInt8]) throws(StoreError) {
        // Unwraps by hand: `withUnsafeBytes` does not keep the type of what is thrown.
        let outcome = bytes.withUnsafeBytes { buffer in
            Result { () throws(StoreError) in try write(buffer) }
        }
        try outcome.get()
    }

    /// Reads from the start to the end of the file.
    func readAll() throws(StoreError) -> [UInt8] { try read(0..<Int(status().st_size)) }

    /// Reads the bytes at these places; fewer where the file ends before.
    func read(_ places: Range<Int>) throws(StoreError) -> [UInt8] {
        var failure: StoreError?
        let bytes = [UInt8](unsafeUninitializedCapacity: places.count) { buffer, filled in
            while filled < places.count, let start = buffer.baseAddress {
                let count = retrying {
                    pread(number, start + filled, places.count - filled, off_t(places.lowerBound + filled))
                }
                if count < 0 { failure = StoreError(.failed, "read \(path): \(lastSystemMessage())") }
                guard count > 0 else { return }
                filled += count
            }
        }
        if let failure { throw failure }
        return bytes
    }

    func truncate() throws(StoreError) { try check("truncate", ftruncate(number, 0)) }

    /// Returns when the content has reached the disk.
    func sync() throws(StoreError) { try check("sync", fsync(number)) }

    /// Sets the moment of the last change.
    func setModified(seconds: Int, nanoseconds: Int) throws(StoreError) {
        let times = [timespec(tv_sec: seconds, tv_nsec: nanoseconds), timespec(tv_sec: seconds, tv_nsec: nanoseconds)]
        try check("set time of", futimens(number, times))
    }

    /// Takes the advisory lock that lives as long as this descriptor.
    ///
    /// - Returns: false when another holds it.
    func tryLock() throws(StoreError) -> Bool {
        let result = retrying { flock(number, LOCK_EX | LOCK_NB) }
        if result < 0, errno == EWOULDBLOCK { return false }
        try check("lock", result)
        return true
    }

    private func check(_ what: String, _ result: some BinaryInteger) throws(StoreError) {
        guard result >= 0 else { throw StoreError(.failed, "\(what) \(path): \(lastSystemMessage())") }
    }
}

/// Runs a system call again while a signal interrupts it.
func retrying<Number: BinaryInteger>(_ call: () -> Number) -> Number {
    while true {
        let result = call()
        if result >= 0 || errno != EINTR { return result }
    }
}

/// The text of `errno`.
func lastSystemMessage() -> String { String(cString: strerror(errno)) }
