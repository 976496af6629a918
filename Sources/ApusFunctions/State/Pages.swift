import ApusModel
import ApusWire

/// Markers of the lists: opaque to clients, the last key given out underneath.
enum Pages {
    /// Functions and versions in one answer at the most, whatever the client asks for.
    ///
    /// - Source: Lambda API reference, ListFunctions, `MaxItems`.
    static let limit = 50

    static func size(_ requested: Int?) -> Int { min(requested ?? limit, limit) }

    static func marker(_ key: String) -> String { Base64.encode(Array(key.utf8)) }

    static func key(_ marker: String?) throws(Fault) -> String? {
        guard let marker, !marker.isEmpty else { return nil }
        guard let bytes = Base64.decode(marker), let key = String(validating: bytes, as: UTF8.self),
            !key.utf8.contains(0)
        else {
            throw FunctionFaults.badMarker
        }
        return key
    }
}
