import ApusModel
package import ApusStore

/// One thing that every storage engine must do. An engine's tests run ``all`` of them, each on a fresh store:
///
/// ```swift
/// @Test(arguments: StoreConformance.all)
/// func conforms(_ rule: StoreConformance) async throws { try await rule.check(on: fixture) }
/// ```
package struct StoreConformance: Sendable, CustomStringConvertible {
    /// The behaviour in words.
    package let description: String

    private let body: @Sendable (any StoreFixture) async throws -> Void

    init(_ description: String, _ body: @escaping @Sendable (any StoreFixture) async throws -> Void) {
        self.description = description
        self.body = body
    }

    /// - Throws: ``StoreConformanceFailure`` where the store does something else.
    package func check(on fixture: any StoreFixture) async throws { try await body(fixture) }

    package static let all: [StoreConformance] = rows + queues + logs + leases + blobs + whole
}

/// What an engine's tests lend to a check.
package protocol StoreFixture: Sendable {
    /// An empty store that reads `time`.
    var store: any Store { get }
    var time: ManualTime { get }

    /// Closes the store and opens another over the same data.
    func reopen() async throws -> any Store

    /// Flips a bit of the stored form of a blob; `offset` is taken modulo its size.
    func damage(_ blob: BlobID, at offset: Int) throws
}

/// A store did not do what it must.
package struct StoreConformanceFailure: Error, CustomStringConvertible {
    package let description: String

    init(_ what: String, _ line: Int, _ file: String) { description = "\(file):\(line): \(what)" }
}

// MARK: - Checks

func expect(
    _ condition: Bool, _ what: @autoclosure () -> String, line: Int = #line, file: String = #fileID
) throws {
    guard condition else { throw StoreConformanceFailure(what(), line, file) }
}

func expect<Value: Equatable>(
    _ found: Value, is wanted: Value, line: Int = #line, file: String = #fileID
) throws {
    guard found == wanted else { throw StoreConformanceFailure("wanted \(wanted), found \(found)", line, file) }
}

func expect(
    _ code: StoreError.Code, line: Int = #line, file: String = #fileID, from body: () async throws -> Void
) async throws {
    do {
        try await body()
    } catch let error as StoreError {
        guard error.code == code else { throw StoreConformanceFailure("wanted \(code), caught \(error)", line, file) }
        return
    }
    throw StoreConformanceFailure("wanted \(code), nothing was thrown", line, file)
}

// MARK: - Short forms

func bytes(_ text: String) -> [UInt8] { Array(text.utf8) }

/// Bytes that do not compress and differ by seed.
func noise(_ count: Int, seed: UInt64 = 1) -> [UInt8] {
    var state = seed
    return (0..<count).map { _ in
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        return UInt8(truncatingIfNeeded: state >> 33)
    }
}

extension Timestamp {
    static func at(_ seconds: Int64) -> Timestamp { Timestamp(seconds: seconds) }
}
