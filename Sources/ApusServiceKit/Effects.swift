package import ApusModel

/// Takes the log lines of functions; the Logs service keeps them.
package protocol LogIngest: Sendable {
    /// Puts a line aside to be stored soon. Does not wait.
    ///
    /// - Returns: false when so much is waiting that the caller should slow down; the line was taken all the same.
    func append(_ bytes: [UInt8], time: Timestamp, scope: Scope, group: String, stream: String) -> Bool

    /// Returns when every line that was taken before the call is on disk, or is lost with an error in the server's log.
    func stored() async
}

/// Takes what the control plane has made ready to run.
package protocol RevisionSink: Sendable {
    /// Calls of the qualifier run this revision from now on.
    func publish(_ revision: Revision, qualifier: String)

    /// The function exists, but calls of the qualifier are refused with its state.
    func suspend(_ function: FunctionKey, qualifier: String, state: String)

    /// - Parameter qualifier: nil removes the function with all of its versions.
    func remove(_ function: FunctionKey, qualifier: String?)
}

/// Answers whether functions of a runtime can run on this host.
package protocol RuntimeRegistry: Sendable {
    /// - Returns: nil when they can; else what is missing and what the operator can do about it.
    func obstacle(to runtime: String) async -> String?
}
