import ApusCommand
import ApusModel
import ApusWire
import ArgumentParser

struct Env: Job {
    static let configuration = CommandConfiguration(
        abstract: "Print the variables that point AWS's tools and SDKs at the server.",
        discussion: """
            Use it as `eval "$(apus env)"`, or in fish `apus env --shell fish | source`. The key is that of the data \
            folder's `credentials`; with --dev, or before the first start, it is test/test, which only a server with --dev \
            accepts.

            Exit codes: 0 done, 4 the key cannot be read.
            """)

    @Option(help: "sh or fish.")
    var shell = ShellText.sh

    @Flag(help: "Print JSON.")
    var json = false

    @OptionGroup var options: SettingOptions

    func prepare() throws -> Work {
        let settings = try options.resolve()
        let credentials = try ClientCredentials(settings, ProcessVariables.all, usesEnvironment: false)
        if credentials.origin == .standard, !settings.isDevelopment {
            Terminal.note(
                "apus: \(settings.credentialsFile) does not exist yet; test/test works with `apus serve --dev` only")
        }
        let variables = [
            ("AWS_ENDPOINT_URL", settings.listen.url), ("AWS_ACCESS_KEY_ID", credentials.signing.accessKey),
            ("AWS_SECRET_ACCESS_KEY", credentials.signing.secret), ("AWS_DEFAULT_REGION", settings.region.name),
        ]
        return {
            if json {
                Terminal.line(ClientContext.object(variables.map { ($0.0, .string($0.1)) }).text)
            } else {
                for (name, value) in variables { Terminal.line(shell.export(name, value)) }
            }
        }
    }
}

extension ShellText: ExpressibleByArgument {}
