/// What an environment is started for, and from what.
enum EnvironmentOrigin: Sendable {
    case demand
    case provisioned
    /// To be forked, after its init.
    case template
    case restored(Template)

    /// The value of `AWS_LAMBDA_INITIALIZATION_TYPE`.
    var initializationType: String {
        switch self {
        case .demand: "on-demand"
        case .provisioned: "provisioned-concurrency"
        case .template, .restored: "snap-start"
        }
    }

    /// Whether an invocation waits that can have a failed init run again.
    var retriesInit: Bool {
        if case .demand = self { true } else { false }
    }
}
