import ApusModel
import ApusServiceKit
import ApusShapes
import ApusWire

/// A name for one version of a function, or for two by weight.
struct AliasRecord: Record, Equatable {
    var configuration: Lambda.AliasConfiguration

    init(configuration: Lambda.AliasConfiguration) { self.configuration = configuration }

    init?(stored: ShapeValue) {
        guard let configuration: Lambda.AliasConfiguration = ShapeMembers(stored).get("configuration") else {
            return nil
        }
        self.init(configuration: configuration)
    }

    var stored: ShapeValue {
        var members = ShapeMembers()
        members.set("configuration", configuration)
        return members.shapeValue
    }
}
