import Glibc

/// The control group's files of one environment: no privilege and no round trip is needed to use them.
struct SandboxMeters: ~Copyable, Sendable {
    private let peakFile: Descriptor?
    private let cpuFile: Descriptor?
    private let memoryEvents: Descriptor?
    private let cgroupVersion: UInt32

    /// Takes the three descriptors of the slot.
    init(_ slot: PreparedSlot, cgroupVersion: UInt32) {
        peakFile = SandboxMeters.adopt(slot[.peak])
        cpuFile = SandboxMeters.adopt(slot[.cpu])
        memoryEvents = SandboxMeters.adopt(slot[.oom])
        self.cgroupVersion = cgroupVersion
    }

    borrowing func peak() -> Int {
        guard let text = peakFile?.text() else { return 0 }
        return Int(text.prefix { $0 != "\n" }) ?? 0
    }

    /// How often the kernel has killed something for the limit: a line `oom_kill N` in both versions' files.
    borrowing func memoryKills() -> Int {
        guard let text = memoryEvents?.text() else { return 0 }
        let line = text.split(separator: "\n").first { $0.hasPrefix("oom_kill ") }
        return line.flatMap { Int($0.dropFirst("oom_kill ".count)) } ?? 0
    }

    borrowing func setCPU(millicores: Int) {
        let quota = SandboxMeters.quota(millicores: millicores)
        if cgroupVersion == 2 {
            cpuFile?.put("\(quota.map(String.init) ?? "max") \(LauncherProtocol.periodMicroseconds)")
        } else {
            cpuFile?.put("\(quota ?? -1)")
        }
    }

    /// Microseconds of each period; nil for no limit. The kernel takes no less than 1,000.
    static func quota(millicores: Int) -> Int? {
        millicores <= 0 ? nil : max(1000, millicores * LauncherProtocol.periodMicroseconds / 1000)
    }

    private static func adopt(_ raw: Int32) -> Descriptor? { raw < 0 ? nil : Descriptor(adopting: raw) }
}
