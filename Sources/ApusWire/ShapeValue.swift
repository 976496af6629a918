package import ApusModel

/// A value of a shape, apart from any protocol: what codecs read and write, and what generated structs are made from.
package indirect enum ShapeValue: Sendable, Equatable {
    case boolean(Bool)
    case integer(Int64)
    case double(Double)
    case string(String)
    case blob([UInt8])
    case timestamp(Timestamp)
    case list([ShapeValue])
    /// In the order of the wire, which some of AWS's messages repeat.
    case map([(key: String, value: ShapeValue)])
    /// Members that were present, by name.
    case structure([String: ShapeValue])

    package static func == (a: ShapeValue, b: ShapeValue) -> Bool {
        switch (a, b) {
        case (.boolean(let a), .boolean(let b)): a == b
        case (.integer(let a), .integer(let b)): a == b
        case (.double(let a), .double(let b)): a == b
        case (.string(let a), .string(let b)): a == b
        case (.blob(let a), .blob(let b)): a == b
        case (.timestamp(let a), .timestamp(let b)): a == b
        case (.list(let a), .list(let b)): a == b
        case (.map(let a), .map(let b)): a.elementsEqual(b) { $0.key == $1.key && $0.value == $1.value }
        case (.structure(let a), .structure(let b)): a == b
        default: false
        }
    }
}
