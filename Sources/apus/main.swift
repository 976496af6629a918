import ApusModel
import ApusServer

var settings = ServerSettings(data: CommandLine.arguments[1], port: Int(CommandLine.arguments[2])!)
settings.isDevelopment = CommandLine.arguments.contains("--dev")
let server = ApusServer(try Foundations(settings))
try await server.run()
