package import ApusModel
import NIOCore

/// `json` 1.0 and 1.1: one path, `X-Amz-Target` names the operation, bodies are JSON.
package struct JSONProtocol: WireProtocol {
    package init() {}

    package func operation(of request: WireRequest, in service: ServiceModel) throws(Fault) -> OperationModel {
        let target = request.headers["x-amz-target"] ?? ""
        let name = target.split(separator: ".", omittingEmptySubsequences: false).last ?? ""
        guard target.utf8.count > name.utf8.count, let operation = service.operation(name) else {
            throw Fault("UnknownOperationException", status: 400, "Unknown operation: \(target)")
        }
        return operation
    }

    package func input(
        of request: WireRequest, for operation: OperationModel, in service: ServiceModel
    ) throws(Fault) -> ShapeValue {
        guard let input = operation.input else { return .structure([:]) }
        let value = request.body.readableBytes > 0 ? try JSONShapeReader.read(request.body, input, service) : nil
        return try validated(value ?? .structure([:]), for: operation, in: service)
    }

    package func response(
        _ output: ShapeValue, for operation: OperationModel, in service: ServiceModel, requestID: RequestID
    ) -> WireResponse {
        var response = WireResponse(status: 200, headers: headers(service, requestID))
        // An operation without output answers with nothing at all.
        guard let id = operation.output else { return response }
        var writer = JSONShapeWriter(service: service)
        writer.write(output, service[id])
        response.body.writeBytes(writer.bytes)
        return response
    }

    package func response(
        _ fault: Fault, for operation: OperationModel?, in service: ServiceModel, requestID: RequestID
    ) -> WireResponse {
        let (bytes, extra) = FaultBody.json(
            fault, service.error(code: fault.code), leading: [(name: "__type", value: fault.code)])
        var response = WireResponse(
            status: fault.status, headers: headers(service, requestID), body: ByteBuffer(bytes: bytes))
        response.headers.add("x-amzn-ErrorType", fault.code)
        for header in extra + fault.headers { response.headers.set(header.name, header.value) }
        return response
    }

    private func headers(_ service: ServiceModel, _ requestID: RequestID) -> WireHeaders {
        [
            "x-amzn-RequestId": requestID.text,
            "Content-Type": "application/x-amz-json-\(service.jsonVersion ?? "1.1")",
        ]
    }
}
