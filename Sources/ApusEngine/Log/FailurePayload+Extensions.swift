package import ApusModel
package import ApusRuntimeAPI
import Glibc
package import NIOCore

/// - Source: recorded responses.
extension FailurePayload {
    package static func failed(_ id: RequestID, _ failure: ExtensionFailure) -> ByteBuffer {
        let message = LineText("RequestId: \(id) Error: \(reason(failure))")
        return ByteBuffer(
            bytes: (#"{"errorType":"\#(failure.type)","errorMessage":\#(json: message.text)}"# as LineText).bytes)
    }

    package static func reason(_ failure: ExtensionFailure) -> String {
        switch failure.cause {
        case .ended(.exited(0), _): "exit code 0"
        case .ended(.exited(let code), _): "exit status \(code)"
        case .ended(.killed(let signal), _): "signal: \(name(ofSignal: signal))"
        case .ended(.failed(let error), let path): "fork/exec \(path): \(String(cString: strerror(error)).lowercased())"
        case .reported(let type): type
        case .tooMany: "ErrTooManyExtensions"
        }
    }
}
