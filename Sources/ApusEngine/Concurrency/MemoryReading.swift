import Glibc

/// The memory of the host, in bytes.
package struct MemoryReading: Equatable, Sendable {
    package var total: Int

    /// What can be used without swapping, by the kernel's estimate.
    package var available: Int

    package init(total: Int, available: Int) {
        self.total = total
        self.available = available
    }

    /// - Parameter meminfo: the text of `/proc/meminfo`.
    /// - Returns: nil when a line that is needed is missing.
    package init?(meminfo: String) {
        var numbers: [Substring: Int] = [:]
        for line in meminfo.split(separator: "\n") {
            let words = line.split(separator: " ", maxSplits: 2)
            guard words.count > 1, let kilobytes = Int(words[1]) else { continue }
            numbers[words[0]] = kilobytes << 10
            if numbers.count == 3 { break }
        }
        guard let total = numbers["MemTotal:"], let available = numbers["MemAvailable:"] else { return nil }
        self.init(total: total, available: available)
    }

    /// Reads `/proc/meminfo`, in some 20 µs.
    ///
    /// - Returns: nil where the host has none.
    package static func current() -> MemoryReading? {
        let descriptor = open("/proc/meminfo", O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        // The lines that are wanted are among the first three.
        return withUnsafeTemporaryAllocation(byteCount: 256, alignment: 1) { buffer in
            let count = read(descriptor, buffer.baseAddress, buffer.count)
            return count > 0 ? MemoryReading(meminfo: String(decoding: buffer[..<count], as: UTF8.self)) : nil
        }
    }
}
