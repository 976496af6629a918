package import ApusModel

/// Takes what functions print. Called on event loops: it must only put aside what it is given.
package protocol LogWriter: Sendable {
    /// - Returns: false when so much is waiting to be stored that the caller should stop reading for a while; the block was
    ///   taken all the same.
    func write(_ block: LogBlock, to destination: LogDestination) -> Bool
}
