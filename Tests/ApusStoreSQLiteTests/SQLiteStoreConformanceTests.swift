import ApusTesting
import Testing

struct SQLiteStoreConformanceTests {
    @Test(arguments: StoreConformance.all)
    func conforms(_ rule: StoreConformance) async throws {
        try await SQLiteFixture.run { try await rule.check(on: $0) }
    }
}
