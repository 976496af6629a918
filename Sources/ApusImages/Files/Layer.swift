import ApusArchive
import ApusModel
import Crypto
import Glibc

/// One layer of an image, uncompressed into a directory.
enum Layer {
    /// Makes the tree of a layer, and has it on disk before it bears its name.
    ///
    /// - Parameters:
    ///   - file: the layer as it is distributed.
    ///   - diffID: the digest that its uncompressed bytes must have.
    ///   - directory: appears whole or not at all; one that is there already is left alone.
    ///   - budget: what the image may still take.
    static func unpack(
        _ file: String, _ diffID: ImageDigest, into directory: String, _ budget: inout LayerBudget
    ) throws(ImageFailure) {
        let draft = "\(directory).\(UInt32.random(in: .min ... .max))"
        defer { try? Folder.remove(draft) }
        let source = try OpenFile(adopting: open(file, O_RDONLY | O_CLOEXEC), file)
        let hash = StreamHash(limit: budget.bytes)
        let reader = try reader(source, hash)
        let writer = try LayerWriter(draft, budget: budget)
        while let entry = try reading({ () throws(ArchiveError) in try reader.next() }) {
            try writer.put(entry, reader)
        }
        try finish(reader, hash, diffID)
        budget = writer.budget
        try Folder(draft).syncAll()
        guard rename(draft, directory) == 0 || errno == EEXIST || errno == ENOTEMPTY else {
            throw systemFailure("name \(directory)")
        }
    }

    /// Checks that a file is the layer with a digest, without making its tree.
    static func check(_ file: String, _ diffID: ImageDigest) throws(ImageFailure) {
        let source = try OpenFile(adopting: open(file, O_RDONLY | O_CLOEXEC), file)
        let hash = StreamHash(limit: LayerBudget().bytes)
        try finish(reader(source, hash), hash, diffID)
    }

    private static func reader(_ source: borrowing OpenFile, _ hash: StreamHash) throws(ImageFailure) -> TarReader {
        let number = source.number
        return try reading { () throws(ArchiveError) in
            try TarReader(number) { (bytes) throws(ArchiveError) in try hash.update(bytes) }
        }
    }

    private static func finish(
        _ reader: TarReader, _ hash: StreamHash, _ diffID: ImageDigest
    ) throws(ImageFailure) {
        try reading { () throws(ArchiveError) in try reader.finish() }
        guard hash.digest == diffID else {
            throw ImageFailure(.invalid, "a layer does not uncompress to what the image says: \(diffID)")
        }
    }
}

/// SHA-256 of a stream of limited length.
private final class StreamHash {
    private var hash = SHA256()
    private var left: Int

    init(limit: Int) { left = limit }

    func update(_ bytes: UnsafeRawBufferPointer) throws(ArchiveError) {
        left -= bytes.count
        guard left >= 0 else { throw ArchiveError(.tooLarge, "the image is larger than 10 GB uncompressed") }
        hash.update(bufferPointer: bytes)
    }

    var digest: ImageDigest { ImageDigest(hash.finalize()) }
}
