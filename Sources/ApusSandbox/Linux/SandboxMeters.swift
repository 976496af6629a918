import Glibc

/// The control group's files of one environment: no privilege and no round trip is needed to use them.
struct SandboxMeters: ~Copyable, Sendable {
    let memory: MemoryMeter
    private let cpuFile: Descriptor?
    private let freezeFile: Descriptor?
    private let cgroupVersion: UInt32

    /// Takes the descriptors of the slot's control group.
    init(_ slot: PreparedSlot, cgroupVersion: UInt32) {
        memory = MemoryMeter(slot, cgroupVersion: cgroupVersion)
        cpuFile = Descriptor?(found: slot[.cpu])
        freezeFile = Descriptor?(found: slot[.freeze])
        self.cgroupVersion = cgroupVersion
    }

    borrowing func setCPU(millicores: Int) {
        let quota = SandboxMeters.quota(millicores: millicores)
        if cgroupVersion == 2 {
            cpuFile?.put("\(quota.map(String.init) ?? "max") \(LauncherProtocol.periodMicroseconds)")
        } else {
            cpuFile?.put("\(quota ?? -1)")
        }
    }

    borrowing func peak() -> Int { memory.peak() }

    borrowing func currentMemory() -> Int { memory.used() }

    borrowing func memoryKills() -> Int { memory.kills() }

    /// About 0.1 ms until every process inside has stopped; does not wait for it.
    borrowing func freeze() {
        memory.pause(true)
        freezeFile?.put(cgroupVersion == 2 ? "1" : "FROZEN")
    }

    borrowing func thaw() {
        freezeFile?.put(cgroupVersion == 2 ? "0" : "THAWED")
        memory.pause(false)
    }

    /// Microseconds of each period; nil for no limit. The kernel takes no less than 1,000.
    static func quota(millicores: Int) -> Int? {
        millicores <= 0 ? nil : max(1000, millicores * LauncherProtocol.periodMicroseconds / 1000)
    }
}
