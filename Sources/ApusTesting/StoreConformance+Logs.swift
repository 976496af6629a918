import ApusModel
import ApusStore

private let log = LogName(kind: "logs", partition: "/aws/lambda/hello")
private let other = LogName(kind: "logs", partition: "/aws/lambda/world")

private func record(_ text: String, tag: String = "", at time: Int64 = 0) -> NewRecord {
    NewRecord(tag: tag, time: .at(time), payload: bytes(text))
}

extension Store {
    fileprivate func texts(_ query: LogQuery, in name: LogName = log) async throws -> [String] {
        try await read(name, query).map { String(decoding: $0.payload, as: UTF8.self) }
    }

    /// All pages of a query, and checks that they have the size asked for.
    fileprivate func pages(_ query: LogQuery, in name: LogName = log) async throws -> [String] {
        var query = query
        var texts: [String] = []
        while case let page = try await read(name, query), let last = page.last {
            try expect(page.count <= query.limit, "\(page.count) records instead of \(query.limit)")
            texts += page.map { String(decoding: $0.payload, as: UTF8.self) }
            query.after = LogPosition(time: last.time, sequence: last.sequence)
        }
        return texts
    }

    /// Reads on until so many records were seen.
    fileprivate func follow(until count: Int) async throws -> [String] {
        var seen: [String] = []
        var query = LogQuery(limit: 7)
        while seen.count < count {
            let page = try await read(log, query)
            seen += page.map { String(decoding: $0.payload, as: UTF8.self) }
            if let last = page.last { query.after = LogPosition(time: last.time, sequence: last.sequence) }
        }
        return seen
    }

    fileprivate func append(_ records: [NewRecord], to name: LogName = log) async throws -> [Int64] {
        try await append(records.map { (log: name, record: $0) })
    }
}

/// Ten records, with tags a, b and ab in turn, whose times are not in the order of their places.
private let mixed = (0..<10).map { place in
    record("\(place)", tag: ["a", "b", "ab"][place % 3], at: Int64([5, 3, 8, 3, 9, 1, 5, 5, 2, 7][place]))
}

extension StoreConformance {
    static let logs: [StoreConformance] = [
        StoreConformance("records come back as they were appended, in their order") { fixture in
            let store = fixture.store
            let payloads = [[], Array(0...255), noise(1 << 20)]
            let sequences = try await store.append(
                payloads.map { NewRecord(tag: "é", time: .at(4), payload: $0) } + [record("plain")])
            try expect(zip(sequences, sequences.dropFirst()).allSatisfy { $0 < $1 }, "\(sequences) do not grow")
            let found = try await store.read(log, LogQuery(limit: 100))
            try expect(found.map(\.sequence), is: sequences)
            try expect(Array(found.map(\.payload)[..<3]) == payloads, "payloads changed")
            try expect(found.map(\.tag), is: ["é", "é", "é", ""])
            try expect(found[0].time, is: .at(4))
            try expect(try await store.read(other, LogQuery(limit: 100)), is: [])
            try expect(try await store.append([]), is: [])
        },

        StoreConformance("one append reaches several logs, each with sequences of its own") { fixture in
            let store = fixture.store
            let records: [(log: LogName, record: NewRecord)] = [
                (log, record("1")), (other, record("2")), (log, record("3")), (other, record("4")),
            ]
            let first = try await store.append(records)
            let second = try await store.append(records)
            try expect(first[0] < first[2] && first[2] < second[0], "\(first) then \(second)")
            try expect(first[1] < first[3] && first[3] < second[1], "\(first) then \(second)")
            try expect(try await store.texts(LogQuery(limit: 9)), is: ["1", "3", "1", "3"])
            try expect(try await store.texts(LogQuery(limit: 9), in: other), is: ["2", "4", "2", "4"])
        },

        StoreConformance("each order reads as it says, whole and in pages") { fixture in
            let store = fixture.store
            _ = try await store.append(mixed)
            let wanted: [(LogQuery.Order, String)] = [
                (.sequence, "0123456789"), (.newestFirst, "9876543210"), (.time, "5813067924"),
            ]
            for (order, text) in wanted {
                try expect(try await store.texts(LogQuery(order: order, limit: 100)).joined(), is: text)
                for limit in 1...4 {
                    try expect(try await store.pages(LogQuery(order: order, limit: limit)).joined(), is: text)
                }
            }
        },

        StoreConformance("tag, prefix and times select in every order") { fixture in
            let store = fixture.store
            _ = try await store.append(mixed + [record("x", at: 5)])
            func check(_ query: LogQuery, _ keep: (NewRecord) -> Bool, line: Int = #line) async throws {
                let all = mixed + [record("x", at: 5)]
                for order in [LogQuery.Order.sequence, .newestFirst, .time] {
                    var kept = Array(all.filter(keep).enumerated())
                    switch order {
                    case .sequence: break
                    case .newestFirst: kept.reverse()
                    case .time: kept.sort { ($0.element.time, $0.offset) < ($1.element.time, $1.offset) }
                    }
                    let wanted = kept.map { String(decoding: $0.element.payload, as: UTF8.self) }
                    var query = query
                    query.order = order
                    try expect(try await store.texts(query), is: wanted, line: line)
                    query.limit = 2
                    try expect(try await store.pages(query), is: wanted, line: line)
                }
            }
            try await check(LogQuery(tag: "a", limit: 99)) { $0.tag == "a" }
            try await check(LogQuery(tag: "none", limit: 99)) { _ in false }
            try await check(LogQuery(tag: "", limit: 99)) { $0.tag == "" }
            try await check(LogQuery(tagPrefix: "a", limit: 99)) { $0.tag.hasPrefix("a") }
            try await check(LogQuery(tagPrefix: "", limit: 99)) { _ in true }
            try await check(LogQuery(from: .at(5), limit: 99)) { $0.time >= .at(5) }
            try await check(LogQuery(until: .at(5), limit: 99)) { $0.time < .at(5) }
            try await check(LogQuery(from: .at(2), until: .at(8), limit: 99)) { $0.time >= .at(2) && $0.time < .at(8) }
            try await check(LogQuery(from: .at(6), until: .at(6), limit: 99)) { _ in false }
            try await check(LogQuery(from: .at(100), limit: 99)) { _ in false }
            try await check(LogQuery(tag: "a", from: .at(3), until: .at(7), limit: 99)) {
                $0.tag == "a" && $0.time >= .at(3) && $0.time < .at(7)
            }
            try await check(LogQuery(tagPrefix: "a", from: .at(6), limit: 99)) {
                $0.tag.hasPrefix("a") && $0.time >= .at(6)
            }
        },

        StoreConformance("the bytes of an answer are bounded, but its first record always comes") { fixture in
            let store = fixture.store
            _ = try await store.append((0..<5).map { record(String(repeating: "\($0)", count: 10)) })
            try expect(try await store.read(log, LogQuery(limit: 99, byteLimit: 25)).count, is: 2)
            try expect(try await store.read(log, LogQuery(limit: 99, byteLimit: 30)).count, is: 3)
            try expect(try await store.read(log, LogQuery(limit: 99, byteLimit: 1)).count, is: 1)
        },

        StoreConformance("tags are summed up, in the order of their bytes and in pages") { fixture in
            let store = fixture.store
            _ = try await store.append([
                record("12", tag: "b/2", at: 5), record("1", tag: "a", at: 9), record("123", tag: "b/2", at: 3),
                record("none", at: 1), record("1", tag: "b/1", at: 7),
            ])
            _ = try await store.append([record("1", tag: "b/2", at: 8)])
            _ = try await store.append([record("1", tag: "c")], to: other)
            let two = LogTagSummary(tag: "b/2", first: .at(3), last: .at(8), bytes: 6)
            let all = try await store.tags(of: log, prefix: "", after: nil, limit: 10)
            try expect(all.map(\.tag), is: ["a", "b/1", "b/2"])
            try expect(all[2], is: two)
            try expect(try await store.tags(of: log, prefix: "b/", after: "b/1", limit: 10), is: [two])
            try expect(try await store.tags(of: log, prefix: "", after: nil, limit: 2).map(\.tag), is: ["a", "b/1"])
            try expect(try await store.tags(of: log, prefix: "c", after: nil, limit: 9), is: [])
        },

        StoreConformance("a tag's last moment is the latest that its records tell of") { fixture in
            let store = fixture.store
            func last() async throws -> Timestamp? {
                try await store.tags(of: log, prefix: "", after: nil, limit: 1).first?.last
            }
            let long = NewRecord(tag: "a", time: .at(3), latest: .at(9), payload: [1])
            _ = try await store.append([record("old", tag: "a", at: 1), long, record("short", tag: "a", at: 5)])
            try expect(try await last(), is: .at(9))
            try await store.trim(log, before: .at(2))
            try expect(try await last(), is: .at(9))
            _ = try await store.append([record("late", tag: "a", at: 12)])
            try expect(try await last(), is: .at(12))
        },

        StoreConformance("tags that only look alike stay apart") { fixture in
            let store = fixture.store
            _ = try await store.append([record("1", tag: "é"), record("2", tag: "e\u{301}")])
            try expect(try await store.texts(LogQuery(tag: "é", limit: 9)), is: ["1"])
            try expect(try await store.texts(LogQuery(tag: "e\u{301}", limit: 9)), is: ["2"])
        },

        StoreConformance("trimming removes what is older, corrects the tags and gives no sequence again") { fixture in
            let store = fixture.store
            let last = try await store.append(mixed).last ?? 0
            _ = try await store.append(mixed, to: other)
            try expect(try await store.trim(log, before: .at(5)), is: 4)
            try expect(try await store.texts(LogQuery(limit: 99)).joined(), is: "024679")
            try expect(try await store.texts(LogQuery(order: .time, limit: 99)).joined(), is: "067924")
            let tags = try await store.tags(of: log, prefix: "", after: nil, limit: 9)
            try expect(
                tags,
                is: [
                    LogTagSummary(tag: "a", first: .at(5), last: .at(7), bytes: 3),
                    LogTagSummary(tag: "ab", first: .at(8), last: .at(8), bytes: 1),
                    LogTagSummary(tag: "b", first: .at(5), last: .at(9), bytes: 2),
                ])
            try expect(try await store.trim(log, before: .at(100)), is: 6)
            try expect(try await store.tags(of: log, prefix: "", after: nil, limit: 9), is: [])
            try expect(try await store.texts(LogQuery(limit: 99), in: other).count, is: 10)
            let next = try await store.append([record("next")])[0]
            try expect(next > last, "\(next) after \(last)")
            let later = try await fixture.reopen().append([record("next")])[0]
            try expect(later > next, "\(later) after \(next) in a new process")
        },

        StoreConformance("a long log is trimmed whole while others append to it") { fixture in
            let store = fixture.store
            for batch in 0..<3 {
                _ = try await store.append((0..<1000).map { record("\($0)", tag: "tag \(batch)", at: 1) })
            }
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask {
                    for _ in 0..<20 { _ = try await store.append([record("new", tag: "new", at: 2)]) }
                }
                group.addTask { try expect(try await store.trim(log, before: .at(2)), is: 3000) }
                try await group.waitForAll()
            }
            try expect(try await store.read(log, LogQuery(limit: 9999)).count, is: 20)
            try expect(try await store.tags(of: log, prefix: "", after: nil, limit: 9).map(\.tag), is: ["new"])
        },

        StoreConformance("deleting a tag leaves the others, deleting a log leaves its sequence") { fixture in
            let store = fixture.store
            let last = try await store.append(mixed).last ?? 0
            _ = try await store.append(mixed, to: other)
            try await store.deleteLog(log, tag: "a")
            try await store.deleteLog(log, tag: "none")
            try expect(try await store.texts(LogQuery(limit: 99)).joined(), is: "124578")
            try expect(try await store.tags(of: log, prefix: "", after: nil, limit: 9).map(\.tag), is: ["ab", "b"])
            try await store.deleteLog(log, tag: nil)
            try await store.deleteLog(log, tag: nil)
            try expect(try await store.read(log, LogQuery(limit: 99)), is: [])
            try expect(try await store.tags(of: log, prefix: "", after: nil, limit: 9), is: [])
            let next = try await store.append([record("new", tag: "a")])[0]
            try expect(next > last, "\(next) after \(last)")
            try expect(try await store.texts(LogQuery(tag: "a", limit: 99)), is: ["new"])
            try expect(try await store.texts(LogQuery(limit: 99), in: other).count, is: 10)
            try await store.deleteLog(LogName(kind: "logs", partition: "never"), tag: nil)
        },

        StoreConformance("a reader that goes on behind what it saw misses nothing and sees nothing twice") { fixture in
            let store = fixture.store
            try await withThrowingTaskGroup(of: Void.self) { group in
                for writer in 0..<4 {
                    group.addTask {
                        for number in 0..<50 { _ = try await store.append([record("\(writer)-\(number)")]) }
                    }
                }
                group.addTask { try expect(Set(try await store.follow(until: 200)).count, is: 200) }
                try await group.waitForAll()
            }
        },
    ]
}
