import ApusModel

/// Gives each owner a host uid of its own while it has environments. A value without I/O.
struct UserAllocator: Sendable {
    private struct Grant: Sendable {
        var user: UInt32
        var environments: Int
    }

    private var grants: [FunctionKey: Grant] = [:]
    private var free: [UInt32] = []
    private var next: UInt32
    private let end: UInt32

    init(_ range: Range<UInt32>) {
        next = range.lowerBound
        end = range.upperBound
    }

    /// - Returns: the owner's uid; nil when all are in use.
    mutating func acquire(_ owner: FunctionKey) -> UInt32? {
        if let grant = grants[owner] {
            grants[owner]?.environments += 1
            return grant.user
        }
        guard let user = free.popLast() ?? unused() else { return nil }
        grants[owner] = Grant(user: user, environments: 1)
        return user
    }

    /// Gives back one acquisition. The uid is free for others after the owner's last.
    mutating func release(_ owner: FunctionKey) {
        guard var grant = grants[owner] else { return }
        grant.environments -= 1
        if grant.environments > 0 {
            grants[owner] = grant
        } else {
            grants[owner] = nil
            free.append(grant.user)
        }
    }

    private mutating func unused() -> UInt32? {
        guard next < end else { return nil }
        defer { next += 1 }
        return next
    }
}
