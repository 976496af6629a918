import ApusModel
import Testing

struct QuantitiesTests {
    @Test(arguments: [(128, 72), (1769, 1000), (1770, 1000), (3538, 2000), (10_240, 5788), (1, 1), (0, 1)])
    func processorTimeIsInProportionToMemory(_ megabytes: Int, millicores: Int) {
        #expect(MemorySize(megabytes: megabytes).millicores == millicores)
    }

    @Test func aMegabyteIsTheBinaryOne() {
        #expect(MemorySize(megabytes: 128).bytes == 134_217_728)
        #expect(MemorySize(megabytes: 128).description == "128 MB")
        #expect(MemorySize(megabytes: 128) < MemorySize(megabytes: 129))
    }
}
