import Foundation
import Glibc

/// What a test needs of the host. A test that cannot run says which is missing.
enum HostFeature: String {
    case root = "root"
    case launcher = "the launcher (build the product apus-launcher, or set APUS_LAUNCHER)"
    case python = "/usr/bin/python3"
    case namespaces = "ip and nsenter"
    case nft = "nft"
    case memoryLimit = "a writable memory cgroup"
    case cpuLimit = "a writable cpu cgroup"
    case processLimit = "a writable pids cgroup"
    case freezer = "a writable freezer cgroup"
    case userNamespaces = "user namespaces (user.max_user_namespaces)"

    static let linux: [HostFeature] = [.root, .launcher, .python]
    static let network: [HostFeature] = linux + [.namespaces, .nft]

    /// The first that is absent, as the reason for a skipped test.
    static func missing(_ wanted: [HostFeature]) -> String? {
        wanted.first { !$0.isPresent }.map { "the host lacks \($0.rawValue)" }
    }

    static let launcherPath: String = {
        if let path = ProcessInfo.processInfo.environment["APUS_LAUNCHER"] { return path }
        let root = URL(fileURLWithPath: #filePath).resolvingSymlinksInPath()
            .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent()
        return root.appendingPathComponent(".build/release/apus-launcher").path
    }()

    static func find(_ tool: String) -> String? {
        ["/usr/sbin", "/sbin", "/usr/bin", "/bin"].map { "\($0)/\(tool)" }.first { access($0, X_OK) == 0 }
    }

    var isPresent: Bool {
        switch self {
        case .root: geteuid() == 0
        case .launcher: access(HostFeature.launcherPath, X_OK) == 0
        case .python: access("/usr/bin/python3", X_OK) == 0
        case .namespaces: HostFeature.find("ip") != nil && HostFeature.find("nsenter") != nil
        case .nft: HostFeature.find("nft") != nil
        case .memoryLimit: HostFeature.hasController("memory")
        case .cpuLimit: HostFeature.hasController("cpu")
        case .processLimit: HostFeature.hasController("pids")
        case .userNamespaces:
            (try? String(contentsOfFile: "/proc/sys/user/max_user_namespaces", encoding: .utf8)).map { $0 != "0\n" }
                ?? false
        case .freezer: HostFeature.hasController("freezer") || HostFeature.hasController("memory", version: 2)
        }
    }

    /// A hierarchy of v1, or a controller that v2 offers.
    private static func hasController(_ name: String, version: Int? = nil) -> Bool {
        let mounts = (try? String(contentsOfFile: "/proc/self/mounts", encoding: .utf8)) ?? ""
        let first = mounts.split(separator: "\n").contains { line in
            let fields = line.split(separator: " ")
            return fields.count > 3 && fields[2] == "cgroup"
                && fields[3].split(separator: ",").contains(Substring(name))
        }
        let second = (try? String(contentsOfFile: "/sys/fs/cgroup/cgroup.controllers", encoding: .utf8)) ?? ""
        return version != 2 && first || second.split(whereSeparator: \.isWhitespace).contains(Substring(name))
    }
}
