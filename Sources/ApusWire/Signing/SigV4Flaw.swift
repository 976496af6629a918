package import ApusModel

/// Why a signature is refused.
package enum SigV4Flaw: Error, Equatable, Sendable {
    case missing
    /// The claim cannot be read; the text is AWS's.
    case incomplete(String)
    /// The query parameters of a presigned request cannot be read.
    case badQuery(String)
    /// The claim contradicts itself or the rules; the text is AWS's.
    case invalid(String)
    case unknownKey
    case expiredToken
    case expired(String)
    case tooSkewed(String)
    case mismatch
    /// The body is not the one that was signed.
    case bodyMismatch
    /// `x-amz-content-sha256` is none of its words.
    case badPayloadHash
    /// A body in chunks is malformed.
    case badChunks(String)

    /// How a service words its faults.
    package enum Style: Sendable { case json, query, s3 }

    /// The fault as AWS has it.
    ///
    /// - Source: AWS API references, "Common errors"; S3 error responses; SigV4 troubleshooting guide.
    package func fault(_ style: Style) -> Fault {
        switch self {
        case .missing:
            switch style {
            case .json:
                return Fault("MissingAuthenticationTokenException", status: 403, "Missing Authentication Token")
            case .query:
                return Fault("MissingAuthenticationToken", status: 403, "Request is missing Authentication Token")
            case .s3: return Fault("AccessDenied", status: 403, "Access Denied")
            }
        case .incomplete(let text):
            switch style {
            case .json: return Fault("IncompleteSignatureException", status: 403, text)
            case .query: return Fault("IncompleteSignature", status: 403, text)
            case .s3: return Fault("AuthorizationHeaderMalformed", status: 400, text)
            }
        case .badQuery(let text):
            switch style {
            case .json: return Fault("IncompleteSignatureException", status: 403, text)
            case .query: return Fault("IncompleteSignature", status: 403, text)
            case .s3: return Fault("AuthorizationQueryParametersError", status: 400, text)
            }
        case .unknownKey:
            let text = "The security token included in the request is invalid."
            switch style {
            case .json: return Fault("UnrecognizedClientException", status: 403, text)
            case .query: return Fault("InvalidClientTokenId", status: 403, text)
            case .s3:
                return Fault(
                    "InvalidAccessKeyId", status: 403,
                    "The AWS Access Key Id you provided does not exist in our records.")
            }
        case .expiredToken:
            let text = "The security token included in the request is expired"
            switch style {
            case .json: return Fault("ExpiredTokenException", status: 403, text)
            case .query: return Fault("ExpiredToken", status: 403, text)
            case .s3: return Fault("ExpiredToken", status: 400, "The provided token has expired.")
            }
        case .expired(let text):
            return style == .s3
                ? Fault("AccessDenied", status: 403, "Request has expired") : Self.refused(style, text)
        case .tooSkewed(let text):
            return style == .s3
                ? Fault(
                    "RequestTimeTooSkewed", status: 403,
                    "The difference between the request time and the current time is too large.")
                : Self.refused(style, text)
        case .invalid(let text): return Self.refused(style, text)
        case .mismatch:
            return Self.refused(
                style,
                style == .s3
                    ? "The request signature we calculated does not match the signature you provided. "
                        + "Check your key and signing method."
                    : "The request signature we calculated does not match the signature you provided. "
                        + "Check your AWS Secret Access Key and signing method. "
                        + "Consult the service documentation for details.")
        case .bodyMismatch:
            return style == .s3
                ? Fault(
                    "XAmzContentSHA256Mismatch", status: 400,
                    "The provided 'x-amz-content-sha256' header does not match what was computed.")
                : SigV4Flaw.mismatch.fault(style)
        case .badPayloadHash:
            return style == .s3
                ? Fault(
                    "InvalidArgument", status: 400,
                    "x-amz-content-sha256 must be UNSIGNED-PAYLOAD, STREAMING-UNSIGNED-PAYLOAD-TRAILER, "
                        + "STREAMING-AWS4-HMAC-SHA256-PAYLOAD, STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER "
                        + "or a valid sha256 value.")
                : SigV4Flaw.mismatch.fault(style)
        case .badChunks(let text):
            return style == .s3
                ? Fault("IncompleteBody", status: 400, text) : Fault("SerializationException", status: 400, text)
        }
    }

    private static func refused(_ style: Style, _ text: String) -> Fault {
        Fault(style == .json ? "InvalidSignatureException" : "SignatureDoesNotMatch", status: 403, text)
    }
}

extension ServiceModel {
    /// How this service words faults of signatures.
    package var signatureStyle: SigV4Flaw.Style {
        switch protocols.first {
        case .query?, .ec2?: .query
        case .restXML?: signingName == "s3" ? .s3 : .query
        default: .json
        }
    }
}
