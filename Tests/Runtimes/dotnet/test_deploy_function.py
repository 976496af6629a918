"""What `dotnet lambda deploy-function` asks of the API, call by call.

The tool itself comes from NuGet only; these are its calls as its documentation and public source describe them
(github.com/aws/aws-extensions-for-dotnet-cli, `DeployFunctionCommand`, `UpdateFunctionConfigCommand`).
"""

import uuid

import pytest

from support.conformance import runtimes

[RUNTIME] = [row for row in runtimes() if row.folder.name == "dotnet"]
pytestmark = pytest.mark.skipif(bool(RUNTIME.missing()), reason=f"missing: {RUNTIME.missing()}")


class Tool:
    def __init__(self, client, name):
        self.client = client
        self.name = name

    def deploy(self, code, **settings):
        current = self.configuration()
        if current is None:
            self.client.create_function(
                FunctionName=self.name, Code={"ZipFile": code}, PackageType="Zip", Publish=False, Role="arn:aws:iam::000000000000:role/any",
                VpcConfig={"SubnetIds": [], "SecurityGroupIds": []}, Runtime=RUNTIME.id, Handler=RUNTIME.handler, Architectures=["x86_64"],
                Description="", MemorySize=512, Timeout=30, **settings)
            return
        self.configure(current, **settings)
        self.wait()
        self.client.update_function_code(FunctionName=self.name, ZipFile=code, Architectures=["x86_64"])
        self.finish(current, **settings)

    def configure(self, current, Tags=None, Publish=False, **settings):
        changed = {name: value for name, value in settings.items() if current.get(name) != value}
        if changed:
            self.wait()
            self.client.update_function_configuration(FunctionName=self.name, **changed)

    def finish(self, current, Tags=None, Publish=False, **_):
        self.wait()  # the tool does not always, and is refused on AWS as it is here
        if Tags:
            self.client.tag_resource(Resource=current["FunctionArn"], Tags=Tags)
        if Publish:
            self.client.publish_version(FunctionName=self.name)

    def configuration(self):
        try:
            return self.client.get_function_configuration(FunctionName=self.name)
        except self.client.exceptions.ResourceNotFoundException:
            return None

    def wait(self):
        """Until it is neither being made nor changed: the tool looks at the configuration again and again."""
        self.client.get_waiter("function_active_v2").wait(FunctionName=self.name)
        self.client.get_waiter("function_updated_v2").wait(FunctionName=self.name)


@pytest.fixture
def tool(server):
    return Tool(server.client("lambda"), f"deployed-{uuid.uuid4().hex[:8]}")


def test_deploying_for_the_first_time_and_again(tool, functions):
    tool.deploy(RUNTIME.package("function"), Tags={"team": "blue"}, Environment={"Variables": {"MINE": "1"}})
    function = functions.adopt(tool.name)
    assert function.invoke({"do": "variables", "with": None}).ok()["MINE"] == "1"
    tool.deploy(RUNTIME.package("function"), Tags={"team": "green"}, MemorySize=1024, Environment={"Variables": {"MINE": "2"}}, Publish=True)
    tool.wait()
    assert function.invoke({"do": "variables", "with": None}).ok()["MINE"] == "2"
    found = tool.client.get_function(FunctionName=tool.name)
    assert (found["Configuration"]["MemorySize"], found["Tags"]) == (1024, {"team": "green"})
    versions = tool.client.list_versions_by_function(FunctionName=tool.name)["Versions"]
    assert [version["Version"] for version in versions] == ["$LATEST", "1"]


def test_the_other_commands(tool):
    """`list-functions`, `get-function-config`, `invoke-function`, `delete-function`."""
    tool.deploy(RUNTIME.package("function"))
    tool.wait()
    assert tool.name in [each["FunctionName"] for page in tool.client.get_paginator("list_functions").paginate() for each in page["Functions"]]
    assert tool.configuration()["Runtime"] == RUNTIME.id
    answer = tool.client.invoke(
        FunctionName=tool.name, InvocationType="RequestResponse", LogType="Tail", Payload=b'{"do": "echo", "with": 1}')
    assert answer["Payload"].read() == b"1"
    assert answer["LogResult"]
    tool.client.delete_function(FunctionName=tool.name)
    assert tool.configuration() is None


@pytest.mark.parametrize("id", ["dotnetcore1.0", "dotnetcore2.0", "dotnetcore2.1"])
def test_ids_that_were_retired_run_on_what_there_is(server, functions, id):
    function = functions.create(RUNTIME.package("function"), runtime=id, handler=RUNTIME.handler, Timeout=30, MemorySize=512)
    assert function.invoke({"do": "echo", "with": id}).ok() == id
    assert f"runtime={id} " in server.log.read_text()
