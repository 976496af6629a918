import NIOCore

/// Decides which service a request is for.
package enum ServiceChoice {
    /// - Parameter claim: of the request's signature, if it has one.
    /// - Returns: nil when nothing in the request names one of `services`.
    ///
    /// Asked in this order: the service of the credential's scope, the prefix of `X-Amz-Target`, the host, the path among the
    /// routes of rest services, `Action` and `Version` of a query or form.
    package static func service(
        of request: WireRequest, claim: SigV4Claim?, among services: [ServiceModel]
    ) -> ServiceModel? {
        if let claim {
            let signed = services.filter { $0.signingName == claim.service }
            // Services may share a signing name; the rest of the request tells them apart.
            if signed.count == 1 { return signed[0] }
            if !signed.isEmpty { return unsigned(request, signed) ?? signed[0] }
        }
        return unsigned(request, services)
    }

    private static func unsigned(_ request: WireRequest, _ services: [ServiceModel]) -> ServiceModel? {
        byTarget(request, services) ?? byHost(request, services) ?? byRoute(request, services)
            ?? byAction(request, services)
    }

    private static func byTarget(_ request: WireRequest, _ services: [ServiceModel]) -> ServiceModel? {
        guard let target = request.headers["x-amz-target"], let dot = target.lastIndex(of: ".") else { return nil }
        let prefix = target[..<dot]
        return services.first { $0.targetPrefix.map { $0 == prefix } ?? false }
    }

    private static func byHost(_ request: WireRequest, _ services: [ServiceModel]) -> ServiceModel? {
        guard let host = request.headers["host"], let label = host.split(separator: ".").first, host.contains(".")
        else { return nil }
        let lowered = label.lowercased()
        return services.first { $0.endpointPrefix == lowered }
    }

    private static func byRoute(_ request: WireRequest, _ services: [ServiceModel]) -> ServiceModel? {
        let rest = services.filter { $0.protocols.contains(.restJSON) || $0.protocols.contains(.restXML) }
        if let exact = rest.first(where: {
            $0.route(method: request.method, path: request.path, query: request.query) != nil
        }) {
            return exact
        }
        // An operation that does not exist is still a service's, by the first part of its path if that is a version.
        guard let first = request.path.split(separator: "/").first, first.utf8.count == 10, first.contains("-") else {
            return nil
        }
        let prefix = "/\(first)/"
        return rest.first { $0.operations.contains { $0.uri.hasPrefix(prefix) } }
    }

    private static func byAction(_ request: WireRequest, _ services: [ServiceModel]) -> ServiceModel? {
        var parameters = Percent.query(request.query)
        if request.headers["content-type"]?.hasPrefix(QueryProtocol.formType) == true {
            parameters += Percent.query(String(decoding: request.body.readableBytesView, as: UTF8.self))
        }
        guard let action = parameters.first(where: { $0.name == "Action" })?.value else { return nil }
        let version = parameters.first { $0.name == "Version" }?.value
        let speaking = services.filter { $0.protocols.contains(.query) || $0.protocols.contains(.ec2) }
        return speaking.first { (version == nil || $0.apiVersion == version) && $0.operation(action) != nil }
            ?? speaking.first { version != nil && $0.apiVersion == version }
    }
}
