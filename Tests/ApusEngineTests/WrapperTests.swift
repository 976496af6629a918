import ApusEngine
import ApusModel
import ApusSandbox
import ApusTesting
import Testing

struct WrapperTests {
    private static let variables = [(name: "AWS_LAMBDA_EXEC_WRAPPER", value: "/opt/wrapper")]

    @Test func aShellExecutesTheWrapperInFrontOfTheRuntime() async throws {
        let arguments = try await Self.arguments(.scripted, Self.variables)
        #expect(arguments == ["/bin/sh", "-c", #"exec "$0" "$@""#, "/opt/wrapper", "/var/runtime/bootstrap"])
    }

    @Test func withoutAWrapperTheRuntimeIsExecuted() async throws {
        let arguments = try await Self.arguments(.scripted, [])
        #expect(arguments == ["/var/runtime/bootstrap"])
    }

    @Test func runtimesThatFunctionsBringHaveNoWrapper() async throws {
        var bundle = RuntimeBundle.scripted
        bundle.executionEnvironment = nil
        let arguments = try await Self.arguments(bundle, Self.variables)
        #expect(arguments == ["/var/runtime/bootstrap"])
    }

    /// What an environment of such a function was started with.
    private static func arguments(
        _ bundle: RuntimeBundle, _ variables: [(name: String, value: String)]
    ) async throws -> [String] {
        var arguments: [String] = []
        try await EngineFixture.run(runtimes: StubRuntimes([bundle]), program: { try $0.serve(\.body) }) { fixture in
            let revision = Revision.sample(variables: variables)
            fixture.publish(revision)
            #expect(await fixture.call(revision).summary == "success {}")
            arguments = fixture.driver.functions[0].specification.arguments
        }
        return arguments
    }
}
