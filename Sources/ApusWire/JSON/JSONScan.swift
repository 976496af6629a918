package import NIOCore

/// Checks that bytes are JSON without building anything.
package enum JSONScan {
    /// Nesting that AWS's own reader bears.
    package static let defaultDepth = 1000

    package static func isValid(_ buffer: ByteBuffer, depth: Int = defaultDepth) -> Bool {
        firstError(buffer, depth: depth) == nil
    }

    /// The first flaw; nil when the bytes are one JSON value, with or without space around it.
    package static func firstError(_ buffer: ByteBuffer, depth: Int = defaultDepth) -> JSONError? {
        buffer.withUnsafeReadableBytes { firstError($0, depth: depth) }
    }

    package static func firstError(_ bytes: UnsafeRawBufferPointer, depth: Int = defaultDepth) -> JSONError? {
        var cursor = JSONCursor(bytes)
        do throws(JSONError) {
            try cursor.skipValue(depth: depth, limit: depth)
            try cursor.expectEnd()
            return nil
        } catch {
            return error
        }
    }
}
