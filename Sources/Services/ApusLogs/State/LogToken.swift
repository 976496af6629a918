import ApusModel
import ApusWire

/// Tokens of the readers: a name in a list, or a place in a log, and for GetLogEvents the direction.
enum LogToken {
    enum Direction: String {
        case forward = "f"
        case backward = "b"
    }

    static func text(name: String) -> String { Base64.encode(Array(name.utf8)) }

    static func name(_ token: String) throws(Fault) -> String {
        guard let bytes = Base64.decode(token), let name = String(validating: bytes, as: UTF8.self),
            !name.utf8.contains(0)
        else { throw LogsFaults.badToken }
        return name
    }

    static func text(_ direction: Direction, _ place: EventPlace) -> String {
        "\(direction.rawValue)/\(padded(place.number))/s"
    }

    static func direction(_ token: String) throws(Fault) -> (Direction, EventPlace) {
        let parts = token.split(separator: "/")
        guard parts.count == 3, parts[2] == "s", let direction = Direction(rawValue: String(parts[0])),
            let place = Int64(parts[1]).flatMap(EventPlace.init(number:))
        else { throw LogsFaults.badToken }
        return (direction, place)
    }

    static func text(_ position: EventPosition) -> String {
        "\(position.time.nanoseconds).\(position.place.number)"
    }

    static func position(_ token: String) throws(Fault) -> EventPosition {
        let parts = token.split(separator: ".")
        guard parts.count == 2, let time = Int64(parts[0]),
            let place = Int64(parts[1]).flatMap(EventPlace.init(number:))
        else { throw LogsFaults.badToken }
        return EventPosition(time: Timestamp(nanoseconds: time), place: place)
    }

    /// An event's id: digits that no other event of the group has.
    static func eventID(_ event: LogEvent) -> String { padded(event.time.nanoseconds) + padded(event.place.number) }

    private static func padded(_ number: Int64) -> String {
        let digits = String(number)
        return String(repeating: "0", count: max(0, 28 - digits.utf8.count)) + digits
    }
}
