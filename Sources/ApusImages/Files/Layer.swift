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
        let reader = try reading { () throws(ArchiveError) in
            try TarReader(source.number) { (bytes) throws(ArchiveError) in try hash.update(bytes) }
        }
        let writer = try LayerWriter(draft, budget: budget)
        while let entry = try reading({ () throws(ArchiveError) in try reader.next() }) {
            try writer.put(entry, reader)
        }
        try reading { () throws(ArchiveError) in try reader.finish() }
        guard hash.digest == diffID else {
            throw ImageFailure(.invalid, "a layer does not uncompress to what the image says: \(diffID)")
        }
        budget = writer.budget
        try Folder(draft).syncAll()
        guard rename(draft, directory) == 0 || errno == EEXIST || errno == ENOTEMPTY else {
            throw systemFailure("name \(directory)")
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
