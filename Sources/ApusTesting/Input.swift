/// Bytes of a client, spelt out where they are printed.
package struct Input: ExpressibleByStringLiteral, Sendable, CustomStringConvertible {
    package let text: String

    package init(_ text: String) { self.text = text }
    package init(stringLiteral text: String) { self.text = text }

    package var description: String { text.debugDescription }
}
