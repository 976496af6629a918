import ApusModel
import ApusStore

private let queue = QueueName(kind: "async", partition: "orders")
private let other = QueueName(kind: "async", partition: "mails")

private func message(_ id: String, due: Int64 = 0, _ body: String = "") -> NewMessage {
    NewMessage(id: id, body: bytes(body), due: .at(due))
}

extension Store {
    fileprivate func claim(_ name: QueueName = queue, at now: Int64, limit: Int = 10) async throws -> [ClaimedMessage] {
        try await claim(from: name, limit: limit, now: .at(now), lease: .seconds(30))
    }
}

extension StoreConformance {
    static let queues: [StoreConformance] = [
        StoreConformance("a message comes back as it was stored") { fixture in
            let store = fixture.store
            let body = noise(6 << 20)
            let attributes = ["": "", "name": "wert\u{0}é", "z": String(repeating: "x", count: 5000)]
            try await store.enqueue([NewMessage(id: "big", body: body, attributes: attributes, due: .at(5))], to: queue)
            try await store.enqueue([message("empty", due: 6)], to: queue)
            let enqueued = fixture.time.wall
            fixture.time.advance(by: .seconds(3))
            let claimed = try await store.claim(at: 6) + store.claim(at: 6)
            try expect(claimed.map(\.id), is: ["big", "empty"])
            try expect(claimed[0].body == body, "the body changed")
            try expect(claimed[0].attributes, is: attributes)
            try expect(claimed[0].enqueued, is: enqueued)
            try expect(claimed[0].queue, is: queue)
            try expect(claimed[0].attempt, is: 1)
            try expect(claimed[1].body, is: [])
            try expect(claimed[1].attributes, is: [:])
        },

        StoreConformance("messages are given out oldest due first, ties as they came, none before its time") {
            fixture in
            let store = fixture.store
            try await store.enqueue([message("c", due: 3), message("b1", due: 2)], to: queue)
            try await store.enqueue([message("a", due: 1), message("b0", due: 2), message("d", due: 9)], to: queue)
            try expect(try await store.claim(at: 0), is: [])
            try expect(try await store.claim(at: 8, limit: 2).map(\.id), is: ["a", "b1"])
            try expect(try await store.claim(at: 8).map(\.id), is: ["b0", "c"])
            try expect(try await store.claim(at: 9).map(\.id), is: ["d"])
        },

        StoreConformance("abandoned claims are given out again at once, and no longer acknowledge") { fixture in
            let store = fixture.store
            try await store.enqueue([message("a"), message("b", due: 500)], to: queue)
            let first = try await store.claim(at: 100)
            try expect(try await store.abandonClaims(kind: "other", now: .at(101)), is: 0)
            try expect(try await store.abandonClaims(kind: queue.kind, now: .at(101)), is: 1)
            try expect(try await store.acknowledge(first), is: 0)
            let second = try await store.claim(at: 101)
            try expect(second.map(\.id), is: ["a"])
            try expect(second.map(\.attempt), is: [2])
        },

        StoreConformance("a claim hides a message until it runs out, then it is given out again") { fixture in
            let store = fixture.store
            try await store.enqueue([message("a")], to: queue)
            let first = try await store.claim(at: 100)
            try expect(first.count, is: 1)
            try expect(try await store.claim(at: 129), is: [])
            let second = try await store.claim(at: 130)
            try expect(second.map(\.attempt), is: [2])
            try expect(second.map(\.enqueued), is: first.map(\.enqueued))
            try expect(try await store.depth(of: queue), is: 1)
        },

        StoreConformance("an acknowledged message is gone") { fixture in
            let store = fixture.store
            try await store.enqueue([message("a"), message("b"), message("c")], to: queue)
            let claimed = try await store.claim(at: 0)
            try expect(try await store.acknowledge(Array(claimed[..<2])), is: 2)
            try expect(try await store.acknowledge(claimed), is: 1)
            try expect(try await store.acknowledge(claimed), is: 0)
            try expect(try await store.acknowledge([]), is: 0)
            try expect(try await store.depth(of: queue), is: 0)
            try expect(try await store.claim(at: 1000), is: [])
        },

        StoreConformance("messages of several queues are acknowledged together") { fixture in
            let store = fixture.store
            try await store.enqueue([message("a")], to: queue)
            try await store.enqueue([message("a")], to: other)
            try expect(try await store.acknowledge(store.claim(at: 0) + store.claim(other, at: 0)), is: 2)
            try expect(try await store.depth(of: queue) + store.depth(of: other), is: 0)
        },

        StoreConformance("an older claim can neither acknowledge, extend nor release") { fixture in
            let store = fixture.store
            try await store.enqueue([message("a")], to: queue)
            let old = try await store.claim(at: 0)[0]
            let new = try await store.claim(at: 30)[0]
            try expect(try await store.acknowledge([old]), is: 0)
            try await expect(.leaseLost) { try await store.extend(old, until: .at(1000)) }
            try await expect(.leaseLost) { try await store.release(old, due: .at(0), attributes: [:]) }
            try expect(try await store.claim(at: 59), is: [])
            try expect(try await store.acknowledge([new]), is: 1)
            try await expect(.leaseLost) { try await store.extend(new, until: .at(1000)) }
        },

        StoreConformance("a claim that ran out still acknowledges while nobody else has it") { fixture in
            let store = fixture.store
            try await store.enqueue([message("a")], to: queue)
            let claimed = try await store.claim(at: 0)
            _ = try await store.claim(other, at: 1000)
            try expect(try await store.acknowledge(claimed), is: 1)
        },

        StoreConformance("a claim of a message that was purged does not reach a new one of its id") { fixture in
            let store = fixture.store
            try await store.enqueue([message("a")], to: queue)
            let old = try await store.claim(at: 0)
            try await store.purge(queue)
            try await store.enqueue([message("a")], to: queue)
            _ = try await store.claim(at: 0)
            try expect(try await store.acknowledge(old), is: 0)
            try expect(try await store.depth(of: queue), is: 1)
        },

        StoreConformance("an extended claim runs out at its new end, earlier ones included") { fixture in
            let store = fixture.store
            try await store.enqueue([message("a")], to: queue)
            let claimed = try await store.claim(at: 0)[0]
            try await store.extend(claimed, until: .at(500))
            try expect(try await store.claim(at: 499), is: [])
            try await store.extend(claimed, until: .at(200))
            try expect(try await store.claim(at: 199), is: [])
            try expect(try await store.claim(at: 200).map(\.attempt), is: [2])
        },

        StoreConformance("a released message is due again when told, with its new attributes") { fixture in
            let store = fixture.store
            try await store.enqueue(
                [NewMessage(id: "a", body: bytes("x"), attributes: ["try": "0"], due: .at(0))], to: queue)
            let first = try await store.claim(at: 0)[0]
            try await store.release(first, due: .at(60), attributes: ["try": "1"])
            try expect(try await store.acknowledge([first]), is: 0)
            try expect(try await store.claim(at: 59), is: [])
            let second = try await store.claim(at: 60)[0]
            try expect(second.attributes, is: ["try": "1"])
            try expect(second.body, is: bytes("x"))
            try await store.release(second, due: .at(61), attributes: nil)
            let third = try await store.claim(at: 61)[0]
            try expect(third.attributes, is: ["try": "1"])
            try expect(third.attempt, is: 3)
            try await store.release(third, due: .at(62), attributes: [:])
            try expect(try await store.claim(at: 62)[0].attributes, is: [:])
        },

        StoreConformance("an id that the queue holds is kept as it was") { fixture in
            let store = fixture.store
            try await store.enqueue([message("a", due: 5, "first")], to: queue)
            try await store.enqueue([message("a", "second"), message("b", due: 6), message("b", due: 7)], to: queue)
            try await store.commit([.enqueue(message("a", due: 0, "third"), to: queue)])
            try await store.enqueue([message("a", due: 0, "elsewhere")], to: other)
            try expect(try await store.depth(of: queue), is: 2)
            try expect(try await store.claim(at: 4), is: [])
            let claimed = try await store.claim(at: 6)
            try expect(claimed.map(\.body), is: [bytes("first"), []])
            try await store.enqueue([message("a", "while claimed")], to: queue)
            try expect(try await store.claim(at: 6), is: [])
            try expect(try await store.acknowledge(claimed), is: 2)
            try await store.enqueue([message("a", "again")], to: queue)
            try expect(try await store.claim(at: 6).map(\.body), is: [bytes("again")])
        },

        StoreConformance("queues are apart by kind and by partition") { fixture in
            let store = fixture.store
            let third = QueueName(kind: "other", partition: queue.partition)
            try await store.enqueue([message("a")], to: queue)
            try await store.enqueue([message("b")], to: other)
            try await store.enqueue([message("c")], to: third)
            try expect(try await store.claim(other, at: 0).map(\.id), is: ["b"])
            try expect(try await store.claim(third, at: 0).map(\.id), is: ["c"])
            try await store.purge(third)
            try expect(try await store.claim(at: 0).map(\.id), is: ["a"])
            try expect(try await store.depth(of: third), is: 0)
            try expect(try await store.depth(of: other), is: 1)
        },

        StoreConformance("a purged queue is empty and takes messages again") { fixture in
            let store = fixture.store
            for batch in 0..<3 {
                try await store.enqueue((0..<400).map { message("\(batch)-\($0)") }, to: queue)
            }
            try await store.enqueue([message("kept")], to: other)
            _ = try await store.claim(at: 0)
            try await store.purge(queue)
            try await store.purge(queue)
            try expect(try await store.depth(of: queue), is: 0)
            try expect(try await store.claim(at: 1000), is: [])
            try expect(try await store.duePartitions(kind: "async", now: .at(1000)).due, is: [other.partition])
            try await store.enqueue([message("0-0")], to: queue)
            try expect(try await store.claim(at: 0).map(\.id), is: ["0-0"])
            try expect(try await store.depth(of: other), is: 1)
        },

        StoreConformance("due partitions have work now, and next is the first later moment of all") { fixture in
            let store = fixture.store
            func due(_ now: Int64) async throws -> (Set<String>, Timestamp?) {
                let answer = try await store.duePartitions(kind: "async", now: .at(now))
                try expect(Set(answer.due).count, is: answer.due.count)
                return (Set(answer.due), answer.next)
            }
            try expect(try await due(100).1, is: nil)
            try await store.enqueue([message("a", due: 10), message("b", due: 40)], to: queue)
            try await store.enqueue([message("c", due: 20)], to: other)
            try await store.enqueue([message("d", due: 1)], to: QueueName(kind: "sqs", partition: "x"))
            try expect(try await due(9).0, is: [])
            try expect(try await due(9).1, is: .at(10))
            try expect(try await due(10).0, is: ["orders"])
            try expect(try await due(10).1, is: .at(20))
            try expect(try await due(25).0, is: ["orders", "mails"])
            try expect(try await due(25).1, is: .at(40))
            try expect(try await due(40).1, is: nil)
            // Claimed until 55: the end of the claim is its next moment.
            let claimed = try await store.claim(at: 25)
            try expect(try await due(25).0, is: ["mails"])
            try expect(try await due(25).1, is: .at(40))
            try expect(try await due(41).1, is: .at(55))
            try await store.release(claimed[0], due: .at(33), attributes: nil)
            try expect(try await due(32).1, is: .at(33))
            let again = try await store.claim(at: 33)
            try await store.extend(again[0], until: .at(35))
            try expect(try await due(34).1, is: .at(35))
            try await store.acknowledge(again)
            try expect(try await due(34).1, is: .at(40))
            try await store.purge(queue)
            try expect(try await due(50).0, is: ["mails"])
            try expect(try await due(50).1, is: nil)
        },

        StoreConformance("of many that claim at once each message goes to one") { fixture in
            let store = fixture.store
            try await store.enqueue((0..<100).map { message("\($0)") }, to: queue)
            let ids = try await withThrowingTaskGroup(of: [String].self) { group in
                for _ in 0..<10 {
                    group.addTask {
                        var ids: [String] = []
                        while case let claimed = try await store.claim(at: 0, limit: 3), !claimed.isEmpty {
                            ids += claimed.map(\.id)
                        }
                        return ids
                    }
                }
                return try await group.reduce(into: []) { $0 += $1 }
            }
            try expect(ids.count, is: 100)
            try expect(Set(ids).count, is: 100)
        },

        StoreConformance("messages, claims and depth outlive the process") { fixture in
            try await fixture.store.enqueue([message("a"), message("b", due: 7, "body")], to: queue)
            let claimed = try await fixture.store.claim(at: 0)
            let store = try await fixture.reopen()
            try expect(try await store.depth(of: queue), is: 2)
            try expect(try await store.claim(at: 8).map(\.body), is: [bytes("body")])
            try expect(try await store.acknowledge(claimed), is: 1)
            try expect(try await store.duePartitions(kind: "async", now: .at(8)).next, is: .at(38))
        },
    ]
}
