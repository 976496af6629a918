import ApusModel
import ApusServiceKit
import ApusTesting
import ApusWire
import Testing

struct RecordArchiveTests {
    static let values: [ShapeValue] = [
        .boolean(true), .boolean(false), .integer(0), .integer(.min), .integer(.max), .double(-0.5), .double(.infinity),
        .string(""), .string("ü🐦\0\n"), .blob([]), .blob([0, 255, 1]), .timestamp(Timestamp(nanoseconds: -1)),
        .list([]), .list([.integer(1), .string("x"), .list([.boolean(true)])]), .map([]),
        .map([(key: "b", value: .integer(1)), (key: "a", value: .integer(2)), (key: "b", value: .integer(3))]),
        .structure([:]), .structure(["a": .structure(["b": .list([.blob([1])])]), "c": .double(1)]),
    ]

    @Test(arguments: values)
    func aValueComesBackAsItWas(_ value: ShapeValue) {
        #expect(RecordArchive.decode(RecordArchive.encode(value)) == value)
    }

    @Test(arguments: values)
    func aValueThatIsCutOffOrGoesOnIsNone(_ value: ShapeValue) {
        let bytes = RecordArchive.encode(value)
        for count in 0..<bytes.count { #expect(RecordArchive.decode(Array(bytes[..<count])) == nil) }
        #expect(RecordArchive.decode(bytes + [0]) == nil)
    }

    @Test func equalStructuresHaveEqualBytes() {
        var members: [String: ShapeValue] = [:]
        for number in 0..<100 { members["m\(number)"] = .integer(Int64(number)) }
        var reversed: [String: ShapeValue] = [:]
        for number in (0..<100).reversed() { reversed["m\(number)"] = .integer(Int64(number)) }
        #expect(RecordArchive.encode(.structure(members)) == RecordArchive.encode(.structure(reversed)))
    }

    @Test func theFormIsTheOneOnDisk() {
        #expect(RecordArchive.encode(.boolean(false)) == [0])
        #expect(RecordArchive.encode(.integer(258)) == [2, 2, 1, 0, 0, 0, 0, 0, 0])
        #expect(RecordArchive.encode(.string("ab")) == [4, 2, 0, 0, 0, 0, 0, 0, 0, 97, 98])
        #expect(
            RecordArchive.encode(.structure(["n": .boolean(true)]))
                == [9, 1, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 110, 1])
    }

    @Test func lengthsThatTheBytesDoNotHaveAreRefused() {
        for tag in [UInt8(4), 5, 7, 8, 9] {
            #expect(RecordArchive.decode([tag] + [UInt8](repeating: 0xFF, count: 8)) == nil)
            #expect(RecordArchive.decode([tag, 0, 0, 0, 0, 0, 0, 0, 0x40, 1, 2, 3]) == nil)
        }
    }

    @Test func nestingHasAnEnd() {
        func nested(_ depth: Int) -> ShapeValue { (0..<depth).reduce(.boolean(true)) { value, _ in .list([value]) } }
        #expect(RecordArchive.decode(RecordArchive.encode(nested(63))) == nested(63))
        #expect(RecordArchive.decode(RecordArchive.encode(nested(64))) == nil)
        // A hostile row may not take the stack with it.
        let list: [UInt8] = [7, 1, 0, 0, 0, 0, 0, 0, 0]
        let bottomless = Array(repeating: list, count: 100_000).flatMap { $0 }
        #expect(RecordArchive.decode(bottomless) == nil)
    }

    @Test func noiseIsRefusedOrReadButNeverMore() {
        var generator = SeededGenerator(seed: 5)
        let alphabet = Array(UInt8(0)...9)
        var read = 0
        for number in 0..<20_000 {
            let value = Self.values[number % Self.values.count]
            let bytes = generator.mutated(RecordArchive.encode(value), alphabet: alphabet)
            guard let found = RecordArchive.decode(bytes) else { continue }
            read += 1
            // What was read can be written and read again. NaN is not equal to itself, so bytes are compared.
            let again = RecordArchive.encode(found)
            #expect(RecordArchive.decode(again).map(RecordArchive.encode) == again)
        }
        #expect(read > 100)
    }
}
