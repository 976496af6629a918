"""C#, compiled by mcs."""

import json
import pathlib
import subprocess
import tempfile

from support.conformance import EXECUTABLE, FAMILIES, Beginning, InitFailure, Like, Runtime, folder_package
from support.packages import pack
from support.server import ROOT

FOLDER = pathlib.Path(__file__).parent
BUNDLE = ROOT / "Runtimes/dotnet"
DATA = json.loads((BUNDLE / "dotnetcore3.1.json").read_text())
HANDLER = "Suite::Suite.Function::Handle"


def build(name):
    """The package of a folder: its sources become `Suite.dll`, compiled for the runtime that this host has."""
    sources = sorted((FOLDER / name).glob("*.cs"))
    if not sources:
        return folder_package(FOLDER / name)
    host = next(path for path in map(pathlib.Path, DATA["interpreters"]) if path.exists())
    subprocess.run([BUNDLE / "build", host, "dotnetcore3.1", "3.1"], check=True)
    made = BUNDLE / "bin/dotnetcore3.1"
    references = [f"-r:{path}" for path in made.glob("packages/*.dll")]
    framework = host.resolve().parent / "shared/Microsoft.NETCore.App" / (made / "made").read_text().strip()
    with tempfile.TemporaryDirectory() as folder:
        assembly = pathlib.Path(folder, "Greeting.dll" if name == "layer" else "Suite.dll")
        subprocess.run(
            [BUNDLE / "compile", framework, "-target:library", f"-out:{assembly}", *references, *sources], check=True)
        if name == "layer":
            return pack({"dotnetcore/store/x64/netcoreapp3.1/greeting/1.0.0/lib/netstandard2.0/Greeting.dll": assembly.read_bytes()})
        return pack({"Suite.dll": assembly.read_bytes(), "wrapper": (FAMILIES / "wrapper").read_text()}, executable=EXECUTABLE)


def refused(handler, message, package="function"):
    return InitFailure(package, handler, {"errorType": "LambdaValidationException", "errorMessage": message})


RUNTIMES = [
    Runtime(
        id="dotnetcore3.1",
        folder=FOLDER,
        handler=HANDLER,
        failure={
            "errorType": "Refused", "errorMessage": "no, ünï",
            "stackTrace": ["at Suite.Function.Fail()", "at Suite.Function.Handle(JsonElement input, ILambdaContext context)"],
        },
        init_failures={
            "assembly": refused(
                "Nothere::Suite.Function::Handle",
                "Could not find the specified handler assembly with the file name 'Nothere, Culture=neutral, PublicKeyToken=null'. "
                "The assembly should be located in the root of your uploaded .zip file."),
            "type": refused("Suite::Suite.Nothere::Handle", "Unable to load type 'Suite.Nothere' from assembly 'Suite'."),
            "method": refused(
                "Suite::Suite.Function::Nothere",
                "Unable to find method 'Nothere' in type 'Suite.Function' from assembly 'Suite': "
                "Found no methods matching method name 'Nothere'."),
            "handler": refused(
                "Suite::Handle", "Invalid lambda function handler: 'Suite::Handle'. The valid format is 'ASSEMBLY::TYPE::METHOD'."),
            "serializer": refused(
                HANDLER, "Could not find the LambdaSerializerAttribute on the assembly 'Suite' or method 'Handle' while attempting to "
                "deserialize input data of type 'System.String'. To use types other than System.IO.Stream as input/output parameters, "
                "the assembly or Lambda function should be annotated with Amazon.Lambda.Core.LambdaSerializerAttribute.",
                package="no_serializer"),
            "constructor": InitFailure("bad_constructor", HANDLER, {
                "errorType": "TargetInvocationException", "errorMessage": "Exception has been thrown by the target of an invocation.",
                "stackTrace": Beginning(Like("at System.*")),
                "cause": {
                    "errorType": "InvalidOperationException", "errorMessage": "not today",
                    "stackTrace": ["at Suite.Function..ctor()"],
                },
            }),
        },
        capabilities=frozenset({"cells", "json", "wrapper", "context", "layers"}),
        levels={"debug": "Debug", "info": "Information", "warn": "Warning", "error": "Error"},
        record=("timestamp", "level", "requestId", "traceId", "message"),
        build=build,
        tools=("mcs",),
        timeout=2,
    ),
]
