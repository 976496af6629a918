import Glibc

/// A place for an environment, made ahead: namespaces of the network, listeners, pipes and control groups. One for a fork has no
/// network and no listeners until the fork brings them.
struct PreparedSlot: Sendable {
    let number: UInt32
    private var descriptors: [Int32]

    /// Reads the reply to PREPARE and takes its descriptors.
    init(_ reply: LauncherConnection.Reply, for purpose: LauncherProtocol.SlotPurpose) throws(SandboxError) {
        var fields = reply.fields
        descriptors = Array(repeating: -1, count: LauncherProtocol.SlotDescriptor.allCases.count)
        let needed: [LauncherProtocol.SlotDescriptor] =
            purpose == .start ? [.runtimeAPI, .platformAPI, .output, .telemetry] : [.output, .telemetry]
        guard let number = fields.u32(), let mask = fields.u32(), mask.nonzeroBitCount == reply.descriptors.count,
            mask >> UInt32(descriptors.count) == 0, needed.allSatisfy({ mask >> UInt32($0.rawValue) & 1 == 1 })
        else {
            reply.descriptors.forEach { Glibc.close($0) }
            throw SandboxError(step: "read a reply", subject: "the launcher", errno: EBADMSG)
        }
        self.number = number
        var remaining = reply.descriptors[...]
        for place in descriptors.indices where mask >> UInt32(place) & 1 == 1 {
            descriptors[place] = remaining.removeFirst()
        }
    }

    /// Adds the listeners of a fork.
    mutating func listen(runtimeAPI: Int32, platformAPI: Int32) {
        descriptors[LauncherProtocol.SlotDescriptor.runtimeAPI.rawValue] = runtimeAPI
        descriptors[LauncherProtocol.SlotDescriptor.platformAPI.rawValue] = platformAPI
    }

    /// The descriptors for whoever serves the environment, to be taken once.
    var served: SandboxDescriptors {
        SandboxDescriptors(
            runtimeAPI: self[.runtimeAPI], platformAPI: self[.platformAPI], output: self[.output],
            telemetry: self[.telemetry])
    }

    subscript(_ place: LauncherProtocol.SlotDescriptor) -> Int32 { descriptors[place.rawValue] }

    /// Closes all; for a slot that is not used.
    func discard() { for descriptor in descriptors where descriptor >= 0 { Glibc.close(descriptor) } }
}
