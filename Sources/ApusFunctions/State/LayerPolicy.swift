import ApusServiceKit
import ApusShapes

extension PolicyStatement {
    /// Lets one account, all of an organization, or everybody read a version of a layer and use it.
    init(_ request: Lambda.AddLayerVersionPermissionRequest) {
        self.init(id: request.statementId, action: request.action, principal: request.principal)
        require("aws:PrincipalOrgID", "StringEquals", request.organizationId)
    }
}
