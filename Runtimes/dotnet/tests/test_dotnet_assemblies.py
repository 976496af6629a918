"""Where assemblies come from: the package, the runtime, .NET."""

import json
import random

import pytest

# As AWS's own, but for its bodies: a later version, a strong name, members that ours has not, and not all that ours has.
CORE = """\
[assembly: System.Reflection.AssemblyVersion("2.5.0.0")]
namespace Amazon.Lambda.Core
{
    using System;
    public interface ILambdaContext
    {
        string AwsRequestId { get; } string FunctionName { get; } ILambdaLogger Logger { get; } string TenantId { get; } int MemoryLimitInMB { get; }
    }
    public interface ILambdaLogger { void Log(string message); void LogLine(string message); void Log(string level, string message); }
    public interface IClientContext { }
    public interface IClientApplication { }
    public interface ICognitoIdentity { }
    public interface ILambdaSerializer { T Deserialize<T>(System.IO.Stream stream); void Serialize<T>(T value, System.IO.Stream stream); }
    public class LambdaSerializerAttribute : Attribute
    {
        public LambdaSerializerAttribute(Type type) { SerializerType = type; }
        public Type SerializerType { get; set; }
    }
    public static class LambdaLogger
    {
        private static Action<string> _loggingAction = Console.WriteLine;
        public static void Log(string message) => _loggingAction(message);
    }
    public static class OnlyHere { public static string Text = "of the package"; }
}
"""
FUNCTION = """\
using System.IO;
using System.Text;
using Amazon.Lambda.Core;
public class Function
{
    public Stream Handle(Stream input, ILambdaContext context)
    {
        context.Logger.Log("Error", "seen");
        LambdaLogger.Log("static");
        var text = OnlyHere.Text + "," + context.AwsRequestId + "," + context.TenantId + "," + typeof(ILambdaContext).Assembly.FullName;
        return new MemoryStream(Encoding.UTF8.GetBytes(text));
    }
}
"""


@pytest.fixture
def strong_name(tmp_path):
    """A public key of 1,024 bits; nobody checks what is signed with it."""
    head = bytes.fromhex("0024000004800000940000000602000000240000525341310004000001000100")
    path = tmp_path / "public.snk"
    path.write_bytes(head + random.Random(0).randbytes(127) + b"\xff")
    return f"-keyfile:{path}", "-delaysign+"


def test_a_package_is_bound_to_its_own_core(compile_to, launch, start, strong_name):
    core = compile_to(start.task / "Amazon.Lambda.Core.dll", CORE, *strong_name, packages=False)
    compile_to(start.task / "Function.dll", FUNCTION, f"-r:{core}", packages=False)
    function = launch("Function::Function::Handle")
    text = function.invoke(None, **{"Lambda-Runtime-Aws-Tenant-Id": "blue"}).body.decode()
    kind, request_id, tenant, identity = text.split(",", 3)
    assert (kind, request_id, tenant) == ("of the package", "00000000-0000-4000-8000-000000000001", "blue")
    assert identity.startswith("Amazon.Lambda.Core, Version=2.5.0.0, ")
    assert not identity.endswith("PublicKeyToken=null")
    assert function.texts() == ["seen\n", "static\n"]


LIBRARY = 'public static class Library { public static string Text => "library " + typeof(Library).Assembly.GetName().Version; }'
USER = """\
using System.IO;
using System.Text;
public class Function
{
    public Stream Handle(Stream input) => new MemoryStream(Encoding.UTF8.GetBytes(Library.Text));
    public Stream ByName(Stream input) => new MemoryStream(Encoding.UTF8.GetBytes(
        (string)System.Type.GetType("Library, Library").GetProperty("Text").GetValue(null)));
}
"""


@pytest.mark.parametrize("method", ["Handle", "ByName"])
def test_dependencies_lie_beside_the_function(compile_to, launch, start, method):
    library = compile_to(start.task / "Library.dll", LIBRARY)
    compile_to(start.task / "Function.dll", USER, f"-r:{library}")
    assert launch(f"Function::Function::{method}").invoke().body == b"library 0.0.0.0"


def test_a_dependency_that_is_missing(compile_to, launch, start):
    library = compile_to(start.task / "Library.dll", LIBRARY)
    compile_to(start.task / "Function.dll", USER, f"-r:{library}")
    library.unlink()
    body = json.loads(launch("Function::Function::Handle").invoke().body)
    assert body["errorType"] == "FileNotFoundException"
    assert "'Library, Version=0.0.0.0" in body["errorMessage"]


@pytest.mark.parametrize("version, answer", [("9.0.0.0", b"of the package"), ("1.0.0.0", b"")])
def test_of_two_that_have_the_same_name_the_later_one_is_used(compile_to, launch, start, version, answer):
    """Of .NET's own: a package may bring a later version of System.Text.Json."""
    source = (f'[assembly: System.Reflection.AssemblyVersion("{version}")]\n'
              'namespace System.Text.Json { public static class JsonDocument { public static string Text = "of the package"; } }')
    user = USER.replace("Library.Text", 'typeof(System.Text.Json.JsonDocument).GetField("Text")?.GetValue(null) as string ?? ""')
    own = compile_to(start.task / "System.Text.Json.dll", source, packages=False)
    compile_to(start.task / "Function.dll", user.replace("typeof(System.Text.Json.JsonDocument)", 'System.Type.GetType("System.Text.Json.JsonDocument, System.Text.Json")'))
    assert launch("Function::Function::Handle").invoke().body == answer
    assert own.exists()


def test_a_portable_package_says_what_is_for_this_platform(compile_to, launch, start):
    """As `dotnet publish` without a platform makes it: beside the function lies what fits no platform."""
    library = compile_to(start.task / "Library.dll", LIBRARY)
    compile_to(start.task / "Function.dll", USER, f"-r:{library}")
    real = start.task / "runtimes/linux/lib/netcoreapp3.1"
    compile_to(real / "Library.dll", LIBRARY.replace('"library "', '"for Linux "'))
    target = ".NETCoreApp,Version=v3.1"
    (start.task / "Function.deps.json").write_text(json.dumps({
        "runtimeTarget": {"name": target}, "compilationOptions": {},
        "targets": {target: {
            "Function/1.0.0": {"dependencies": {"Library": "1.0.0"}, "runtime": {"Function.dll": {}}},
            "Library/1.0.0": {"runtimeTargets": {"runtimes/linux/lib/netcoreapp3.1/Library.dll": {"rid": "linux", "assetType": "runtime"}}},
        }},
        "libraries": {"Function/1.0.0": {"type": "project", "serviceable": False, "sha512": ""},
                      "Library/1.0.0": {"type": "package", "serviceable": True, "sha512": ""}},
    }))
    assert launch("Function::Function::Handle").invoke().body == b"for Linux 0.0.0.0"


@pytest.mark.parametrize("wanted, used", [("1.0.0.0", "1.0.0.0"), ("2.0.0.0", "2.0.0.0"), ("9.0.0.0", "2.0.0.0")])
def test_layers_are_stores_of_packages(compile_to, launch, start, tmp_path, wanted, used):
    def version(number):
        return f'[assembly: System.Reflection.AssemblyVersion("{number}")]\n' + LIBRARY

    for number in ("1.0.0.0", "2.0.0.0"):
        compile_to(tmp_path / f"store/x64/netcoreapp3.1/library/{number}/lib/netstandard2.0/Library.dll", version(number))
    library = compile_to(start.task / "Library.dll", version(wanted))
    compile_to(start.task / "Function.dll", USER, f"-r:{library}")
    library.unlink()
    function = launch("Function::Function::Handle", environment={"DOTNET_SHARED_STORE": str(tmp_path / "store")})
    assert function.invoke().body.decode() == f"library {used}"


HOST = """\
using System.IO;
using System.Text;
using Amazon.Lambda.Core;
namespace Amazon.Lambda.PowerShellHost
{
    public abstract class PowerShellFunctionHost
    {
        private readonly string script;
        protected PowerShellFunctionHost(string script) { this.script = script; }
        public Stream ExecuteFunction(Stream input, ILambdaContext context)
        {
            var path = Path.Combine(System.Environment.GetEnvironmentVariable("LAMBDA_TASK_ROOT"), script);
            context.Logger.LogLine("would run " + path);
            return new MemoryStream(Encoding.UTF8.GetBytes(File.ReadAllText(path)));
        }
    }
}
"""
BOOTSTRAP = """\
namespace Hello
{
    public class Bootstrap : Amazon.Lambda.PowerShellHost.PowerShellFunctionHost { public Bootstrap() : base("Hello.ps1") { } }
}
"""


def test_the_layout_of_a_powershell_package(compile_to, launch, start):
    """What `New-AWSPowerShellLambdaPackage` makes, with a host that shows the script instead of running it."""
    host = compile_to(start.task / "Amazon.Lambda.PowerShellHost.dll", HOST)
    compile_to(start.task / "Hello.dll", BOOTSTRAP, f"-r:{host}")
    (start.task / "Hello.ps1").write_text("Write-Host 'hello'\n")
    function = launch("Hello::Hello.Bootstrap::ExecuteFunction")
    assert function.invoke().body == b"Write-Host 'hello'\n"
    assert function.texts() == [f"would run {start.task}/Hello.ps1\n"]
