"""Layers: their API, and what functions see of them in `/opt`."""

import base64
import hashlib
import json
import os
import re
import subprocess
import textwrap
import urllib.request

import pytest

from support.faults import refused
from support.functions import PYTHON, ROLE, SNAPSTART_ARGUMENTS, Functions
from support.host import kinds
from support.layers import Layers
from support.metrics import come_by, starts
from support.packages import pack, zeros
from support.server import ACCOUNT, REGION
from support.waiting import eventually

LIMIT = 262_144_000

# Says which of the layers a module came from.
READER = """
import shared, sys
def handler(event, context):
    return [shared.NAME, shared.__file__]
"""


def arn(name, version=None, account=ACCOUNT, region=REGION):
    return f"arn:aws:lambda:{region}:{account}:layer:{name}" + (f":{version}" if version else "")


def module(name):
    return {"python/shared.py": f"NAME = '{name}'\n"}


@pytest.fixture
def layers(server):
    made = Layers(server)
    yield made
    made.close()


# Layers


def test_publish_and_read(client, layers):
    data = pack(module("first"))
    published = layers.publish_raw(
        data, "library", Description="what it is", LicenseInfo="MIT", CompatibleRuntimes=["python3.12", "python3.7"],
        CompatibleArchitectures=["x86_64"])
    assert published["ResponseMetadata"]["HTTPStatusCode"] == 201
    location = published["Content"].pop("Location")
    assert published["Content"] == {
        "CodeSha256": base64.b64encode(hashlib.sha256(data).digest()).decode(), "CodeSize": len(data)}
    assert (published["LayerArn"], published["LayerVersionArn"], published["Version"]) == (
        arn("library"), arn("library", published["Version"]), published["Version"])
    assert (published["Description"], published["LicenseInfo"]) == ("what it is", "MIT")
    assert published["CompatibleRuntimes"] == ["python3.12", "python3.7"]
    assert published["CompatibleArchitectures"] == ["x86_64"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+0000", published["CreatedDate"])
    assert urllib.request.urlopen(location).read() == data

    for read in (
        client.get_layer_version(LayerName="library", VersionNumber=published["Version"]),
        client.get_layer_version(LayerName=arn("library"), VersionNumber=published["Version"]),
        client.get_layer_version_by_arn(Arn=published["LayerVersionArn"]),
    ):
        assert read["ResponseMetadata"]["HTTPStatusCode"] == 200
        assert urllib.request.urlopen(read["Content"].pop("Location")).read() == data
        assert without_metadata(read) == without_metadata(published)


def test_what_was_not_said_is_not_there(layers):
    published = layers.publish_raw(module("x"))
    assert published["Description"] == ""
    assert not {"LicenseInfo", "CompatibleRuntimes", "CompatibleArchitectures"} & published.keys()
    empty = layers.publish_raw(module("x"), CompatibleRuntimes=[], CompatibleArchitectures=[])
    assert (empty["CompatibleRuntimes"], empty["CompatibleArchitectures"]) == ([], [])


def test_numbers_are_never_used_twice(client, layers):
    numbers = [layers.publish_raw(module("x"), "counted")["Version"] for _ in range(2)]
    for number in numbers:
        deleted = client.delete_layer_version(LayerName="counted", VersionNumber=number)
        assert deleted["ResponseMetadata"]["HTTPStatusCode"] == 204
    assert client.list_layer_versions(LayerName="counted")["LayerVersions"] == []
    assert layers.publish_raw(module("x"), "counted")["Version"] == numbers[-1] + 1
    # What is gone may be deleted again.
    client.delete_layer_version(LayerName="counted", VersionNumber=numbers[0])
    client.delete_layer_version(LayerName="neverwas", VersionNumber=1)


def test_versions_are_listed_newest_first_in_pages(client, layers):
    for runtimes in (["python3.12"], ["nodejs22.x"], ["python3.12", "nodejs22.x"]):
        layers.publish_raw(module("x"), "listed", CompatibleRuntimes=runtimes, CompatibleArchitectures=["arm64"])
    layers.publish_raw(module("x"), "listed")

    def numbers(**settings):
        pages = client.get_paginator("list_layer_versions").paginate(
            LayerName="listed", PaginationConfig={"PageSize": 2}, **settings)
        found = [page["LayerVersions"] for page in pages]
        assert all(len(page) == 2 for page in found[:-1])
        return [version["Version"] for page in found for version in page]

    assert numbers() == [4, 3, 2, 1]
    assert numbers(CompatibleRuntime="python3.12") == [3, 1]
    assert numbers(CompatibleArchitecture="x86_64") == []
    first = client.list_layer_versions(LayerName="listed")["LayerVersions"][-1]
    assert first.pop("CreatedDate")
    assert first == {
        "LayerVersionArn": arn("listed", 1), "Version": 1, "Description": "", "CompatibleRuntimes": ["python3.12"],
        "CompatibleArchitectures": ["arm64"]}
    assert client.list_layer_versions(LayerName="layerdoesnotexist")["LayerVersions"] == []


def test_layers_are_listed_with_their_latest_matching_version(new_server):
    layers = Layers(new_server())
    client = layers.client
    for name in ("b", "a", "c"):
        layers.publish_raw(module("x"), name, CompatibleRuntimes=["python3.12"])
    layers.publish_raw(module("x"), "a", CompatibleRuntimes=["nodejs22.x"])
    client.delete_layer_version(LayerName="c", VersionNumber=1)

    def listed(**settings):
        pages = client.get_paginator("list_layers").paginate(PaginationConfig={"PageSize": 1}, **settings)
        return [
            (layer["LayerName"], layer["LatestMatchingVersion"]["Version"]) for page in pages for layer in page["Layers"]]

    assert listed() == [("a", 2), ("b", 1)]
    assert listed(CompatibleRuntime="python3.12") == [("a", 1), ("b", 1)]
    assert listed(CompatibleRuntime="java21") == []
    layer = client.list_layers()["Layers"][1]
    assert (layer["LayerArn"], layer["LatestMatchingVersion"]["LayerVersionArn"]) == (arn("b"), arn("b", 1))
    assert client.get_account_settings()["AccountUsage"]["TotalCodeSize"] == 3 * len(pack(module("x")))


def test_refused_requests(client, layers):
    known = layers.publish_raw(module("x"), "known")
    gone = "The resource you requested does not exist."
    for name, number in (("layerdoesnotexist", 1), ("known", known["Version"] + 1)):
        with refused(404, "ResourceNotFoundException", gone):
            client.get_layer_version(LayerName=name, VersionNumber=number)
    with refused(404, "ResourceNotFoundException", gone):
        client.get_layer_version_by_arn(Arn=arn("known", 99))
    for number in (0, -1):
        with refused(400, "InvalidParameterValueException", "Layer Version Cannot be less than 1"):
            client.get_layer_version(LayerName="known", VersionNumber=number)
        with refused(400, "InvalidParameterValueException", "Layer Version Cannot be less than 1"):
            client.delete_layer_version(LayerName="known", VersionNumber=number)
    with refused(400, "ValidationException", containing=f"Value '{arn('known')}' at 'arn' failed to satisfy constraint"):
        client.get_layer_version_by_arn(Arn=arn("known"))
    with refused(400, "ValidationException", containing=(
            "1 validation error detected: Value 'runtimedoesnotexist' at 'compatibleRuntime' failed to satisfy "
            "constraint: Member must satisfy enum value set: [")):
        client.list_layers(CompatibleRuntime="runtimedoesnotexist")
    with refused(400, "ValidationException", (
            "1 validation error detected: Value 'archdoesnotexist' at 'compatibleArchitecture' failed to satisfy "
            "constraint: Member must satisfy enum value set: [x86_64, arm64]")):
        client.list_layers(CompatibleArchitecture="archdoesnotexist")
    with refused(400, "ValidationException", containing=(
            "Value '[invalidruntime, nodejs20.x]' at 'compatibleRuntimes' failed to satisfy constraint")):
        layers.publish_raw(module("x"), CompatibleRuntimes=["invalidruntime", "nodejs20.x"])
    with refused(400, "InvalidParameterValueException", containing="The provided marker is invalid."):
        client.list_layer_versions(LayerName="known", Marker=base64.b64encode(b"x").decode())


def test_refused_packages(client, layers):
    broken = "Could not unzip uploaded file. Please check your file, then try to upload again."
    hostile = {
        "no zip": b"no zip", "climbing": pack({"../x": "x"}), "absolute": pack({"/x": "x"}),
        "link out": pack({}, links={"python/x": "../../etc/passwd"}), "absolute link": pack({}, links={"x": "/etc/passwd"}),
    }
    for what, data in hostile.items():
        with refused(400, "InvalidParameterValueException", broken):
            layers.publish(data)
            pytest.fail(what)
    with refused(400, "InvalidParameterValueException", f"Unzipped size must be smaller than {LIMIT} bytes"):
        layers.publish(zeros(LIMIT))
    with refused(400, "InvalidParameterValueException"):
        client.publish_layer_version(LayerName="empty", Content={})
    with refused(400, "InvalidParameterValueException", containing="S3Bucket"):
        client.publish_layer_version(LayerName="empty", Content={"S3Bucket": "bucket", "S3Key": "key"})


# Permissions


def test_permissions(client, layers):
    version = layers.publish_raw(module("x"), "shared")["Version"]
    place = {"LayerName": "shared", "VersionNumber": version}

    def statement(sid, principal="*"):
        return {
            "Sid": sid, "Effect": "Allow", "Principal": principal, "Action": "lambda:GetLayerVersion",
            "Resource": arn("shared", version)}

    def add(sid, **settings):
        settings = {"Principal": "*", "Action": "lambda:GetLayerVersion", **place, **settings}
        return client.add_layer_version_permission(StatementId=sid, **settings)

    with refused(404, "ResourceNotFoundException", "No policy is associated with the given resource."):
        client.get_layer_version_policy(**place)
    first = add("s1")
    assert first["ResponseMetadata"]["HTTPStatusCode"] == 201
    assert json.loads(first["Statement"]) == statement("s1")
    read = client.get_layer_version_policy(**place)
    assert json.loads(read["Policy"]) == {"Version": "2012-10-17", "Id": "default", "Statement": [statement("s1")]}
    assert read["RevisionId"] == first["RevisionId"]

    second = add("s2", Principal="123456789012", RevisionId=read["RevisionId"])
    root = {"AWS": "arn:aws:iam::123456789012:root"}
    assert json.loads(second["Statement"]) == statement("s2", root)
    third = add("s3", OrganizationId="o-1234567890")
    assert json.loads(third["Statement"]) == {
        **statement("s3"), "Condition": {"StringEquals": {"aws:PrincipalOrgID": "o-1234567890"}}}

    exists = (
        "The statement id (s1) provided already exists. Please provide a new statement id, or remove the existing "
        "statement.")
    with refused(409, "ResourceConflictException", exists):
        add("s1")
    changed = (
        "The Revision Id provided does not match the latest Revision Id. Call the GetLayerPolicy API to retrieve the "
        "latest Revision Id")
    with refused(412, "PreconditionFailedException", changed):
        add("s4", RevisionId=read["RevisionId"])
    with refused(412, "PreconditionFailedException", changed):
        client.remove_layer_version_permission(StatementId="s1", RevisionId="wrong", **place)
    with refused(404, "ResourceNotFoundException", "Statement doesnotexist is not found in resource policy."):
        client.remove_layer_version_permission(StatementId="doesnotexist", **place)
    with refused(400, "ValidationException", (
            "1 validation error detected: Value '*' at 'action' failed to satisfy constraint: Member must satisfy regular "
            "expression pattern: lambda:GetLayerVersion")):
        add("s4", Action="*")

    removed = client.remove_layer_version_permission(StatementId="s2", RevisionId=third["RevisionId"], **place)
    assert removed["ResponseMetadata"]["HTTPStatusCode"] == 204
    client.remove_layer_version_permission(StatementId="s3", **place)
    read = client.get_layer_version_policy(**place)
    assert json.loads(read["Policy"])["Statement"] == [statement("s1")]
    client.remove_layer_version_permission(StatementId="s1", **place)
    with refused(404, "ResourceNotFoundException", "No policy is associated with the given resource."):
        client.get_layer_version_policy(**place)


@pytest.mark.parametrize("name, number", [("nolayer", 1), ("known", 99)])
def test_permissions_of_what_does_not_exist(client, layers, name, number):
    layers.publish(module("x"), "known")
    place = {"LayerName": name, "VersionNumber": number}
    missing = f"Layer version {arn(name, number)} does not exist."
    with refused(404, "ResourceNotFoundException", missing):
        client.add_layer_version_permission(
            StatementId="s", Action="lambda:GetLayerVersion", Principal="*", **place)
    with refused(404, "ResourceNotFoundException", missing):
        client.get_layer_version_policy(**place)
    with refused(404, "ResourceNotFoundException", missing):
        client.remove_layer_version_permission(StatementId="s", **place)


def test_a_policy_has_a_greatest_length(client, layers):
    version = layers.publish_raw(module("x"), "crowded")["Version"]
    with refused(400, "PolicyLengthExceededException") as refusal:
        for number in range(200):
            client.add_layer_version_permission(
                LayerName="crowded", VersionNumber=version, StatementId=f"{number}", Principal="*",
                Action="lambda:GetLayerVersion")
    assert re.fullmatch(r"The final policy size \(20[45]\d\d\) is bigger than the limit \(20480\)\.", refusal.message)


def test_layers_of_another_account(dev_server):
    owner, user = (dev_server.client("lambda", access=account) for account in ("111111111111", "222222222222"))
    published = owner.publish_layer_version(LayerName="lent", Content={"ZipFile": pack(module("lent"))})
    theirs, place = published["LayerVersionArn"], {"LayerName": "lent", "VersionNumber": published["Version"]}
    denied = (
        f"User: arn:aws:iam::222222222222:root is not authorized to perform: lambda:GetLayerVersion on resource: {theirs} "
        "because no resource-based policy allows the lambda:GetLayerVersion action")

    def create(name):
        return user.create_function(
            FunctionName=name, Runtime=PYTHON, Handler="app.handler", Role=ROLE,
            Code={"ZipFile": pack({"app.py": READER})}, Layers=[theirs])

    def allow(sid, **settings):
        owner.add_layer_version_permission(StatementId=sid, Action="lambda:GetLayerVersion", **place, **settings)

    allow("others", Principal="333333333333")
    allow("members", Principal="*", OrganizationId="o-1234567890")
    for attempt in (
        lambda: create("borrower"), lambda: user.get_layer_version_by_arn(Arn=theirs),
        lambda: user.get_layer_version(LayerName=published["LayerArn"], VersionNumber=published["Version"]),
    ):
        with refused(403, "AccessDeniedException", denied):
            attempt()
    # What is not there looks the same.
    with refused(403, "AccessDeniedException", containing="lent:99 because no resource-based policy"):
        user.get_layer_version_by_arn(Arn=f"{published['LayerArn']}:99")

    allow("user", Principal="222222222222")
    assert user.get_layer_version_by_arn(Arn=theirs)["LayerVersionArn"] == theirs
    create("borrower")
    try:
        user.get_waiter("function_active_v2").wait(FunctionName="borrower", WaiterConfig={"Delay": 0.05})
        assert json.load(user.invoke(FunctionName="borrower")["Payload"])[0] == "lent"
        # What a function has it keeps.
        owner.remove_layer_version_permission(StatementId="user", **place)
        assert json.load(user.invoke(FunctionName="borrower")["Payload"])[0] == "lent"
        with refused(403, "AccessDeniedException", denied):
            user.update_function_configuration(FunctionName="borrower", Layers=[theirs])
    finally:
        user.delete_function(FunctionName="borrower")
    with refused(403, "AccessDeniedException", containing="lambda:DeleteLayerVersion"):
        user.delete_layer_version(LayerName=published["LayerArn"], VersionNumber=published["Version"])
    owner.delete_layer_version(**place)


# Layers of functions


def test_the_configuration_names_them(client, layers, functions):
    first, second = layers.publish_raw(module("first")), layers.publish_raw(module("second"))
    references = [
        {"Arn": layer["LayerVersionArn"], "CodeSize": layer["Content"]["CodeSize"]} for layer in (first, second)]
    function = functions.create(READER, Layers=[first["LayerVersionArn"], second["LayerVersionArn"]])
    assert client.get_function_configuration(FunctionName=function.name)["Layers"] == references
    assert client.get_function(FunctionName=function.name)["Configuration"]["Layers"] == references
    listed = client.list_versions_by_function(FunctionName=function.name)["Versions"]
    assert [version["Layers"] for version in listed] == [references]
    # What a request does not name stays.
    assert function.configure(Timeout=4)["Layers"] == references
    updated = function.configure(Layers=[second["LayerVersionArn"]])
    assert (updated["LastUpdateStatus"], updated["Layers"]) == ("InProgress", references[1:])
    assert "Layers" not in function.configure(Layers=[])
    assert "Layers" not in client.get_function_configuration(FunctionName=function.name)


def test_refused_layers_of_functions(client, layers, functions):
    numbers = [layers.publish(module("x"), "many") for _ in range(2)]
    function = functions.create("def handler(event, context): pass\n")

    def attach(*arns):
        client.update_function_configuration(FunctionName=function.name, Layers=list(arns))

    same = "Two different versions of the same layer are not allowed to be referenced in the same function. "
    for pair in (numbers, [numbers[0], numbers[0]]):
        with refused(400, "InvalidParameterValueException", f"{same}{pair[0]} and {pair[1]} are versions of the same layer."):
            attach(*pair)
    for missing in (arn("doesnotexist", 1), arn("many", 99), arn("many", "9" * 30), "arn:aws:lambda:::awslayer:Some"):
        with refused(400, "InvalidParameterValueException", f"Layer version {missing} does not exist."):
            attach(missing)
    with refused(400, "InvalidParameterValueException", (
            "Layers are not in the same region as the function. Layers are expected to be in region us-east-1.")):
        attach(arn("many", 1, region="eu-west-1"))
    with refused(400, "ValidationException", containing=f"Value '[{arn('many')}]' at 'layers' failed to satisfy constraint"):
        attach(arn("many"))
    six = [layers.publish(module("x")) for _ in range(6)]
    with refused(400, "InvalidParameterValueException", "Cannot reference more than 5 layers."):
        attach(*six)
    with refused(400, "InvalidParameterValueException", "Cannot reference more than 5 layers."):
        functions.create("def handler(event, context): pass\n", Layers=six)
    function.configure(Layers=six[:5])
    assert function.invoke().ok() is None


def test_code_and_layers_have_a_common_limit(client, layers, functions):
    half = layers.publish(zeros(130_000_000, "half.bin"))
    other = layers.publish(zeros(130_000_000, "other.bin"))
    code = "def handler(event, context): return __import__('os').path.getsize('/opt/half.bin')\n"
    large = zeros(133_000_000)

    def too_large(size):
        return (
            f"Function code combined with layers exceeds the maximum allowed size of {LIMIT} bytes. "
            f"The actual size is {size} bytes.")

    app = len("def handler(event, context):\n    return 1\n")
    with refused(400, "InvalidParameterValueException", too_large(133_000_000 + app + 130_000_000 + app)):
        functions.create(large, Layers=[half])
    function = functions.create(code, Layers=[half], Timeout=30)
    with refused(400, "InvalidParameterValueException", too_large(133_000_000 + app + 130_000_000 + app)):
        client.update_function_code(FunctionName=function.name, ZipFile=large)
    function.configure(Layers=[half, other])
    third = layers.publish(zeros(3_000_000, "third.bin"))
    with refused(400, "InvalidParameterValueException", too_large(263_000_000 + 3 * app + len(code))):
        client.update_function_configuration(FunctionName=function.name, Layers=[half, other, third])
    assert function.invoke().ok() == 130_000_000


# What functions see


def test_python_finds_modules_in_the_order_of_the_layers(layers, functions):
    version = PYTHON.removeprefix("python")
    site = f"python/lib/python{version}/site-packages"
    first = layers.publish({**module("first"), f"{site}/deep.py": "NAME = 'site'\n", "python/only/__init__.py": "A = 1\n"})
    second = layers.publish({**module("second"), "python/only/other.py": "B = 2\n"})
    code = """
        import deep, only, only.other, shared
        def handler(event, context):
            return [shared.NAME, shared.__file__, deep.NAME, only.A, only.other.B]
    """
    function = functions.create(code, Layers=[first, second])
    assert function.invoke().ok() == ["second", "/opt/python/shared.py", "site", 1, 2]
    function.configure(Layers=[second, first])
    assert function.invoke().ok()[0] == "first"
    # A file of the function wins.
    function.update_code({"app.py": textwrap.dedent(code), "shared.py": "NAME = 'function'\n"})
    assert function.invoke().ok()[:2] == ["function", "/var/task/shared.py"]


def test_every_kind_of_cold_start_has_them(new_server):
    server = new_server()
    layers, functions = Layers(server), Functions(server)
    function = functions.create(
        "import shared, time\ndef handler(event, context):\n    time.sleep(event['s'])\n    return shared.NAME\n",
        Layers=[layers.publish(module("layer"))])
    # A burst on a new server, which has few cells: most are direct starts and forks of the zygote.
    assert {reply.ok() for reply in function.spread(12, {"s": 0.5})} == {"layer"}
    eventually(lambda: kinds(server)["cell"], "a cell waits")
    function.configure(Description="new environments")
    assert {reply.ok() for reply in come_by(server, function, "cell", {"s": 0.5})} == {"layer"}
    # Variables that are read while a runtime boots leave a direct start only.
    before = starts(server, function, "direct")
    function.configure(Environment={"Variables": {"PYTHONHASHSEED": "1"}})
    assert function.invoke({"s": 0}).ok() == "layer"
    assert starts(server, function, "direct") == before + 1


def test_node_finds_packages_in_the_order_of_the_layers(server, layers, functions):
    def package(name, folder="nodejs/node_modules"):
        return {f"{folder}/shared/index.js": f"exports.name = '{name}'\n"}

    first = layers.publish({**package("first"), "nodejs/node_modules/only/index.js": "exports.name = 'only'\n"})
    second = layers.publish(package("second"))
    code = "exports.handler = async () => [require('shared').name, require('only').name, require.resolve('shared')]\n"
    function = functions.node(code, Layers=[first, second])
    assert function.invoke().ok() == ["second", "only", "/opt/nodejs/node_modules/shared/index.js"]
    function.configure(Layers=[second, first])
    assert function.invoke().ok()[0] == "first"

    runtime = client_runtime(function)
    major = runtime.removeprefix("nodejs").removesuffix(".x")
    own = layers.publish(package("own", f"nodejs/node{major}/node_modules"))
    function.configure(Layers=[first, own])
    assert {reply.ok()[0] for reply in come_by(server, function, "cell", None)} == {"own"}

    modern = functions.node(
        "import { name } from 'shared'\nexport const handler = async () => name\n", file="index.mjs", Layers=[first])
    assert modern.invoke().ok() == "first"


def client_runtime(function):
    return function.client.get_function_configuration(FunctionName=function.name)["Runtime"]


def test_a_bootstrap_may_come_from_a_layer(layers, functions):
    script = textwrap.dedent("""\
        #!/usr/bin/python3
        import os, urllib.request
        place = f"http://{os.environ['AWS_LAMBDA_RUNTIME_API']}/2018-06-01/runtime/invocation/"
        while True:
            event = urllib.request.urlopen(place + "next")
            id = event.headers["Lambda-Runtime-Aws-Request-Id"]
            urllib.request.urlopen(place + id + "/response", b'"NAME"')
    """)
    layer = layers.publish({"bootstrap": script.replace("NAME", "layer")})
    function = functions.create({"data": "x"}, runtime="provided.al2023", handler="x", Layers=[layer], Timeout=10)
    assert function.invoke().ok() == "layer"
    function.update_code({"bootstrap": script.replace("NAME", "function")})
    assert function.invoke().ok() == "function"


def test_programs_and_libraries(layers, functions, tmp_path):
    source = tmp_path / "answer.c"
    source.write_text("int answer(void) { return 42; }\n")
    library = tmp_path / "libanswer.so"
    subprocess.run(["gcc", "-shared", "-fPIC", "-o", library, source], check=True)
    layer = layers.publish(pack(
        {"bin/greet": "#!/bin/sh\necho hello\n", "bin/notes": "x", "lib/libanswer.so": library.read_bytes()},
        links={"bin/welcome": "greet"}, executable=("bin/greet",)))
    function = functions.create("""
        import ctypes, os, subprocess
        def handler(event, context):
            try:
                open("/opt/bin/new", "w")
                written = True
            except OSError as error:
                written = error.strerror
            said = [subprocess.run([name], capture_output=True, text=True).stdout for name in ("greet", "welcome")]
            return {
                "said": said, "answer": ctypes.CDLL("libanswer.so").answer(), "written": written,
                "link": os.readlink("/opt/bin/welcome"), "names": sorted(os.listdir("/opt")),
                "executable": [os.access(f"/opt/bin/{name}", os.X_OK) for name in ("greet", "notes")]}
    """, Layers=[layer])
    assert function.invoke().ok() == {
        "said": ["hello\n", "hello\n"], "answer": 42, "written": "Read-only file system", "link": "greet",
        "names": ["bin", "lib"], "executable": [True, False]}


def test_they_stay_when_a_process_has_crashed(layers, functions):
    function = functions.create(
        "import os, shared\ndef handler(event, context):\n    return os._exit(1) if event['crash'] else shared.NAME\n",
        Layers=[layers.publish(module("layer"))])
    assert function.invoke({"crash": True}).error == "Unhandled"
    assert function.invoke({"crash": False}).ok() == "layer"


def test_without_layers_there_is_an_empty_folder(functions):
    function = functions.create("import os\ndef handler(event, context):\n    return os.listdir('/opt/lib')\n")
    assert function.invoke().ok() == []


def test_one_version_keeps_what_another_changes(client, layers, functions):
    first, second = layers.publish(module("first"), "evolving"), layers.publish(module("second"), "evolving")
    function = functions.create(READER, Layers=[first])
    version = function.publish()
    function.configure(Layers=[second])
    assert function.invoke().ok()[0] == "second"
    assert function.invoke(Qualifier=version).ok()[0] == "first"
    assert client.get_function_configuration(FunctionName=function.name, Qualifier=version)["Layers"][0]["Arn"] == first
    # Other layers make another version.
    assert function.publish() != version


def test_snapshots_have_them(new_server):
    server = new_server(arguments=SNAPSTART_ARGUMENTS)
    layers, functions = Layers(server), Functions(server)
    function = functions.snapstart(
        "import os, shared\nasked = 0\ndef handler(event, context):\n"
        "    return [shared.NAME, os.environ['AWS_LAMBDA_INITIALIZATION_TYPE'], open('/opt/python/shared.py').read()]\n",
        Layers=[layers.publish(module("layer"))])
    version = function.publish()
    assert function.invoke(Qualifier=version).ok() == ["layer", "snap-start", "NAME = 'layer'\n"]
    assert starts(server, function, "template") >= 1


@pytest.mark.parametrize("way", ["kill", "stop"])
def test_layers_survive(new_server, way):
    server = new_server()
    layers, functions = Layers(server), Functions(server)
    kept = layers.publish(module("kept"), "kept", Description="kept")
    gone = layers.publish({"python/other.py": "NAME = 'gone'\n"}, "gone")
    client = layers.client
    client.add_layer_version_permission(
        LayerName="kept", VersionNumber=1, StatementId="s", Principal="*", Action="lambda:GetLayerVersion")
    function = functions.create(
        "import shared, other\ndef handler(event, context):\n    return [shared.NAME, other.NAME]\n", Layers=[kept, gone])
    before = client.get_layer_version_by_arn(Arn=kept), client.get_layer_version_policy(LayerName="kept", VersionNumber=1)
    client.delete_layer_version(LayerName="gone", VersionNumber=1)
    # Whoever has it keeps it, in new environments too.
    function.configure(Timeout=5)
    assert function.invoke().ok() == ["kept", "gone"]

    server.kill() if way == "kill" else server.stop()
    server.start()

    client = layers.client
    after = client.get_layer_version_by_arn(Arn=kept), client.get_layer_version_policy(LayerName="kept", VersionNumber=1)
    for one in (*before, *after):
        one.get("Content", {}).pop("Location", None)
    assert [without_metadata(one) for one in after] == [without_metadata(one) for one in before]
    assert function.invoke().ok() == ["kept", "gone"]
    assert [layer["Arn"] for layer in client.get_function_configuration(FunctionName=function.name)["Layers"]] == [kept, gone]
    with refused(400, "InvalidParameterValueException", f"Layer version {gone} does not exist."):
        client.update_function_configuration(FunctionName=function.name, Layers=[gone])
    assert layers.publish_raw(module("kept"), "gone")["Version"] == 2


def test_a_damaged_layer_is_not_run(new_server):
    server = new_server()
    layers, functions = Layers(server), Functions(server)
    data = pack(module("layer"))
    function = functions.create(READER, Layers=[layers.publish(data)])
    assert function.invoke().ok()[0] == "layer"
    server.stop()
    [blob] = (server.data / "blobs").rglob(hashlib.sha256(data).hexdigest())
    content = bytearray(blob.read_bytes())
    content[len(content) // 2] ^= 1
    blob.chmod(0o600)
    blob.write_bytes(content)
    server.start()
    with refused(502, "InvalidZipFileException"):
        function.invoke()
    # To publish it again mends it.
    layers.publish(data)
    assert function.invoke().ok()[0] == "layer"


def test_without_isolation(new_server):
    server = new_server(dev=True, arguments=["--driver", "process"])
    layers, functions = Layers(server), Functions(server)
    function = functions.create(READER, Layers=[layers.publish(module("layer"))])
    name, file = function.invoke().ok()
    assert (name, os.path.basename(file)) == ("layer", "shared.py")


def without_metadata(answer):
    return {key: value for key, value in answer.items() if key != "ResponseMetadata"}
