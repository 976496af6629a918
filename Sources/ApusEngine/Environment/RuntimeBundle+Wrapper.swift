import ApusModel

extension RuntimeBundle {
    /// The command line as the program that `AWS_LAMBDA_EXEC_WRAPPER` names gets it; as it is without one, and for OS-only runtimes.
    ///
    /// A shell executes the wrapper: if it is missing or no program, the environment ends with the status 127 or 126 that it ends
    /// with on AWS, and the log says why.
    ///
    /// - Source: Lambda developer guide, "Modifying the runtime environment", wrapper scripts.
    func wrapped(_ arguments: [String], for revision: Revision) -> [String] {
        guard executionEnvironment != nil,
            let wrapper = revision.variables.last(where: { $0.name == "AWS_LAMBDA_EXEC_WRAPPER" })?.value
        else { return arguments }
        return ["/bin/sh", "-c", #"exec "$0" "$@""#, wrapper] + arguments
    }
}
