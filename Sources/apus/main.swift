import ApusModel
import ApusServer

var settings = ServerSettings(data: "/var/lib/apus")
var arguments = CommandLine.arguments.dropFirst(2).makeIterator()
while let argument = arguments.next() {
    switch argument {
    case "--data": settings.data = arguments.next() ?? ""
    case "--listen":
        let parts = (arguments.next() ?? "").split(separator: ":")
        settings.host = String(parts[0])
        settings.port = Int(parts[1]) ?? 0
    case "--dev": settings.isDevelopment = true
    case "--driver": settings.driver = .process
    default: break
    }
}
let server = ApusServer(try Foundations(settings))
try await server.run()
