import ApusArchive
import ApusModel
import Glibc

/// An image in an OCI image layout: a folder with `index.json` and `blobs`, or a tar file of one.
struct LayoutSource<Files: LayoutFiles>: ImageSource {
    let files: Files
    let uri: ImageURI
    let threads: FileThreads

    func root() async throws(ImageFailure) -> Document {
        if let digest = uri.digest { return try await manifest(digest) }
        var index = try ImageIndex(try await read("index.json").bytes)
        if let tag = uri.tag {
            index.entries = index.entries.filter { $0.name == tag || $0.name?.hasSuffix(":\(tag)") == true }
        }
        guard let first = index.entries.first else {
            throw ImageFailure(.notFound, "the layout has no image \(uri.tag ?? "")")
        }
        return try await manifest(index.entries.count == 1 ? first.descriptor.digest : index.manifest().digest)
    }

    func manifest(_ digest: ImageDigest) async throws(ImageFailure) -> Document {
        try await read("blobs/sha256/\(digest.hex)")
    }

    func has(_ part: Descriptor) async throws(ImageFailure) -> Bool {
        try await threads.run { [files] () throws(ImageFailure) in
            try files.size("blobs/sha256/\(part.digest.hex)") == part.size
        }
    }

    func copy(_ part: Descriptor, to path: String) async throws(ImageFailure) {
        try await threads.run { [files] () throws(ImageFailure) in
            let file = try OpenFile(adopting: open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600), path)
            var place = 0
            try files.read("blobs/sha256/\(part.digest.hex)") { (bytes) throws(ImageFailure) in
                guard place + bytes.count <= part.size else {
                    throw ImageFailure(.invalid, "\(part.digest) is too long")
                }
                try file.write(bytes, at: place)
                place += bytes.count
            }
        }
    }

    private func read(_ name: String) async throws(ImageFailure) -> Document {
        try await threads.run { [files] () throws(ImageFailure) in
            var document: [UInt8] = []
            try files.read(name) { (bytes) throws(ImageFailure) in
                guard document.count + bytes.count <= Document.limit else {
                    throw ImageFailure(.invalid, "\(name) is too large")
                }
                document += bytes
            }
            return Document(bytes: document)
        }
    }
}

/// The files of a layout.
protocol LayoutFiles: Sendable {
    /// Hands over a file's content in parts. Blocks.
    ///
    /// - Throws: `.notFound`.
    func read(
        _ name: String, _ body: (UnsafeRawBufferPointer) throws(ImageFailure) -> Void
    ) throws(ImageFailure)

    /// Bytes of a file; nil when there is none. Blocks.
    func size(_ name: String) throws(ImageFailure) -> Int?
}

struct FolderFiles: LayoutFiles {
    let folder: String

    func read(
        _ name: String, _ body: (UnsafeRawBufferPointer) throws(ImageFailure) -> Void
    ) throws(ImageFailure) {
        let number = open("\(folder)/\(name)", O_RDONLY | O_NOFOLLOW | O_CLOEXEC)
        if number < 0, errno == ENOENT { throw ImageFailure(.notFound, "\(folder) has no \(name)") }
        let file = try OpenFile(adopting: number, "\(folder)/\(name)")
        var buffer = [UInt8](repeating: 0, count: 1 << 20)
        while true {
            let count = buffer.withUnsafeMutableBytes { Glibc.read(file.number, $0.baseAddress, $0.count) }
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { throw systemFailure("read \(folder)/\(name)") }
            if count == 0 { return }
            // By hand: `withUnsafeBytes` does not keep the type of what is thrown.
            let outcome = buffer.withUnsafeBytes { bytes in
                Result { () throws(ImageFailure) in try body(UnsafeRawBufferPointer(rebasing: bytes[..<count])) }
            }
            try outcome.get()
        }
    }

    func size(_ name: String) throws(ImageFailure) -> Int? {
        var status = stat()
        guard lstat("\(folder)/\(name)", &status) == 0 else {
            guard errno == ENOENT else { throw systemFailure("look at \(folder)/\(name)") }
            return nil
        }
        return status.st_mode & S_IFMT == S_IFREG ? Int(status.st_size) : nil
    }
}

struct ArchiveFiles: LayoutFiles {
    let file: String

    func read(
        _ name: String, _ body: (UnsafeRawBufferPointer) throws(ImageFailure) -> Void
    ) throws(ImageFailure) {
        let source = try OpenFile(adopting: open(file, O_RDONLY | O_CLOEXEC), file)
        let reader = try reader(source)
        guard try entry(name, reader) != nil else { throw ImageFailure(.notFound, "\(file) has no \(name)") }
        while let block = try reading({ () throws(ArchiveError) in try reader.nextBlock() }) { try body(block.bytes) }
    }

    func size(_ name: String) throws(ImageFailure) -> Int? {
        let source = try OpenFile(adopting: open(file, O_RDONLY | O_CLOEXEC), file)
        return try entry(name, reader(source))?.size
    }

    private func reader(_ source: borrowing OpenFile) throws(ImageFailure) -> TarReader {
        let number = source.number
        return try reading { () throws(ArchiveError) in try TarReader(number) }
    }

    /// Reads as far as a file of the archive.
    private func entry(_ name: String, _ reader: TarReader) throws(ImageFailure) -> TarReader.Entry? {
        let wanted = Array(name.utf8)
        while let entry = try reading({ () throws(ArchiveError) in try reader.next() }) {
            let entryName = entry.name.starts(with: Array("./".utf8)) ? Array(entry.name.dropFirst(2)) : entry.name
            if entry.kind == .file, entryName == wanted { return entry }
        }
        return nil
    }
}
