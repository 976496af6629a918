import ArgumentParser

struct Apus: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "apus",
        abstract:
            "Functions without servers to manage, on your own machines: AWS Lambda's API, served by one executable.",
        discussion: """
            Start a server with `apus serve --dev`, then `apus deploy DIR` and `apus invoke NAME` from another shell. \
            `eval "$(apus env)"` points the AWS CLI and SDKs at it.

            Settings come from flags, else from the environment (APUS_*), else from apus.yaml in the current folder or in \
            $XDG_CONFIG_HOME/apus, else from defaults; `apus config` shows which is in force.

            EXIT CODES:
              0   done
              1   the function failed (invoke), or something is missing (doctor)
              2   the server refused the request
              3   nothing answered, or not in time
              4   a file, a folder or a setting on this side cannot be used
              64  the arguments are wrong
            """,
        version: "0.1.0",
        subcommands: [
            Serve.self, Init.self, Deploy.self, Invoke.self, Logs.self, List.self, Delete.self, Layer.self, Doctor.self,
            Env.self, Config.self,
        ])
}
