/// The place of a shape in its service's table.
package struct ShapeID: Hashable, Sendable {
    let index: Int
}

/// One shape of a service, from its table.
package struct Shape: Sendable {
    package enum Kind: String, Sendable {
        case boolean, integer, long, float, double, string, blob, timestamp, list, map, structure
    }

    /// What an exception says of itself.
    package struct ErrorTrait: Sendable, Equatable {
        /// The code on the wire; the shape's name unless the table gives another.
        package let code: String

        package let status: Int?
        package let isServerFault: Bool
    }

    package let name: String
    package let kind: Kind

    /// Least length of a string (Unicode scalars), blob (bytes), list or map, or least value of a number.
    package let minimum: Int?

    /// Greatest length or value, as for ``minimum``.
    package let maximum: Int?

    package let pattern: Pattern?

    /// The values of an enumeration, in the order of the table; empty for other strings.
    package let enumeration: [String]

    /// The service itself checks the values of the enumeration, and says so in words of its own.
    package let isOpen: Bool

    package let timestampFormat: TimestampFormat?

    /// A structure's members in order; the one of a list; the key and the value of a map.
    package let members: [Member]

    /// The member that is the whole body.
    package let payload: Int?

    package let error: ErrorTrait?

    /// Values stay out of messages and logs.
    package let isSensitive: Bool

    /// Members of a list without a wrapper, in XML and forms.
    package let isFlattened: Bool

    package let isEventStream: Bool
    package let isUnion: Bool

    /// Places of ``members`` by ``Member/name``.
    let memberPlaces: [String: Int]

    /// Places of members that stand in the body, by ``Member/wireName``.
    let bodyPlaces: [String: Int]

    package func member(_ name: String) -> Member? { memberPlaces[name].map { members[$0] } }

    /// The member that holds a list's items.
    var item: Member { members[0] }

    var mapKey: Member { members[0] }
    var mapValue: Member { members[1] }
}

/// A member of a structure, list or map.
package struct Member: Sendable {
    package enum Location: String, Sendable {
        case body, header, headers, uri, query, status
    }

    /// The name in the model, which values carry.
    package let name: String

    /// The name at its ``location``: of a header, of a query parameter, in the body.
    package let wireName: String

    /// True where the table gives a wire name of its own.
    package let hasWireName: Bool

    package let shape: ShapeID
    package let location: Location
    package let isRequired: Bool
    package let isFlattened: Bool
    package let isStreaming: Bool

    /// Clients send a random value when their caller gave none.
    package let isIdempotencyToken: Bool

    package let isEventPayload: Bool
    package let timestampFormat: TimestampFormat?

    /// The name as messages of `ValidationException` spell it.
    let validationName: String
}

package enum TimestampFormat: String, Sendable {
    case epochSeconds = "unixTimestamp"
    case iso8601
    case rfc822
}
