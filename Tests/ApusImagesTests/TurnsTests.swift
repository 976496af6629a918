import ApusImages
import Synchronization
import Testing

struct TurnsTests {
    private final class Work: Sendable {
        let now = Atomic(0)
        let most = Atomic(0)
    }

    @Test(arguments: [1, 2, 4]) func onlySoManyWorkAtATime(_ width: Int) async {
        let (turns, work) = (Turns<String>(width: width), Work())
        await withTaskGroup(of: Void.self) { group in
            for _ in 0..<50 {
                group.addTask {
                    await turns.take("a") { () throws(Never) in
                        work.most.max(work.now.add(1, ordering: .relaxed).newValue, ordering: .relaxed)
                        for _ in 0..<10 { await Task.yield() }
                        work.now.subtract(1, ordering: .relaxed)
                    }
                }
            }
        }
        #expect((1...width).contains(work.most.load(ordering: .relaxed)))
        #expect(work.now.load(ordering: .relaxed) == 0)
    }
}
