import ApusModel
import ApusServiceKit
import ApusShapes

/// Who may call a function. Pure.
///
/// - Source: Lambda API reference, AddPermission; recorded responses.
extension PolicyStatement {
    /// - Throws: the fault for a principal that cannot be one.
    init(_ request: Lambda.AddPermissionRequest) throws(Fault) {
        guard Self.isPrincipal(request.principal) else { throw FunctionFaults.invalidPrincipal }
        self.init(id: request.statementId, action: request.action, principal: request.principal)
        require("AWS:SourceAccount", "StringEquals", request.sourceAccount)
        require("lambda:FunctionUrlAuthType", "StringEquals", request.functionUrlAuthType)
        require("aws:PrincipalOrgID", "StringEquals", request.principalOrgID)
        require("lambda:EventSourceToken", "StringEquals", request.eventSourceToken)
        require("AWS:SourceArn", "ArnLike", request.sourceArn)
        require("lambda:InvokedViaFunctionUrl", "Bool", request.invokedViaFunctionUrl.map(String.init))
    }

    private static let serviceDomains = [".amazonaws.com", ".amazonaws.com.cn", ".amazon.com"]

    /// Whether it exists is not asked: IAM has no users and roles here yet.
    private static func isPrincipal(_ text: String) -> Bool {
        if text == "*" || AccountID(text) != nil { return true }
        if let arn = ARN(text) { return ["iam", "sts"].contains(arn.service) && AccountID(arn.account) != nil }
        return serviceDomains.contains { text.hasSuffix($0) && text.utf8.count > $0.utf8.count }
    }
}

extension PolicyAccess {
    /// A call by a function URL.
    ///
    /// - Source: Lambda developer guide, "Control access to Lambda function URLs".
    init(byURL principal: Principal?, authType: String) {
        self.init(
            action: "lambda:InvokeFunctionUrl", principal: principal, facts: ["lambda:FunctionUrlAuthType": authType])
    }
}
