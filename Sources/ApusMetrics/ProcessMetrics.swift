package import ApusModel
import Glibc

/// The server's own process, by the names that Prometheus's client libraries use.
package final class ProcessMetrics: MetricSource {
    private let startTime: Timestamp

    /// - Parameter startTime: when the process was started.
    package init(startTime: Timestamp) { self.startTime = startTime }

    package func collect(into collection: inout MetricCollection) {
        collection.add(.processStartTime, [:], .number(Double(startTime.milliseconds) / 1e3))
        collection.add(.processCPU, [:], .number(Self.cpuSeconds))
        if let bytes = Self.residentBytes { collection.add(.processMemory, [:], .count(bytes)) }
        if let count = Self.openDescriptors { collection.add(.processDescriptors, [:], .count(count)) }
    }

    private static var cpuSeconds: Double {
        var time = timespec()
        clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time)
        return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
    }

    private static var residentBytes: Int? {
        let descriptor = open("/proc/self/statm", O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        return withUnsafeTemporaryAllocation(byteCount: 128, alignment: 1) { buffer in
            let count = read(descriptor, buffer.baseAddress, buffer.count)
            guard count > 0 else { return nil }
            let words = String(decoding: buffer[..<count], as: UTF8.self).split(separator: " ")
            return words.count > 1 ? Int(words[1]).map { $0 * Int(sysconf(Int32(_SC_PAGESIZE))) } : nil
        }
    }

    private static var openDescriptors: Int? {
        guard let folder = opendir("/proc/self/fd") else { return nil }
        defer { closedir(folder) }
        var count = 0
        while readdir(folder) != nil { count += 1 }
        // `.`, `..`, and the descriptor of the folder itself.
        return count - 3
    }
}

extension MetricDescription {
    fileprivate static let processStartTime = Self(
        "process_start_time_seconds", .gauge, "When the process was started, in seconds since 1970.")
    fileprivate static let processCPU = Self(
        "process_cpu_seconds_total", .counter, "Processor time that the process has used.")
    fileprivate static let processMemory = Self(
        "process_resident_memory_bytes", .gauge, "Memory of the process that is in RAM.")
    fileprivate static let processDescriptors = Self("process_open_fds", .gauge, "Open file descriptors.")
}
