/// One function of one account and region.
package struct FunctionKey: Hashable, Sendable, CustomStringConvertible {
    package let scope: Scope
    package let name: String

    package init(scope: Scope, name: String) {
        self.scope = scope
        self.name = name
    }

    /// The unqualified ARN.
    package var arn: ARN { ARN(service: "lambda", scope: scope, resource: "function:\(name)") }

    /// The ARN with `:qualifier`, or the plain one without a qualifier.
    package func arn(_ qualifier: String?) -> String { qualifier.map { "\(arn):\($0)" } ?? arn.description }

    package var description: String { "\(scope)/\(name)" }
}

/// `$LATEST`, or a published version from 1 upwards.
package enum FunctionVersion: Hashable, Sendable, CustomStringConvertible {
    case latest
    case published(Int)

    package init?(_ text: some StringProtocol) {
        if text == "$LATEST" {
            self = .latest
        } else if text.first != "0", text.utf8.allSatisfy({ $0 >= 0x30 && $0 <= 0x39 }), let number = Int(text) {
            self = .published(number)
        } else {
            return nil
        }
    }

    package var description: String {
        switch self {
        case .latest: "$LATEST"
        case .published(let number): String(number)
        }
    }
}
