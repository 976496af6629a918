import ApusModel
import ApusServiceKit
import ApusWire

/// A log group. Its streams and events are in the store's log of the same name.
struct LogGroupRecord: Record {
    var created: Timestamp

    /// Days after which events are removed; nil keeps them for ever.
    var retention: Int?

    init(created: Timestamp, retention: Int? = nil) {
        self.created = created
        self.retention = retention
    }

    /// Events before it have expired; nil when none does.
    func oldest(at now: Timestamp) -> Timestamp? { retention.map { now + .seconds(-86_400 * $0) } }

    init?(stored: ShapeValue) {
        let members = ShapeMembers(stored)
        guard let created: Timestamp = members.get("created") else { return nil }
        self.init(created: created, retention: members.get("retention"))
    }

    var stored: ShapeValue {
        var members = ShapeMembers()
        members.set("created", created)
        members.set("retention", retention)
        return members.shapeValue
    }
}
