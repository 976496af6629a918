package import ApusModel

/// How a client names a function: a name, `name:qualifier`, a partial ARN or a full one.
///
/// - Source: Lambda API reference, Invoke, `FunctionName`; recorded refusals.
package struct FunctionReference: Hashable, Sendable {
    package let key: FunctionKey

    /// `$LATEST`, a version's number or an alias; nil when the client gave none.
    package let qualifier: String?

    package init(key: FunctionKey, qualifier: String?) {
        self.key = key
        self.qualifier = qualifier
    }

    /// - Parameters:
    ///   - text: as it stands in the path, decoded.
    ///   - qualifier: of the query, if any.
    ///   - scope: of the caller.
    /// - Throws: the fault for another region, another account, or two qualifiers that differ.
    package init(_ text: String, qualifier: String?, scope: Scope) throws(Fault) {
        var (name, own) = (text, String?.none)
        if text.utf8.contains(UInt8(ascii: ":")) {
            let parts = try Self.parts(text, scope: scope)
            (name, own) = (parts.name, parts.qualifier)
        }
        guard name.utf8.count <= 64 else {
            throw .invalidParameter(
                "1 validation error detected: Value '\(name)' at 'functionName' failed to satisfy constraint: "
                    + "Member must have length less than or equal to 64")
        }
        if let own, let qualifier, own != qualifier {
            throw .invalidParameter(
                "The derived qualifier from the function name does not match the specified qualifier.")
        }
        key = FunctionKey(scope: scope, name: name)
        self.qualifier = own ?? qualifier
    }

    private static func parts(_ text: String, scope: Scope) throws(Fault) -> (name: String, qualifier: String?) {
        var parts = text.split(separator: ":", omittingEmptySubsequences: false)[...]
        if parts.first == "arn" {
            guard parts.count >= 7, parts[2] == "lambda" else { throw malformed(text) }
            guard parts[3] == scope.region.name else {
                throw Fault(
                    "ResourceNotFoundException", status: 404,
                    "Functions from '\(parts[3])' are not reachable in this region ('\(scope.region)')")
            }
            guard parts[5] == "function" else { throw malformed(text) }
            parts = parts.dropFirst(4)
        }
        if let account = parts.first, account.utf8.count == 12, AccountID(String(account)) != nil, parts.count > 2 {
            guard account == scope.account.digits else {
                throw Fault(
                    "AccessDeniedException", status: 403,
                    "User is not authorized to perform this operation on a resource of account \(account)")
            }
            parts = parts.dropFirst()
        }
        if parts.first == "function", parts.count > 1 { parts = parts.dropFirst() }
        guard parts.count == 1 || parts.count == 2, let name = parts.first, !name.isEmpty else { throw malformed(text) }
        let qualifier = parts.count == 2 ? String(parts[parts.startIndex + 1]) : nil
        guard qualifier != "" else { throw malformed(text) }
        return (String(name), qualifier)
    }

    private static func malformed(_ text: String) -> Fault {
        .invalidParameter(
            "1 validation error detected: Value '\(text)' at 'functionName' failed to satisfy constraint: "
                + "Member must satisfy regular expression pattern: "
                + "(arn:(aws[a-zA-Z-]*)?:lambda:)?([a-z]{2}(-gov)?-[a-z]+-\\d{1}:)?(\\d{12}:)?(function:)?([a-zA-Z0-9-_]+)(:(\\$LATEST|[a-zA-Z0-9-_]+))?"
        )
    }

    /// For operations that only `$LATEST` has.
    ///
    /// - Source: recorded response.
    package func requireUnqualified() throws(Fault) {
        guard qualifier == nil || qualifier == "$LATEST" else { throw Self.qualified }
    }

    /// A qualifier was given to an operation of whole functions.
    ///
    /// - Source: recorded response.
    package static let qualified = Fault.invalidParameter(
        "This operation is permitted on Lambda functions only. Aliases and versions do not support this operation. "
            + "Please specify either a function name or an unqualified function ARN.")

    /// The ARN as AWS repeats it in messages.
    package var arn: String { key.arn(qualifier) }
}

extension Fault {
    package static func invalidParameter(_ message: String) -> Fault {
        Fault("InvalidParameterValueException", status: 400, message)
    }

    /// - Source: recorded response.
    package static func functionNotFound(_ arn: String) -> Fault {
        Fault("ResourceNotFoundException", status: 404, "Function not found: \(arn)")
    }
}
