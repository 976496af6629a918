/// The rules of a cache of unpacked code: who waits for which check, who uses which tree, which trees go. Touches no file.
///
/// Each code has at most one check running. Whoever comes meanwhile waits for the next one, so that every caller gets a check
/// that began after it asked, and a burst of callers reads a package twice at the most.
struct CodeCacheState<Waiter: Sendable>: Sendable {
    /// A directory of unpacked code.
    struct TreeID: Hashable, Sendable {
        fileprivate let number: Int
    }

    /// What follows from the end of a check.
    struct Ending {
        /// Those who waited for it.
        var waiters: [Waiter]

        /// What each of them uses from now on, and must release; nil when the check failed.
        var tree: (id: TreeID, path: String)?

        /// Directories that nobody needs any more.
        var removals: [String]

        /// Others came meanwhile: another check of the same code must begin.
        var beginsAnother: Bool
    }

    private struct Entry {
        var current: TreeID?
        var checking: [Waiter] = []
        var next: [Waiter] = []
        var isChecking = false
    }

    private struct Tree {
        var key: TreeKey
        var path: String
        var users: Int
        /// Counts up with each release; the least is the one unused for longest.
        var lastRelease: Int
    }

    private var entries: [TreeKey: Entry] = [:]
    private var trees: [TreeID: Tree] = [:]
    private var lastTree = 0
    private var lastRelease = 0
    private let unusedLimit: Int

    /// - Parameter unusedLimit: trees that nobody uses and that stay all the same.
    init(unusedLimit: Int) { self.unusedLimit = unusedLimit }

    /// - Returns: true when the caller must begin a check.
    mutating func join(_ key: TreeKey, _ waiter: Waiter) -> Bool {
        if entries[key, default: Entry()].isChecking {
            entries[key, default: Entry()].next.append(waiter)
            return false
        }
        entries[key, default: Entry()].isChecking = true
        entries[key, default: Entry()].checking = [waiter]
        return true
    }

    /// The directory that the code lies unpacked in. It stays as long as a check of the code runs.
    func path(of key: TreeKey) -> String? { entries[key]?.current.flatMap { trees[$0]?.path } }

    /// Ends the check of a code.
    ///
    /// - Parameter outcome: the directory of its files.
    mutating func end(_ key: TreeKey, _ outcome: Result<String, CodeFailure>) -> Ending {
        var entry = entries[key, default: Entry()]
        var ending = Ending(waiters: entry.checking, tree: nil, removals: [], beginsAnother: !entry.next.isEmpty)
        switch outcome {
        case .success(let path):
            let id = entry.current ?? newTree(key, path)
            entry.current = id
            trees[id]?.users += entry.checking.count
            ending.tree = (id, path)
        case .failure(.corrupt):
            // What was unpacked from sound bytes goes too: nobody can tell any more what it came from.
            if let id = entry.current, let tree = trees[id], tree.users == 0 {
                trees[id] = nil
                ending.removals.append(tree.path)
            }
            entry.current = nil
        case .failure(.unavailable): break
        }
        entry.checking = entry.next
        entry.isChecking = ending.beginsAnother
        entry.next = []
        entries[key] = entry.isChecking || entry.current != nil ? entry : nil
        ending.removals += takeSurplus()
        return ending
    }

    /// One user less.
    ///
    /// - Returns: directories that nobody needs any more.
    mutating func release(_ id: TreeID) -> [String] {
        guard var tree = trees[id] else { return [] }
        lastRelease += 1
        tree.users -= 1
        tree.lastRelease = lastRelease
        trees[id] = tree
        if tree.users == 0, entries[tree.key]?.current != id {
            trees[id] = nil
            return [tree.path]
        }
        return takeSurplus()
    }

    private mutating func newTree(_ key: TreeKey, _ path: String) -> TreeID {
        lastTree += 1
        let id = TreeID(number: lastTree)
        trees[id] = Tree(key: key, path: path, users: 0, lastRelease: lastRelease)
        return id
    }

    private mutating func takeSurplus() -> [String] {
        var unused = trees.filter { $0.value.users == 0 && entries[$0.value.key]?.isChecking != true }
        guard unused.count > unusedLimit else { return [] }
        var paths: [String] = []
        while unused.count > unusedLimit, let oldest = unused.min(by: { $0.value.lastRelease < $1.value.lastRelease }) {
            unused[oldest.key] = nil
            trees[oldest.key] = nil
            entries[oldest.value.key] = nil
            paths.append(oldest.value.path)
        }
        return paths
    }
}

/// How a check failed, as far as the rules care.
enum CodeFailure: Error {
    case corrupt
    case unavailable
}
