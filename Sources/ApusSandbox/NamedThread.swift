internal import CApusLinux
import Glibc

/// Runs blocking work apart from the cooperative pool, whose threads are as many as the cores.
enum NamedThread {
    /// - Parameter name: up to 15 bytes, as `ps -L` shows it.
    static func start(_ name: String, _ body: @escaping @Sendable () -> Void) {
        var attributes = pthread_attr_t()
        pthread_attr_init(&attributes)
        defer { pthread_attr_destroy(&attributes) }
        pthread_attr_setdetachstate(&attributes, Int32(PTHREAD_CREATE_DETACHED))
        pthread_attr_setstacksize(&attributes, 256 << 10)
        let box = Unmanaged.passRetained(Box(name: name, body: body))
        var thread = pthread_t()
        let error = pthread_create(
            &thread, &attributes,
            { argument in
                guard let argument else { return nil }
                let box = Unmanaged<Box>.fromOpaque(argument).takeRetainedValue()
                capus_name_thread(box.name)
                box.body()
                return nil
            }, box.toOpaque())
        precondition(error == 0, "start thread \(name): \(String(cString: strerror(error)))")
    }

    private final class Box: Sendable {
        let name: String
        let body: @Sendable () -> Void

        init(name: String, body: @escaping @Sendable () -> Void) {
            self.name = name
            self.body = body
        }
    }
}
