import ApusModel
import ApusStore

extension Store {
    fileprivate func take(_ holder: String, at now: Int64, name: String = "poller/7") async throws -> Lease? {
        try await acquireLease(name, holder: holder, now: .at(now), duration: .seconds(10))
    }
}

extension StoreConformance {
    static let leases: [StoreConformance] = [
        StoreConformance("a lease has one holder, who may renew it under the same epoch") { fixture in
            let store = fixture.store
            let first = try await store.take("node-1", at: 0)
            try expect(first?.until, is: .at(10))
            try expect(try await store.take("node-2", at: 9), is: nil)
            let renewed = try await store.take("node-1", at: 9)
            try expect(renewed?.until, is: .at(19))
            try expect(renewed?.epoch, is: first?.epoch)
            try expect(try await store.take("node-2", at: 18), is: nil)
            try expect(try await store.take("node-2", at: 0, name: "poller/8") != nil, "leases are not apart")
        },

        StoreConformance("a lapsed lease passes on under a higher epoch") { fixture in
            let store = fixture.store
            let first = try await store.take("node-1", at: 0)
            let second = try await store.take("node-2", at: 10)
            try expect(second?.holder, is: "node-2")
            try expect(second?.epoch ?? 0 > first?.epoch ?? 0, "the epoch did not grow")
            try expect(try await store.take("node-1", at: 19), is: nil)
            let third = try await store.take("node-1", at: 20)
            try expect(third?.epoch ?? 0 > second?.epoch ?? 0, "the epoch did not grow")
        },

        StoreConformance("a released lease is free at once, and its epoch goes on") { fixture in
            let store = fixture.store
            guard let first = try await store.take("node-1", at: 0) else { return try expect(false, "no lease") }
            try await store.releaseLease(first)
            guard let second = try await store.take("node-2", at: 1) else { return try expect(false, "not released") }
            try expect(second.epoch > first.epoch, "\(second) after \(first)")
            // It belongs to another by now.
            try await store.releaseLease(first)
            try expect(try await store.take("node-3", at: 2), is: nil)
            let later = try await fixture.reopen()
            try expect(try await later.take("node-3", at: 2), is: nil)
            try expect((try await later.take("node-3", at: 11)?.epoch ?? 0) > second.epoch, "the epoch went back")
        },

        StoreConformance("of many that want a lease one gets it") { fixture in
            let store = fixture.store
            let holders = try await withThrowingTaskGroup(of: Lease?.self) { group in
                for node in 0..<16 { group.addTask { try await store.take("node-\(node)", at: 0) } }
                return try await group.reduce(into: 0) { $0 += $1 == nil ? 0 : 1 }
            }
            try expect(holders, is: 1)
        },

        StoreConformance("a fence refuses the writes of a former holder") { fixture in
            let store = fixture.store
            let key = RowKey(table: "t", partition: "p", key: "k")
            guard let first = try await store.take("node-1", at: 0) else { return try expect(false, "no lease") }
            try await store.commit([.fence(first), .put(key, value: [1], when: .any)])
            guard let second = try await store.take("node-2", at: 10) else { return try expect(false, "no lease") }
            try await expect(.leaseLost) { try await store.commit([.put(key, value: [2], when: .any), .fence(first)]) }
            try expect(try await store.row(key)?.value, is: [1])
            try await store.commit([.fence(second), .put(key, value: [3], when: .any)])
            try await store.releaseLease(second)
            try await expect(.leaseLost) { try await store.commit([.fence(second)]) }
        },
    ]
}
