import ApusStore
import Glibc
import Synchronization

/// The folder of one embedded store, held by one process at a time.
///
/// ```
/// apus.lock     held while a server runs; names its process
/// apus.sqlite   rows, queues, logs, leases
/// root.key      32 random bytes that everything sealed depends on
/// blobs/aa/…    sealed blobs by the hash of their content
/// ```
final class StoreFolder: Sendable {
    let path: String
    private let lock: Mutex<Descriptor?>

    var databasePath: String { "\(path)/apus.sqlite" }
    var rootKeyPath: String { "\(path)/root.key" }
    var blobsPath: String { "\(path)/blobs" }

    /// Creates the folder where there is none, and locks it.
    ///
    /// - Throws: `.busy` when another server holds it; the context names its process.
    init(_ path: String) throws(StoreError) {
        self.path = path
        try StoreFolder.create(path)
        let descriptor = try Descriptor("\(path)/apus.lock", O_RDWR | O_CREAT)
        guard try descriptor.tryLock() else {
            let holder = String(decoding: try descriptor.readAll(), as: UTF8.self)
            let name = holder.isEmpty ? "another server" : "the server with process id \(holder.prefix { $0 != "\n" })"
            throw StoreError(.busy, "open store \(path): \(name) is using it")
        }
        try descriptor.truncate()
        try descriptor.write(Array("\(getpid())\n".utf8))
        self.lock = Mutex(descriptor)
    }

    /// Lets another server have the folder.
    func unlock() { lock.withLock { $0 = nil } }

    /// Makes an empty database that only its owner may read. SQLite gives its other files the same permissions.
    func createDatabaseFile() throws(StoreError) {
        let descriptor = try Descriptor(databasePath, O_RDWR | O_CREAT)
        try descriptor.sync()
        try StoreFolder.sync(path)
    }

    /// Creates a folder and those above it, readable by the owner only. One that exists keeps its permissions: it may
    /// be shared with others, and its files are private by themselves.
    static func create(_ path: String) throws(StoreError) {
        if mkdir(path, 0o700) == 0 {
            try sync(parent(of: path))
        } else if errno == ENOENT, parent(of: path) != path {
            try create(parent(of: path))
            try create(path)
        } else if errno != EEXIST {
            throw StoreError(.failed, "create folder \(path): \(lastSystemMessage())")
        }
    }

    /// Returns when the names in a folder have reached the disk.
    static func sync(_ path: String) throws(StoreError) {
        try Descriptor(path, O_RDONLY | O_DIRECTORY).sync()
    }

    /// The names in a folder, in no order.
    static func names(in path: String) throws(StoreError) -> [String] {
        guard let folder = opendir(path) else { throw StoreError(.failed, "list \(path): \(lastSystemMessage())") }
        defer { closedir(folder) }
        var names: [String] = []
        while let entry = readdir(folder) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) {
                $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            if name != ".", name != ".." { names.append(name) }
        }
        return names
    }

    private static func parent(of path: String) -> String {
        guard let slash = path.lastIndex(of: "/") else { return "." }
        return slash == path.startIndex ? "/" : String(path[..<slash])
    }
}
