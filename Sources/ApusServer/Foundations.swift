package import ApusSandbox
import Glibc

/// What has to be done while the process has one thread: the launcher is started, then the server gives its privileges up.
package struct Foundations: Sendable {
    let settings: ServerSettings
    let places: Places
    let runtimes: RuntimeCatalog
    package let driver: any SandboxDriver

    /// - Parameter instanceSuffix: set for what is done beside a server with the same data folder.
    /// - Throws: ``StartError`` with what to do about it.
    package init(_ settings: ServerSettings, instanceSuffix: String = "") throws {
        guard !settings.isDevelopment || settings.isLoopback else {
            throw StartError(
                "--dev takes everybody for an administrator, so it listens on loopback only, not on \(settings.host)")
        }
        self.settings = settings
        Self.raiseDescriptorLimit()
        places = try Places(settings, instanceSuffix: instanceSuffix)
        runtimes = try RuntimeCatalog(
            folder: places.runtimes, aliases: settings.runtimeAliases, interpreters: settings.interpreters)
        driver = try Self.makeDriver(settings, places, prefixes: runtimes.prefixes)
    }

    /// Each environment costs about twenty descriptors; shells give a process 1,024 and let it have more.
    private static func raiseDescriptorLimit() {
        var limit = rlimit()
        guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return }
        limit.rlim_cur = limit.rlim_max
        setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
    }

    private static func makeDriver(
        _ settings: ServerSettings, _ places: Places, prefixes: Set<String>
    ) throws -> any SandboxDriver {
        switch settings.driver {
        case .linux:
            guard geteuid() == 0 else {
                throw StartError("--driver linux needs root. Run it with sudo, or choose --driver userns.")
            }
            return try makeLinuxDriver(settings, places, prefixes: prefixes, in: .host)
        case .userns:
            return try makeLinuxDriver(settings, places, prefixes: prefixes, in: .userNamespace)
        case .process:
            do throws(SandboxError) {
                let endpoint = "http://\(settings.host):\(settings.port)"
                return try ProcessDriver(folder: "\(places.code)-tmp", endpoint: endpoint, launcher: places.launcher)
            } catch {
                throw StartError("environments cannot be started: \(error)")
            }
        }
    }

    private static func makeLinuxDriver(
        _ settings: ServerSettings, _ places: Places, prefixes: Set<String>, in place: Launcher.Place
    ) throws -> LinuxDriver {
        do throws(SandboxError) {
            let launcher = try Launcher(path: places.launcher, in: place)
            try Privilege.drop()
            return try LinuxDriver(
                launcher,
                LinuxSettings(
                    instance: places.instance,
                    sources: [places.code, places.runtimes, places.unpackedImages] + prefixes.sorted()))
        } catch {
            if error.errno == EADDRINUSE {
                throw StartError(
                    "another server is running with the data folder \(places.data); stop it first, or choose another with --data"
                )
            }
            let remedy = place == .host ? "`apus doctor` says more." : userNamespaceRemedy
            throw StartError("environments cannot be isolated on this host: \(error). \(remedy)")
        }
    }

    private static let userNamespaceRemedy =
        "Without root that takes user namespaces: see user.max_user_namespaces, kernel.unprivileged_userns_clone and "
        + "kernel.apparmor_restrict_unprivileged_userns (sysctl), or, in a container, what it allows. "
        + "Otherwise run it with sudo, or choose --driver process, which isolates nothing."
}
