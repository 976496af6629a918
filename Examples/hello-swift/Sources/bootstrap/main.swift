import FoundationEssentials

struct Request: Decodable {
    var name: String?
}

struct Greeting: Encodable {
    var message: String
}

try Runtime().serve { (request: Request) in
    let name = request.name ?? "world"
    print("greeting \(name)")
    return Greeting(message: "Hello, \(name)!")
}
