import ApusServiceKit
import Glibc

/// The file from which clients on this host take the administrator's key.
struct AdministratorCredentials {
    let path: String

    /// Writes the key in the form of AWS's shared credentials, readable by its owner alone.
    func write(_ credential: Credential, region: String) throws {
        let text = """
            [default]
            aws_access_key_id = \(credential.accessKeyID)
            aws_secret_access_key = \(credential.secretAccessKey)
            region = \(region)

            """
        let file = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
        guard file >= 0 else {
            throw StartError("the key could not be written to \(path): \(String(cString: strerror(errno)))")
        }
        defer { close(file) }
        let bytes = Array(text.utf8)
        guard fchmod(file, 0o600) == 0, Glibc.write(file, bytes, bytes.count) == bytes.count, fsync(file) == 0 else {
            throw StartError("the key could not be written to \(path): \(String(cString: strerror(errno)))")
        }
    }
}
