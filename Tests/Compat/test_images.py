"""Functions that are container images: from files, from a registry, with what they may not do."""

import io
import json
import os
import random
import shutil
import subprocess
import tarfile
import time

import botocore.exceptions
import pytest

from support.functions import ROLE, Functions, names
from support.images import CLIENT, Image, Layer, architecture, python_layer
from support.registry import Registry
from support.waiting import eventually

APP = "import os, sys\ndef handler(event, context):\n    return eval(event)\n"


class Images:
    """Makes image functions on one server."""

    def __init__(self, server):
        self.server = server
        self.functions = Functions(server)

    @property
    def client(self):
        return self.functions.server_client

    @property
    def folder(self):
        return self.server.data / "images"

    def put(self, image):
        """The image as a file that functions may be made of."""
        return image.archive(self.folder / f"{next(names)}.tar")

    def create(self, image, wait=True, **settings):
        uri = image if isinstance(image, str) else self.put(image)
        return self.functions.create_raw(
            wait=wait, PackageType="Image", Role=ROLE, Code={"ImageUri": uri}, **settings)

    def log(self, function):
        """What is in the function's log by now."""
        logs = self.server.client("logs")
        try:
            pages = logs.get_paginator("filter_log_events").paginate(logGroupName=function.log_group)
            return "\n".join(event["message"] for page in pages for event in page["events"])
        except logs.exceptions.ResourceNotFoundException:
            return ""

    def refused(self, uri, **settings):
        """The error code and message of a CreateFunction."""
        with pytest.raises(botocore.exceptions.ClientError) as error:
            self.create(uri, **settings)
        return error.value.response["Error"]["Code"], error.value.response["Error"]["Message"]

    def end(self, function):
        """What a function that is being created becomes."""
        def settled():
            now = self.client.get_function_configuration(FunctionName=function.name)
            return now if now["State"] != "Pending" else None
        return eventually(settled, "the end of the creation", 30)


@pytest.fixture(scope="module")
def outside(tmp_path_factory):
    """A folder of the operator's, beside the server's own."""
    return tmp_path_factory.mktemp("images")


@pytest.fixture(scope="module")
def module_images(new_module_server, outside):
    made = Images(new_module_server(arguments=["--image-folder", str(outside)]))
    yield made
    made.functions.close()


@pytest.fixture
def images(module_images):
    yield module_images
    module_images.functions.close()


@pytest.fixture
def registry(request):
    made = Registry(**getattr(request, "param", {}))
    yield made
    made.close()


@pytest.fixture(scope="session")
def python():
    return python_layer()


@pytest.fixture(scope="session")
def base(python):
    """The layers below those of a test."""
    return [python, Layer({"app/app.py": APP, "app/client.py": CLIENT})]


def function_image(base, *layers, **settings):
    settings = {
        "entrypoint": ["/usr/bin/python3", "client.py"], "command": ["app.handler"], "folder": "/app", **settings}
    return Image([*base, *layers], **settings)


# What runs

def test_a_function_of_an_image_runs_with_what_the_image_says(images, base):
    image = function_image(base, variables={"COLOR": "red", "PATH": "/usr/bin"})
    function = images.create(image, Environment={"Variables": {"SIZE": "big"}})
    assert function.invoke("[sys.argv, os.getcwd()]").ok() == [["client.py", "app.handler"], "/app"]
    variables = function.invoke("dict(os.environ)").ok()
    assert (variables["COLOR"], variables["SIZE"], variables["PATH"]) == ("red", "big", "/usr/bin")
    assert variables["AWS_LAMBDA_FUNCTION_NAME"] == function.name
    assert variables["LAMBDA_TASK_ROOT"] == "/var/task"
    absent = {"AWS_EXECUTION_ENV", "_HANDLER", "LD_LIBRARY_PATH", "LANG", "_LAMBDA_TELEMETRY_LOG_FD"}
    assert not absent & set(variables)


def test_the_configuration_is_told_as_aws_tells_it(images, base):
    image = function_image(base)
    uri = images.put(image)
    function = images.create(uri, ImageConfig={"Command": ["app.handler", "x"]})
    told = images.client.get_function(FunctionName=function.name)
    configuration, hexadecimal = told["Configuration"], image.digest.removeprefix("sha256:")
    assert (configuration["PackageType"], configuration["CodeSize"]) == ("Image", 0)
    assert configuration["CodeSha256"] == hexadecimal
    assert configuration["ImageConfigResponse"] == {"ImageConfig": {"Command": ["app.handler", "x"]}}
    assert not {"Runtime", "Handler"} & set(configuration)
    assert told["Code"] == {
        "RepositoryType": "ECR", "ImageUri": uri, "ResolvedImageUri": f"{uri}@{image.digest}"}


@pytest.mark.parametrize("config, argv, cwd", [
    ({"Command": ["app.handler", "more"]}, ["client.py", "app.handler", "more"], "/app"),
    ({"EntryPoint": ["python3", "/app/client.py"]}, ["/app/client.py", "app.handler"], "/app"),
    ({"EntryPoint": ["../usr/bin/python3", "/app/client.py"], "WorkingDirectory": "/other"},
     ["/app/client.py", "app.handler"], "/other"),
    ({"WorkingDirectory": "/other", "EntryPoint": ["/usr/bin/python3", "/app/client.py"], "Command": ["app.handler"]},
     ["/app/client.py", "app.handler"], "/other"),
])
def test_each_part_of_image_config_overrides_by_itself(images, base, config, argv, cwd):
    image = function_image(base, Layer({"other/app.py": APP}))
    function = images.create(image, ImageConfig=config)
    assert function.invoke("[sys.argv, os.getcwd()]").ok() == [argv, cwd]


def test_image_config_can_be_changed_and_taken_back(images, base):
    function = images.create(function_image(base))
    function.configure(ImageConfig={"Command": ["app.handler", "x"]})
    assert function.invoke("sys.argv").ok() == ["client.py", "app.handler", "x"]
    function.configure(ImageConfig={})
    assert function.invoke("sys.argv").ok() == ["client.py", "app.handler"]
    assert "ImageConfigResponse" not in images.client.get_function_configuration(FunctionName=function.name)


def test_the_root_is_read_only_but_for_tmp(images, base):
    function = images.create(function_image(base, Layer().folder("tmp").file("tmp/old", "x").folder("open", 0o777)))
    assert function.invoke("os.open('/tmp/new', os.O_CREAT | os.O_WRONLY) > 0").ok() is True
    for path in ("/app/new", "/open/new", "/new", "/etc/hosts", "/usr/bin/new", "/dev/new"):
        reply = function.invoke(f"os.open({path!r}, os.O_CREAT | os.O_WRONLY)")
        assert reply.error and reply.json["errorType"] in ("OSError", "PermissionError"), (path, reply.payload)
    assert function.invoke("os.listdir('/tmp')").ok() == ["new"]


def test_nothing_of_the_host_is_inside(images, base):
    function = images.create(function_image(base))
    seen = function.invoke("sorted(os.listdir('/'))").ok()
    assert seen == sorted({"app", "dev", "etc", "lib", "lib64", "mnt", "proc", "run", "sys", "tmp", "usr", "var"})
    assert function.invoke("os.listdir('/etc')").ok() and "passwd" not in function.invoke("os.listdir('/etc')").ok()
    assert "localhost" in function.invoke("open('/etc/hosts').read()").ok()
    assert function.invoke("[os.getuid(), os.getgid()]").ok() == [993, 990]
    mounts = function.invoke("open('/proc/mounts').read()").ok()
    assert str(images.server.data) not in mounts and "/unpacked" not in mounts


def test_logs_errors_and_restarts_are_those_of_any_function(images, base):
    function = images.create(function_image(base))
    reply = function.invoke("print('hello', flush=True)")
    assert "hello" in reply.log and "INIT_START" not in reply.log
    assert function.invoke("1 / 0").json["errorType"] == "ZeroDivisionError"
    function.invoke("open('/tmp/kept', 'w').write('x')").ok()
    assert function.invoke("os._exit(3)").json["errorType"] == "Runtime.ExitError"
    assert function.invoke("os.listdir('/tmp')").ok() == ["kept"]


EXTENSION = """#!/usr/bin/python3
import http.client, json, os
connection = http.client.HTTPConnection(os.environ["AWS_LAMBDA_RUNTIME_API"])

def call(method, path, body=None, **headers):
    connection.request(method, "/2020-01-01/extension/" + path, body, {k.replace("_", "-"): v for k, v in headers.items()})
    response = connection.getresponse()
    return response.headers, response.read()

headers, _ = call("POST", "register", json.dumps({"events": ["INVOKE"]}), Lambda_Extension_Name="watcher")
while True:
    call("GET", "event/next", Lambda_Extension_Identifier=headers["Lambda-Extension-Identifier"])
"""


def test_an_extension_in_the_image_runs_beside_it(images, base):
    layer = Layer().program("opt/extensions/watcher", EXTENSION)
    function = images.create(function_image(base, layer, entrypoint=["python3", "client.py"]), Timeout=10)
    reply = function.invoke("1 + 1")
    assert reply.ok() == 2
    wanted = "EXTENSION\tName: watcher\tState: Ready\tEvents: [INVOKE]"
    eventually(lambda: wanted in images.log(function), "the line of the extension")


def test_an_extensions_folder_that_is_a_link_is_none(images, base, tmp_path):
    (tmp_path / "watcher").write_text(EXTENSION)
    function = images.create(function_image(base, Layer().link("opt/extensions", str(tmp_path))))
    assert function.invoke("print('done', flush=True)").ok() is None
    eventually(lambda: "done" in images.log(function), "the function's log")
    assert "EXTENSION" not in images.log(function)


def test_a_published_version_keeps_its_image(images, base):
    function = images.create(function_image(base, Layer({"app/version": "1"})))
    version = images.client.publish_version(FunctionName=function.name)
    assert version["State"] == "Pending"
    number = version["Version"]
    images.client.get_waiter("published_version_active").wait(
        FunctionName=function.name, Qualifier=number, WaiterConfig={"Delay": 0.05, "MaxAttempts": 600})
    other = images.put(function_image(base, Layer({"app/version": "2"})))
    images.client.update_function_code(FunctionName=function.name, ImageUri=other)
    function.wait_updated()
    assert function.invoke("open('version').read()").ok() == "2"
    assert function.invoke("open('version').read()", Qualifier=number).ok() == "1"
    assert images.client.get_function(FunctionName=function.name, Qualifier=number)["Code"]["ImageUri"] != other


# Layers

@pytest.mark.parametrize("compression", ["gzip", "zstd", ""])
def test_layers_of_every_compression(images, base, compression):
    function = images.create(function_image(base, Layer({"app/extra": compression}, compression)))
    assert function.invoke("open('extra').read()").ok() == compression


def test_whiteouts_and_opaque_folders_hide_what_lies_below(images, base):
    lower = Layer({"data/gone": "1", "data/kept": "1", "data/again": "1", "whole/a": "1", "whole/b/c": "1"})
    upper = Layer().whiteout("data/gone").whiteout("data/again").file("data/again", "2")
    upper.opaque("whole").file("whole/d", "2")
    function = images.create(function_image(base, lower, upper))
    tree = "{root: [sorted(folders), sorted(files)] for top in ('/data', '/whole') for root, folders, files in os.walk(top)}"
    assert function.invoke(tree).ok() == {"/data": [[], ["again", "kept"]], "/whole": [[], ["d"]]}
    assert function.invoke("open('/data/again').read()").ok() == "2"


def test_modes_links_and_owners_become_what_a_function_can_use(images, base):
    layer = Layer().file("x/secret", "s", mode=0o600, uid=12, gid=12).folder("x/closed", 0o700)
    layer.file("x/closed/in", "i", mode=0o400).file("x/suid", "#!", mode=0o6755)
    layer.hard_link("x/second", "x/secret").link("x/away", "/app/app.py").entry("x/pipe", kind=b"6")
    layer.entry("x/disk", kind=b"4", devmajor=8, devminor=0)
    function = images.create(function_image(base, layer))
    assert function.invoke("open('/x/secret').read() + open('/x/closed/in').read()").ok() == "si"
    assert function.invoke("oct(os.stat('/x/suid').st_mode)").ok() == "0o100755"
    assert function.invoke("os.stat('/x/secret').st_ino == os.stat('/x/second').st_ino").ok() is True
    assert function.invoke("open('/x/away').read()").ok() == APP
    assert function.invoke("sorted(os.listdir('/x'))").ok() == ["away", "closed", "second", "secret", "suid"]


def test_a_file_below_a_link_of_a_lower_layer_goes_where_the_link_leads(images, base):
    lower = Layer({"real/one": "1"}).link("alias", "real").link("loop", "loop").link("up", "../../../../real")
    upper = Layer({"alias/two": "2", "up/three": "3", "loop/four": "4"})
    replaced = Layer().folder("later").link("swap", "real")
    instead = Layer().folder("swap").file("swap/five", "5")
    function = images.create(function_image(base, lower, upper, replaced, instead))
    assert function.invoke("sorted(os.listdir('/real'))").ok() == ["one", "three", "two"]
    assert function.invoke("[os.listdir('/loop'), os.listdir('/swap')]").ok() == [["four"], ["five"]]


def test_two_functions_of_one_image_share_its_files_and_images_share_layers(images, base):
    image = function_image(base)
    uri = images.put(image)
    one, two = images.create(uri), images.create(uri)
    other = images.create(function_image(base, Layer({"app/extra": "x"})))
    inode = "[os.stat('/app/app.py').st_ino, os.stat('/usr/bin/python3').st_ino]"
    found = one.invoke(inode).ok()
    assert two.invoke(inode).ok() == found and other.invoke(inode).ok() == found
    unpacked = images.server.data / "unpacked"
    once = sum(path.stat().st_size for path in (unpacked / "layers").rglob("*") if path.is_file() and not path.is_symlink())
    used = int(subprocess.run(["du", "-sb", unpacked], capture_output=True, text=True, check=True).stdout.split()[0])
    folders = sum(path.is_dir() for path in unpacked.rglob("*")) * 8192
    assert used < once + folders, "the files of an image take their place more than once"


# Where images come from

def test_an_image_that_umoci_built(images, base, tmp_path):
    if not shutil.which("umoci"):
        pytest.skip("missing: umoci")
    layout, bundle = tmp_path / "layout", tmp_path / "bundle"

    def run(*arguments):
        subprocess.run(["umoci", *arguments], check=True, capture_output=True)

    run("init", "--layout", str(layout))
    run("new", "--image", f"{layout}:app")
    run("unpack", "--image", f"{layout}:app", str(bundle))
    (tmp_path / "main.c").write_text(BOOTSTRAP)
    compiler = ["gcc", "-D_GNU_SOURCE", "-O2", "-Wall", "-static"]
    subprocess.run([*compiler, "-o", bundle / "rootfs/main", tmp_path / "main.c"], check=True)
    run("repack", "--image", f"{layout}:app", str(bundle))
    run("config", "--image", f"{layout}:app", "--config.entrypoint", "./main", "--config.workingdir", "/")
    archive = images.folder / "umoci.tar"
    subprocess.run(["tar", "-C", layout, "-cf", archive, "."], check=True)
    function = images.create(f"oci-archive:{archive}:app")
    assert function.invoke({"a": 1}).ok() == "from scratch"


BOOTSTRAP = r"""
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* The smallest runtime: answers every event with the same text. */
static int call(const char *request, char *reply, size_t size) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(9001), .sin_addr = {htonl(INADDR_LOOPBACK)}};
    int server = socket(AF_INET, SOCK_STREAM, 0);
    if (connect(server, (struct sockaddr *)&address, sizeof address) < 0) exit(1);
    if (write(server, request, strlen(request)) < 0) exit(2);
    size_t length = 0;
    for (ssize_t count; length < size - 1 && (count = read(server, reply + length, size - 1 - length)) > 0;) {
        length += (size_t)count;
        reply[length] = 0;
        if (strstr(reply, "\r\n\r\n")) break;
    }
    close(server);
    return 0;
}

int main(void) {
    char reply[65536], request[1024];
    for (;;) {
        call("GET /2018-06-01/runtime/invocation/next HTTP/1.1\r\nHost: x\r\n\r\n", reply, sizeof reply);
        char *id = strcasestr(reply, "lambda-runtime-aws-request-id: ");
        if (!id) return 3;
        snprintf(request, sizeof request, "POST /2018-06-01/runtime/invocation/%.36s/response HTTP/1.1\r\n"
            "Host: x\r\nContent-Length: 14\r\n\r\n\"from scratch\"", id + 31);
        call(request, reply, sizeof reply);
    }
}
"""


def test_a_layout_in_a_folder_that_the_operator_named(images, base, outside):
    image = function_image(base)
    uri = image.layout(outside / next(names), "v1")
    assert images.create(uri).invoke("1 + 1").ok() == 2
    relative = function_image(base).archive(images.folder / "relative.tar")
    assert images.create("oci-archive:relative.tar").invoke("1 + 1").ok() == 2, relative
    code, message = images.refused(uri.replace(":v1", ":v2"))
    assert code == "InvalidParameterValueException" and "does not exist. Provide a valid source image." in message


def test_files_elsewhere_are_not_told_of(images, base, tmp_path):
    hidden = function_image(base).archive(tmp_path / "image.tar")
    link = images.folder / "link.tar"
    link.symlink_to(tmp_path / "image.tar")
    for uri in (hidden, f"oci-archive:{link}", "oci:/etc", "oci-archive:/etc/shadow", f"oci:{tmp_path}/nothing",
                "oci-archive:../credentials", f"oci-archive:{images.folder}/../credentials"):
        code, message = images.refused(uri)
        assert code == "InvalidParameterValueException"
        assert "is not valid. Provide a valid source image." in message and "--image-folder" in message, message


@pytest.mark.parametrize("registry", [
    {}, {"auth": "basic"}, {"auth": "token"}, {"auth": "token", "redirect": True}], indirect=True, ids=str)
def test_an_image_of_a_registry(images, base, registry):
    image = function_image(base, Layer({"app/who": json.dumps([registry.auth, registry.redirect])}))
    uri = registry.push(image)
    credentials = images.server.data / "registry-credentials.json"
    if registry.auth:
        assert images.refused(uri) == (
            "AccessDeniedException",
            "Lambda does not have permission to access the ECR image. Check the ECR permissions.")
        credentials.write_text(registry.credentials())
    try:
        function = images.create(uri)
    finally:
        credentials.unlink(missing_ok=True)
    assert function.invoke("1 + 1").ok() == 2
    code = images.client.get_function(FunctionName=function.name)["Code"]
    assert code["ResolvedImageUri"] == f"{registry.host}/app@{image.digest}"
    assert registry.leaks == []


@pytest.mark.parametrize("place", ["http://10.0.0.1/x", "http://localhost@10.0.0.1/x", "file:///etc/passwd", "//x/y", ""])
def test_redirects_to_unsafe_places_are_not_followed(images, base, registry, place):
    uri = registry.push(function_image(base, Layer({"app/elsewhere": place})))
    registry.redirect = place or " "
    end = images.end(images.create(uri, wait=False))
    assert (end["State"], end["StateReasonCode"]) == ("Failed", "ImageAccessDenied"), end


def test_a_manifest_is_not_redirected(images, base, registry):
    uri = registry.push(function_image(base))
    registry.moved = f"http://{registry.host}/v2/app/manifests/other"
    registry.push(function_image(base), tag="other")
    assert "answers 302" in images.refused(uri)[1]
    assert registry.requests == ["/v2/app/manifests/latest"]


def test_a_part_that_is_here_is_had_only_by_those_whose_registry_has_it(images, base, registry):
    image = function_image(base, Layer({"app/secret": "s"}))
    images.create(image)
    uri = registry.push(image)
    del registry.blobs[image.manifest["layers"][-1]["digest"]]
    end = images.end(images.create(uri, wait=False))
    assert (end["State"], end["StateReasonCode"]) == ("Failed", "ImageDeleted"), end


def test_a_slow_registry_holds_up_no_other_image_of_the_same_layer(images, base, registry):
    image = function_image(base, Layer({"app/slow": "s"}))
    registry.open.clear()
    function = images.create(registry.push(image), wait=False)
    assert registry.asked.wait(10)
    assert images.create(function_image(base, Layer({"app/slow": "s"}), variables={"A": "1"})).invoke("1 + 1").ok() == 2
    assert images.client.get_function_configuration(FunctionName=function.name)["State"] == "Pending"
    registry.open.set()
    assert images.end(function)["State"] == "Active"


def test_a_tag_is_settled_when_the_function_is_made(images, base, registry):
    uri = registry.push(function_image(base, Layer({"app/version": "1"})))
    function = images.create(uri)
    registry.push(function_image(base, Layer({"app/version": "2"})))
    assert function.invoke("open('version').read()").ok() == "1"
    images.client.update_function_code(FunctionName=function.name, ImageUri=uri)
    function.wait_updated()
    assert function.invoke("open('version').read()").ok() == "2"


def test_of_an_image_for_several_platforms_the_hosts_is_taken(images, base, registry):
    image = function_image(base).for_platforms("s390x", "riscv64")
    assert images.create(registry.push(image)).invoke("1 + 1").ok() == 2
    foreign = function_image(base, architecture="s390x")
    function = images.create(registry.push(foreign, tag="foreign"), wait=False)
    end = images.end(function)
    assert (end["State"], end["StateReasonCode"]) == ("Failed", "InvalidImage")
    assert f"linux/{architecture()}" in end["StateReason"]


def test_later_starts_need_neither_registry_nor_file_nor_what_was_unpacked(new_server, base, registry):
    images = Images(new_server())
    uri = images.put(function_image(base))
    of_file, of_registry = images.create(uri), images.create(registry.push(function_image(base, Layer({"x": ""}))))
    registry.close()
    os.unlink(uri.split(":")[1])
    images.server.stop()
    shutil.rmtree(images.server.data / "unpacked")
    images.server.start()
    assert of_file.invoke("1 + 1").ok() == 2 and of_registry.invoke("1 + 1").ok() == 2


# What is refused

def test_errors_of_create_and_update(images, base, registry):
    uri = images.put(function_image(base))
    not_for_images = ("InvalidParameterValueException",
        "Please don't provide Handler or Runtime or Layer when the intended function PackageType is Image.")
    assert images.refused(uri, Handler="a.b") == not_for_images
    assert images.refused(uri, Runtime="python3.12") == not_for_images
    layer = "arn:aws:lambda:us-east-1:000000000000:layer:x:1"
    assert images.refused(uri, Layers=[layer]) == not_for_images
    for missing in (f"{registry.host}/nothing:1", f"{registry.host}/app@sha256:{'0' * 64}"):
        assert images.refused(missing) == (
            "InvalidParameterValueException", f"Source image {missing} does not exist. Provide a valid source image.")
    for bad in ("app:latest", "UPPER.example/App:1", "registry.example/app@sha256:12", "oci:", "x y"):
        code, message = images.refused(bad)
        assert code == "InvalidParameterValueException" and "is not valid. Provide a valid source image." in message
    function = images.create(uri)
    with pytest.raises(botocore.exceptions.ClientError) as error:
        images.client.update_function_code(FunctionName=function.name, ZipFile=b"zip")
    assert error.value.response["Error"]["Message"] == (
        "Please provide ImageUri when updating a function with packageType Image.")
    with pytest.raises(botocore.exceptions.ClientError) as error:
        images.client.update_function_configuration(FunctionName=function.name, Handler="a.b")
    assert error.value.response["Error"]["Message"] == not_for_images[1]


def test_what_is_no_image_is_named_so(images, base, registry):
    image = function_image(base)
    image.manifest["config"] = {**image.config, "mediaType": "application/vnd.example"}
    image.root = image.part(json.dumps(image.manifest).encode(), "application/vnd.oci.image.manifest.v1+json")
    uri = registry.push(image, tag="chart")
    assert images.refused(uri) == (
        "InvalidParameterValueException",
        f"The image manifest, config or layer media type for the source image {uri} is not supported.")


def test_a_program_or_folder_that_is_not_there(images, base):
    cases = [
        ({"EntryPoint": ["/nowhere/program"]}, "Runtime.InvalidEntrypoint",
         "fork/exec /nowhere/program: no such file or directory"),
        ({"EntryPoint": ["program"]}, "Runtime.InvalidEntrypoint",
         'exec: "program": executable file not found in $PATH'),
        ({"EntryPoint": ["/app/app.py"]}, "Runtime.InvalidEntrypoint", "fork/exec /app/app.py: permission denied"),
        ({"WorkingDirectory": "/nowhere"}, "Runtime.InvalidWorkingDir", "chdir /nowhere: no such file or directory"),
    ]
    function = images.create(function_image(base))
    for config, kind, text in cases:
        function.configure(ImageConfig=config)
        reply = function.invoke("1")
        assert reply.json["errorType"] == kind, reply.payload
        assert reply.json["errorMessage"].endswith(f"Error: {text}"), reply.payload
        assert f"IMAGE\tLaunch error: {text}\tEntrypoint: [" in reply.log


HOSTILE = {
    "a name that climbs": Layer().file("../../../escaped", "x"),
    "a name that climbs within": Layer().file("a/../../escaped", "x"),
    "a file below its own link": Layer().link("out", "@").file("out/escaped", "x"),
    "a folder in place of a link": Layer().link("out", "@").folder("out/escaped"),
    "a hard link to the outside": Layer().hard_link("escaped", "@/secret"),
    "a hard link through a link": Layer().link("out", "@").hard_link("escaped", "out/secret"),
    "a hard link that climbs": Layer().hard_link("escaped", "../../../../../../../../etc/passwd"),
    "a hard link to a folder": Layer().folder("a").hard_link("b", "a"),
}


@pytest.mark.parametrize("what", HOSTILE)
def test_hostile_layers_fail_and_touch_nothing_outside(images, base, tmp_path, what):
    (tmp_path / "secret").write_text("secret")
    layer = Layer(compression="")
    for line in rewritten(HOSTILE[what], str(tmp_path)):
        layer.tar.addfile(*line)
    function = images.create(function_image(base, layer), wait=False)
    end = images.end(function)
    assert (end["State"], end["StateReasonCode"]) == ("Failed", "InvalidImage"), end
    assert [path.name for path in tmp_path.iterdir()] == ["secret"]
    assert not list(images.server.data.parent.rglob("escaped"))
    with pytest.raises(images.client.exceptions.ResourceConflictException):
        function.invoke("1")


def rewritten(layer, folder):
    """The entries of a layer with a folder of the test in the place of @."""
    with tarfile.open(fileobj=io.BytesIO(layer.uncompressed)) as tar:
        for info in tar:
            info.linkname = info.linkname.replace("@", folder)
            yield info, io.BytesIO(tar.extractfile(info).read() if info.isfile() else b"")


def test_links_over_several_layers_stay_inside(images, base, tmp_path):
    (tmp_path / "secret").write_text("secret")
    lower = Layer().link("out", str(tmp_path)).link("etc", str(tmp_path)).link("var", "/").link("climb", "../" * 9)
    upper = Layer({"out/escaped": "x", "climb/escaped": "x"}).whiteout("out/secret")
    function = images.create(function_image(base, lower, upper))
    assert function.invoke("[os.listdir('/out'), os.path.isfile('/escaped')]").ok() == [["escaped"], True]
    assert function.invoke("os.path.islink('/etc') or os.path.islink('/var')").ok() is False
    assert [path.name for path in tmp_path.iterdir()] == ["secret"]


def test_a_layer_that_is_not_what_the_image_says(images, base, registry):
    image = function_image(base, Layer({"app/extra": "changed"}))
    uri = registry.push(image, tag="changed")
    registry.blobs[image.manifest["layers"][-1]["digest"]] = Layer({"app/extra": "y"}).bytes
    assert images.end(images.create(uri, wait=False))["StateReasonCode"] == "InvalidImage"
    wrong = function_image(base, Layer({"app/extra": "z"}), diff_ids=["sha256:" + "0" * 64] * 3)
    assert images.end(images.create(wrong, wait=False))["StateReasonCode"] == "InvalidImage"
    missing = function_image(base, Layer({"app/extra": "w"}))
    uri = registry.push(missing, tag="missing")
    del registry.blobs[missing.manifest["layers"][-1]["digest"]]
    assert images.end(images.create(uri, wait=False))["StateReasonCode"] == "ImageDeleted"


def test_a_layer_that_grows_beyond_all_bounds_is_given_up(images, base):
    size = 11 << 30
    process = subprocess.run(
        ["sh", "-c", f"mkdir t && cd t && truncate -s {size} zeros && tar -cf - --sparse zeros | zstd -q -c"],
        cwd=images.server.data.parent, capture_output=True, check=True)
    layer = Raw(process.stdout, b"")
    began = time.monotonic()
    end = images.end(images.create(function_image(base, layer), wait=False))
    assert end["StateReasonCode"] == "InvalidImage" and "10 GB" in end["StateReason"], end
    assert time.monotonic() - began < 10


class Raw:
    """A layer of given bytes."""

    media_type = "application/vnd.oci.image.layer.v1.tar+zstd"

    def __init__(self, data, uncompressed):
        self.bytes, self.uncompressed = data, uncompressed


@pytest.mark.parametrize("seed", range(8))
def test_damaged_layers_fail_and_leave_nothing(images, seed):
    chance = random.Random(seed)
    data = bytearray(Layer({f"f{n}": os.urandom(50) for n in range(20)}, "").uncompressed)
    for _ in range(40):
        data[chance.randrange(len(data))] = chance.randrange(256)
    layer = Raw(bytes(data), bytes(data))
    layer.media_type = "application/vnd.oci.image.layer.v1.tar"
    before = set((images.server.data / "unpacked/layers").iterdir())
    end = images.end(images.create(Image([layer], entrypoint=["/x"]), wait=False))
    after = set((images.server.data / "unpacked/layers").iterdir())
    assert end["State"] == "Active" or after == before
    assert not list((images.server.data / "unpacked/new").iterdir())
    assert images.server.alive


# Failing and healing

def test_while_an_update_is_on_its_way_and_when_it_fails_the_old_image_runs(images, base, registry):
    function = images.create(function_image(base, Layer({"app/version": "1"})))
    bad = function_image(base, variables={"BAD": "1"}, diff_ids=["sha256:" + "0" * 64] * 2)
    registry.open.clear()
    images.client.update_function_code(FunctionName=function.name, ImageUri=registry.push(bad))
    assert registry.asked.wait(10)
    assert function.invoke("open('version').read()").ok() == "1"
    with pytest.raises(images.client.exceptions.ResourceConflictException):
        images.client.update_function_configuration(FunctionName=function.name, Timeout=9)
    registry.open.set()

    def ended():
        now = images.client.get_function_configuration(FunctionName=function.name)
        return now if now["LastUpdateStatus"] != "InProgress" else None

    now = eventually(ended, "the end of the update")
    assert (now["State"], now["LastUpdateStatus"]) == ("Active", "Failed")
    assert now["LastUpdateStatusReasonCode"] == "InvalidImage"
    assert function.invoke("open('version').read()").ok() == "1"
    images.server.restart()
    assert function.invoke("open('version').read()").ok() == "1"
    good = images.put(function_image(base, Layer({"app/version": "3"})))
    images.client.update_function_code(FunctionName=function.name, ImageUri=good)
    function.wait_updated()
    assert function.invoke("open('version').read()").ok() == "3"


def test_a_server_that_is_killed_while_it_pulls_goes_on_afterwards(new_server, base, registry):
    images = Images(new_server())
    uri = registry.push(function_image(base))
    registry.open.clear()
    function = images.create(uri, wait=False)
    assert registry.asked.wait(10)
    images.server.kill()
    images.server.start()
    registry.open.set()
    assert images.end(function)["State"] == "Active"
    assert function.invoke("1 + 1").ok() == 2
    assert not list((images.server.data / "unpacked/new").iterdir())


def test_a_server_that_is_told_to_end_while_it_pulls_does_so_and_goes_on_afterwards(new_server, base, registry):
    images = Images(new_server())
    uri = registry.push(function_image(base))
    registry.open.clear()
    function = images.create(uri, wait=False)
    assert registry.asked.wait(10)
    assert images.server.stop() == 0
    registry.open.set()
    images.server.start()
    assert images.end(function)["State"] == "Active"


def test_a_function_that_is_deleted_while_it_is_made_stays_away(images, base, registry):
    uri = registry.push(function_image(base, Layer({"app/first": "1"})))
    registry.open.clear()
    function = images.create(uri, wait=False)
    assert registry.asked.wait(10)
    function.delete()
    registry.open.set()
    again = images.functions.create_raw(
        name=function.name, PackageType="Image", Role=ROLE, Code={"ImageUri": images.put(
            function_image(base, Layer({"app/second": "2"})))})
    assert again.invoke("open('second').read()").ok() == "2"
