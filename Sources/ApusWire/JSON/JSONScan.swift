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

    /// An object that ``object(_:textOf:depth:)`` has found.
    package struct Object: Equatable, Sendable {
        /// Nil when it has no such member, or another kind of value there.
        package var text: String?
    }

    /// Looks for a member at the top of an object.
    ///
    /// - Returns: nil unless the bytes are one JSON object, with or without space around it. Of members with that name the last counts.
    package static func object(
        _ bytes: UnsafeRawBufferPointer, textOf name: StaticString, depth: Int = defaultDepth
    ) -> Object? {
        var cursor = JSONCursor(bytes)
        do throws(JSONError) {
            guard try cursor.peek() == UInt8(ascii: "{") else { return nil }
            var object = Object()
            if try cursor.enter(UInt8(ascii: "}")) {
                repeat {
                    let member = try cursor.name()
                    let isText = try cursor.peek() == UInt8(ascii: "\"")
                    guard cursor.bytes(member.start, member.end).elementsEqual(name.buffer) else {
                        try cursor.skipValue(depth: depth - 1, limit: depth)
                        continue
                    }
                    object.text = isText ? cursor.value(try cursor.string()) : nil
                    if !isText { try cursor.skipValue(depth: depth - 1, limit: depth) }
                } while try cursor.next(UInt8(ascii: "}"))
            }
            try cursor.expectEnd()
            return object
        } catch {
            return nil
        }
    }
}

extension StaticString {
    fileprivate var buffer: UnsafeBufferPointer<UInt8> {
        UnsafeBufferPointer(start: utf8Start, count: utf8CodeUnitCount)
    }
}
