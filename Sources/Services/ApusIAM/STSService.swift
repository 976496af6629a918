import ApusModel
package import ApusServiceKit
import ApusShapes
package import ApusWire

/// Security Token Service.
package struct STSService: AWSService {
    package var model: ServiceModel { STS.model }

    package init() {}

    package var operations: OperationTable {
        var table = OperationTable()
        table.on(STS.getCallerIdentity, action: "sts:GetCallerIdentity") { _, context in
            STS.GetCallerIdentityResponse(
                userId: context.principal.userID, account: context.principal.account.digits, arn: context.principal.arn)
        }
        return table
    }
}
