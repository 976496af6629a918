import Glibc

/// Zip archives as deployment packages. Every function here blocks: call it on a thread that may wait.
package enum ZipArchive {
    package struct Summary: Equatable, Sendable {
        /// Files, links and directories that the archive lists.
        package var entries: Int

        /// The bytes of its files, inflated.
        package var unzippedBytes: Int

        package init(entries: Int, unzippedBytes: Int) {
            self.entries = entries
            self.unzippedBytes = unzippedBytes
        }
    }

    /// Files, links and directories at the most.
    package static let entryLimit = 100_000

    /// Reads the whole archive: inflates every entry, checks its checksum and its name.
    ///
    /// - Parameter unzippedLimit: inflated bytes at the most. What is counted is what comes out, not what the archive states.
    package static func inspect(
        _ bytes: [UInt8], unzippedLimit: Int, entryLimit: Int = entryLimit
    ) throws(ArchiveError) -> Summary {
        try walk(bytes, unzippedLimit, entryLimit, into: nil)
    }

    /// Creates the files of an archive: 0644 or, where the archive marks them executable, 0755; directories 0755.
    ///
    /// - Parameter directory: must not exist, and is gone again when this throws.
    @discardableResult
    package static func unpack(
        _ bytes: [UInt8], into directory: String, unzippedLimit: Int, entryLimit: Int = entryLimit
    ) throws(ArchiveError) -> Summary {
        let writer = try TreeWriter(directory)
        do {
            return try walk(bytes, unzippedLimit, entryLimit, into: writer)
        } catch {
            FileTree.remove(directory)
            throw error
        }
    }

    private static func walk(
        _ bytes: [UInt8], _ unzippedLimit: Int, _ entryLimit: Int, into writer: TreeWriter?
    ) throws(ArchiveError) -> Summary {
        let directory = try CentralDirectory(bytes, entryLimit: entryLimit)
        if directory.entries.isEmpty { return Summary(entries: 0, unzippedBytes: 0) }
        // By hand: `withUnsafeBytes` does not keep the type of what is thrown.
        let outcome = bytes.withUnsafeBytes { memory in
            Result { () throws(ArchiveError) in
                try withUnicodeNames { () throws(ArchiveError) in
                    let reader = try ZipReader(UnsafeRawBufferPointer(rebasing: memory[directory.prefix...]))
                    var walk = Walk(
                        tree: EntryTree(nodeLimit: entryLimit), unzippedLimit: unzippedLimit, writer: writer)
                    for entry in directory.entries {
                        guard let header = try reader.next() else {
                            throw ArchiveError(.malformed, "the archive has fewer entries than its directory")
                        }
                        try walk.take(bytes[entry.name], header, reader)
                    }
                    return Summary(entries: directory.entries.count, unzippedBytes: walk.unzippedBytes)
                }
            }
        }
        return try outcome.get()
    }
}

/// One pass over an archive.
private struct Walk {
    var tree: EntryTree
    let unzippedLimit: Int
    let writer: TreeWriter?
    var unzippedBytes = 0

    mutating func take(
        _ name: ArraySlice<UInt8>, _ entry: ZipEntry, _ reader: ZipReader
    ) throws(ArchiveError) {
        let path = try tree.add(name, entry.kind)
        switch entry.kind {
        case .directory:
            // Some writers give directories two bytes of content, an empty deflate stream. Nothing reads it.
            try writer?.makeDirectory(path)
        case .link:
            try EntryTree.checkTarget(entry.target, of: name, depth: path.count - 1)
            try writer?.makeLink(path, to: entry.target)
        case .file:
            try copy(reader, name, to: try writer?.makeFile(path, isExecutable: entry.isExecutable), entry.modified)
        }
    }

    private mutating func copy(
        _ reader: ZipReader, _ name: ArraySlice<UInt8>, to file: consuming Descriptor?, _ modified: timespec?
    ) throws(ArchiveError) {
        while let block = try reader.nextBlock() {
            unzippedBytes += block.count
            guard unzippedBytes <= unzippedLimit else {
                throw ArchiveError(.tooLarge, "the archive inflates to more than \(unzippedLimit) bytes")
            }
            try file?.write(block, "write \(EntryTree.text(name))")
        }
        // Compiled Python files are valid only while the time of their source is the one they name.
        if let modified, let number = file?.number { futimens(number, [modified, modified]) }
    }
}
