/// What is being worked on. An item is never worked on twice at once; when it comes again meanwhile, it is done once more.
struct WorkInProgress<Item: Hashable & Sendable>: Sendable {
    private var cameAgain: [Item: Bool] = [:]

    /// - Returns: whether the caller is to do it.
    mutating func begin(_ item: Item) -> Bool { cameAgain.updateValue(true, forKey: item) == nil && start(item) }

    /// - Returns: whether the caller is to do it once more.
    mutating func end(_ item: Item) -> Bool { cameAgain.removeValue(forKey: item) == true && start(item) }

    private mutating func start(_ item: Item) -> Bool {
        cameAgain[item] = false
        return true
    }
}
