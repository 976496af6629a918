import ApusModel
import Testing

struct FaultTests {
    @Test(arguments: [(400, Fault.Origin.sender), (429, .sender), (500, .receiver), (503, .receiver)])
    func theStatusTellsWhoseMistakeItWas(_ status: Int, origin: Fault.Origin) {
        #expect(Fault("Code", status: status, "text").origin == origin)
    }

    @Test func fieldsAndHeadersKeepTheirOrder() {
        let fault = Fault(
            "Code", status: 400, origin: .receiver, "text", fields: [("b", "1"), ("a", "2")],
            headers: [("Retry-After", "1")])
        #expect(fault.origin == .receiver)
        #expect(fault.fields.map(\.name) == ["b", "a"])
        #expect(fault.headers.map(\.value) == ["1"])
        #expect(fault != Fault("Code", status: 400, origin: .receiver, "text"))
    }
}
