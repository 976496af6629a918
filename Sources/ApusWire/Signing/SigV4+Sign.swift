package import ApusModel
import NIOCore

/// A credential that signs.
package struct SigningCredential: Sendable {
    package let accessKey: String
    package let secret: String
    package let sessionToken: String?

    package init(accessKey: String, secret: String, sessionToken: String? = nil) {
        self.accessKey = accessKey
        self.secret = secret
        self.sessionToken = sessionToken
    }
}

extension SigV4 {
    /// Signs a request in its `Authorization` header.
    ///
    /// It adds `X-Amz-Date`, the session token if there is one, and for S3 `X-Amz-Content-Sha256`. All headers are signed that
    /// the request has then, except those that proxies change; `Host` must be among them.
    ///
    /// - Parameter word: stands in the place of the body's hash, such as `UNSIGNED-PAYLOAD`.
    package static func sign(
        _ request: inout WireRequest, by credential: SigningCredential, region: String, service: String,
        at now: Timestamp, payload word: String? = nil
    ) {
        let date = now.civil.amzDate
        request.headers.set("X-Amz-Date", date)
        if let token = credential.sessionToken { request.headers.set("X-Amz-Security-Token", token) }
        let payload = word ?? hash(request.body)
        if isS3(service) || word != nil { request.headers.set("X-Amz-Content-Sha256", payload) }
        let unsigned: Set = [
            "accept-encoding", "authorization", "connection", "content-length", "expect", "transfer-encoding",
            "user-agent", "x-amzn-trace-id",
        ]
        let names = Set(request.headers.fields.map { $0.name.lowercased() }).subtracting(unsigned).sorted()
        let signedHeaders = names.joined(separator: ";")
        let claim = draft(credential, now, region, service, signedHeaders, .header, payload)
        let key = SigningKey(secret: credential.secret, day: claim.day, region: region, service: service)
        let signature = String(decoding: signature(claim, request, payload: payload, key), as: UTF8.self)
        request.headers.set(
            "Authorization",
            "\(algorithm) Credential=\(credential.accessKey)/\(claim.day)/\(region)/\(service)/\(terminator), "
                + "SignedHeaders=\(signedHeaders), Signature=\(signature)")
    }

    /// The query of a presigned request, to be put after a `?`; it begins with `query`.
    ///
    /// - Parameters:
    ///   - path: encoded, as it will be sent.
    ///   - query: further parameters, encoded; may be empty.
    ///   - expires: seconds, 1...604,800.
    package static func presign(
        method: String = "GET", host: String, path: String, query: String = "", by credential: SigningCredential,
        region: String, service: String, at now: Timestamp, expires: Int
    ) -> String {
        let date = now.civil.amzDate
        let scope = "\(credential.accessKey)/\(now.civil.amzDay)/\(region)/\(service)/\(terminator)"
        var parameters = query.isEmpty ? [] : [query]
        parameters.append("X-Amz-Algorithm=\(algorithm)")
        parameters.append("X-Amz-Credential=\(Percent.encode(scope))")
        parameters.append("X-Amz-Date=\(date)")
        parameters.append("X-Amz-Expires=\(expires)")
        parameters.append("X-Amz-SignedHeaders=host")
        if let token = credential.sessionToken {
            parameters.append("X-Amz-Security-Token=\(Percent.encode(token))")
        }
        let unsigned = parameters.joined(separator: "&")
        let request = WireRequest(
            method: method, path: path, query: unsigned, headers: ["host": host], body: ByteBuffer())
        let payload = isS3(service) ? "UNSIGNED-PAYLOAD" : emptyHash
        let claim = draft(credential, now, region, service, "host", .presigned(expires: expires), payload)
        let key = SigningKey(secret: credential.secret, day: claim.day, region: region, service: service)
        let signature = String(decoding: signature(claim, request, payload: payload, key), as: UTF8.self)
        return "\(unsigned)&X-Amz-Signature=\(signature)"
    }

    private static func draft(
        _ credential: SigningCredential, _ now: Timestamp, _ region: String, _ service: String,
        _ signedHeaders: String, _ form: SigV4Claim.Form, _ payload: String
    ) -> SigV4Claim {
        SigV4Claim(
            accessKey: credential.accessKey, day: now.civil.amzDay, region: region, service: service,
            signedHeaders: signedHeaders, signature: "", form: form, date: now.civil.amzDate, time: now,
            sessionToken: credential.sessionToken, payload: .hash(payload), payloadWord: payload)
    }
}
