/// The text of a request that is hashed and signed.
enum CanonicalRequest {
    /// - Parameter isPresigned: leaves `X-Amz-Signature` out of the query.
    static func bytes(
        _ head: WireRequest, signedHeaders: String, payload: String, isS3: Bool, isPresigned: Bool
    ) -> [UInt8] {
        var text: [UInt8] = []
        text.reserveCapacity(1024)
        text.append(contentsOf: head.method.utf8)
        text.append(0x0A)
        appendPath(head.path, isS3: isS3, &text)
        text.append(0x0A)
        appendQuery(head.query, isPresigned: isPresigned, &text)
        text.append(0x0A)
        var signedHeaders = signedHeaders
        signedHeaders.withUTF8 { appendFields($0, of: head.headers, &text) }
        text.append(0x0A)
        text.append(contentsOf: signedHeaders.utf8)
        text.append(0x0A)
        text.append(contentsOf: payload.utf8)
        return text
    }

    /// - Parameter names: joined by semicolons.
    private static func appendFields(
        _ names: UnsafeBufferPointer<UInt8>, of headers: WireHeaders, _ text: inout [UInt8]
    ) {
        for name in names.split(separator: UInt8(ascii: ";"), omittingEmptySubsequences: false) {
            text.append(contentsOf: name)
            text.append(UInt8(ascii: ":"))
            var isFirst = true
            headers.forEachValue(of: UnsafeBufferPointer(rebasing: name)) { value in
                if !isFirst { text.append(UInt8(ascii: ",")) }
                isFirst = false
                appendCollapsed(value, &text)
            }
            text.append(0x0A)
        }
    }

    /// S3 signs the path encoded once; everyone else without dot segments and double slashes, and encoded again.
    private static func appendPath(_ path: String, isS3: Bool, _ text: inout [UInt8]) {
        guard !path.isEmpty else { return text.append(UInt8(ascii: "/")) }
        if isS3 {
            for byte in Percent.decode(Array(path.utf8)[...], plusIsSpace: false) {
                Percent.append(byte, to: &text, keepingSlash: true)
            }
        } else if isNormal(path) {
            for byte in path.utf8 { Percent.append(byte, to: &text, keepingSlash: true) }
        } else {
            var kept: [Substring] = []
            for segment in path.parts(at: "/") where segment != "." {
                if segment == ".." { _ = kept.popLast() } else { kept.append(segment) }
            }
            for segment in kept {
                text.append(UInt8(ascii: "/"))
                for byte in segment.utf8 { Percent.append(byte, to: &text, keepingSlash: false) }
            }
            if kept.isEmpty || path.utf8.last == UInt8(ascii: "/") { text.append(UInt8(ascii: "/")) }
        }
    }

    /// No empty, `.` or `..` segments.
    private static func isNormal(_ path: String) -> Bool {
        var last: UInt8 = 0
        for byte in path.utf8 {
            if last == UInt8(ascii: "/"), byte == UInt8(ascii: "/") || byte == UInt8(ascii: ".") { return false }
            last = byte
        }
        return path.utf8.first == UInt8(ascii: "/")
    }

    private static func appendQuery(_ query: String, isPresigned: Bool, _ text: inout [UInt8]) {
        guard !query.isEmpty else { return }
        var pairs: [(name: [UInt8], value: [UInt8])] = []
        for pair in query.utf8.split(separator: UInt8(ascii: "&")) {
            let equals = pair.firstIndex(of: UInt8(ascii: "="))
            let name = encoded(pair[..<(equals ?? pair.endIndex)])
            if isPresigned, name.elementsEqual("X-Amz-Signature".utf8) { continue }
            pairs.append((name, encoded(equals.map { pair[pair.index(after: $0)...] } ?? pair[pair.endIndex...])))
        }
        pairs.sort { a, b in
            a.name == b.name ? a.value.lexicographicallyPrecedes(b.value) : a.name.lexicographicallyPrecedes(b.name)
        }
        for (place, pair) in pairs.enumerated() {
            if place > 0 { text.append(UInt8(ascii: "&")) }
            text.append(contentsOf: pair.name)
            text.append(UInt8(ascii: "="))
            text.append(contentsOf: pair.value)
        }
    }

    private static func encoded(_ part: Substring.UTF8View) -> [UInt8] {
        var output: [UInt8] = []
        output.reserveCapacity(part.count)
        let bytes = Array(part)
        for byte in Percent.decode(bytes[...], plusIsSpace: true) {
            Percent.append(byte, to: &output, keepingSlash: false)
        }
        return output
    }

    /// Without space at the ends, and with one space for any run of spaces.
    private static func appendCollapsed(_ value: UnsafeRawBufferPointer, _ text: inout [UInt8]) {
        let start = text.count
        var pendsSpace = false
        for byte in value {
            if byte == 0x20 || (byte >= 0x09 && byte <= 0x0D) {
                pendsSpace = text.count > start
            } else {
                if pendsSpace { text.append(0x20) }
                pendsSpace = false
                text.append(byte)
            }
        }
    }
}
