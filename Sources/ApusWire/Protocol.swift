package import ApusModel

/// One of AWS's wire protocols, driven by the tables of a service. It knows every protocol rule and no service.
///
/// `rest-json`, `json` (1.0 and 1.1) and `query` exist; `rest-xml`, `ec2`, `rpc-v2-cbor` join by conforming.
package protocol WireProtocol: Sendable {
    /// Finds the operation that a request names.
    ///
    /// - Throws: the protocol's fault for an operation that the service does not have (`UnknownOperationException`,
    ///   `InvalidAction`, ...), which names it.
    func operation(of request: WireRequest, in service: ServiceModel) throws(Fault) -> OperationModel

    /// Reads the input and checks it against the constraints of the tables.
    ///
    /// - Throws: `SerializationException` and the like when the bytes are not of the protocol; `ValidationException` with all
    ///   violations in one message when the values break constraints.
    func input(
        of request: WireRequest, for operation: OperationModel, in service: ServiceModel
    ) throws(Fault) -> ShapeValue

    func response(
        _ output: ShapeValue, for operation: OperationModel, in service: ServiceModel, requestID: RequestID
    ) -> WireResponse

    /// - Parameter operation: nil when the request did not get that far.
    func response(
        _ fault: Fault, for operation: OperationModel?, in service: ServiceModel, requestID: RequestID
    ) -> WireResponse
}
