/// How many cells of one runtime are worth keeping: what was taken within a second lately, and half of that again.
package struct CellDemand: Equatable, Sendable {
    /// No demand is a reason for more: a larger burst is served by forks and direct starts.
    package static let most = 64

    /// Kept as soon as a function of the runtime exists, so that first calls need not wait.
    private let least: Int

    /// The most that was taken within one second, forgotten by 2 % a second.
    private var peak = 0.0
    private var taken = 0

    package init(least: Int) { self.least = least }

    /// What a host of that size can spare: about one hundredth of its memory if each cell is a runtime of 10 MB.
    ///
    /// - Parameter memory: in bytes.
    package static func least(onHostWith memory: Int) -> Int { min(24, max(4, memory >> 30)) }

    package mutating func take() {
        taken += 1
        peak = max(peak, Double(taken))
    }

    /// A second has passed.
    package mutating func tick() {
        peak *= 0.98
        taken = 0
    }

    package var target: Int { min(Self.most, max(least, Int((peak * 1.5).rounded(.up)))) }
}
