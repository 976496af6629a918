import ApusModel

/// The requests of the driver, encoded.
enum LauncherRequests {
    static func hello(_ settings: LinuxSettings) throws(SandboxError) -> LauncherFields {
        var fields = LauncherFields()
        fields.put(LauncherProtocol.version)
        try fields.put(settings.instance)
        fields.put(settings.firstUser - 1)
        fields.put(UInt32(settings.network ? 1 : 0))
        fields.put(UInt64(settings.memory))
        try fields.put(settings.sources)
        try fields.put(settings.mountPoints)
        return fields
    }

    /// - Parameter isForkable: the program gets a control channel.
    static func start(
        _ specification: SandboxSpecification, slot: UInt32, isForkable: Bool
    ) throws(SandboxError) -> LauncherFields {
        var fields = LauncherFields()
        fields.put(slot)
        try fields.put(specification.id)
        fields.put(UInt32(isForkable ? 1 : 0))
        try put(Place(specification), into: &fields)
        try fields.put(specification.arguments)
        try fields.put(environment(specification.variables))
        try fields.put(specification.image?.workingDirectory ?? "")
        return fields
    }

    static func boot(_ cell: CellSpecification, slot: UInt32) throws(SandboxError) -> LauncherFields {
        var fields = LauncherFields()
        fields.put(slot)
        try fields.put(cell.id)
        fields.put(UInt32(1))
        try put(Place(cell), into: &fields)
        try fields.put(cell.arguments)
        try fields.put(environment(cell.variables))
        try fields.put("")
        return fields
    }

    /// - Parameter hasFiles: the environment has the function's files already.
    static func specialize(
        _ specification: SandboxSpecification, slot: UInt32, hasFiles: Bool
    ) throws(SandboxError) -> LauncherFields {
        var place = Place(specification)
        if hasFiles { (place.code, place.mounts) = ("", []) }
        var fields = LauncherFields()
        fields.put(slot)
        try put(place, into: &fields)
        return fields
    }

    static func fork(_ slot: UInt32, of origin: UInt32) -> LauncherFields {
        var fields = LauncherFields()
        fields.put(slot)
        fields.put(origin)
        return fields
    }

    static func slot(_ slot: UInt32) -> LauncherFields {
        var fields = LauncherFields()
        fields.put(slot)
        return fields
    }

    /// The message by which a cell becomes a function's environment; see docs/decisions/0006.
    static func variables(_ variables: [(name: String, value: String)]) -> [UInt8] {
        [UInt8(ascii: "S")] + environment(variables).flatMap { Array($0.utf8) + [0] }
    }

    private static func environment(_ variables: [(name: String, value: String)]) -> [String] {
        let own = [("AWS_LAMBDA_RUNTIME_API", "127.0.0.1:9001"), ("AWS_ENDPOINT_URL", "http://127.0.0.1:4566")]
        let others = variables.filter { variable in !own.contains { $0.0 == variable.name } }
        return (others.map { ($0.name, $0.value) } + own).map { "\($0.0)=\($0.1)" }
    }

    /// The files and limits of an environment.
    private struct Place {
        var memory: Int
        var millicores: Int
        var temporaryBytes: Int
        var processes: Int
        var descriptors: Int
        var code: String
        var mounts: [SandboxSpecification.Mount]

        init(_ specification: SandboxSpecification) {
            memory = specification.memory.bytes
            millicores = specification.millicores
            temporaryBytes = specification.temporaryBytes
            processes = specification.processes
            descriptors = specification.descriptors
            code = specification.code
            let root = specification.image.map { SandboxSpecification.Mount(source: $0.root, target: "/") }
            mounts = (root.map { [$0] } ?? []) + specification.mounts
        }

        /// The launcher itself limits what is nobody's yet, but for the descriptors.
        init(_ cell: CellSpecification) {
            (memory, millicores, temporaryBytes, processes) = (0, 0, 0, 0)
            descriptors = 1024
            code = ""
            mounts = cell.mounts
        }
    }

    private static func put(_ place: Place, into fields: inout LauncherFields) throws(SandboxError) {
        fields.put(UInt64(place.memory))
        fields.put(UInt64(bitPattern: Int64(SandboxMeters.quota(millicores: place.millicores) ?? -1)))
        fields.put(UInt64(place.temporaryBytes))
        fields.put(UInt32(place.processes))
        fields.put(UInt32(place.descriptors))
        try fields.put(place.code)
        fields.put(UInt32(place.mounts.count))
        for mount in place.mounts {
            try fields.put(mount.source)
            try fields.put(mount.target)
        }
    }
}
