/// A function's memory in MB (1 MB is 1,048,576 bytes), 128...10,240 for ordinary functions.
package struct MemorySize: Hashable, Sendable, Comparable, CustomStringConvertible {
    package let megabytes: Int

    package init(megabytes: Int) { self.megabytes = megabytes }

    package var bytes: Int { megabytes << 20 }

    /// CPU in thousandths of a core: 1,769 MB is one vCPU.
    ///
    /// - Source: Lambda developer guide, "Configure Lambda function memory".
    package var millicores: Int { max(1, megabytes * 1000 / 1769) }

    package static func < (a: MemorySize, b: MemorySize) -> Bool { a.megabytes < b.megabytes }

    package var description: String { "\(megabytes) MB" }
}
