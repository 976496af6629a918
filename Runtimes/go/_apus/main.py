"""Starts the program, and hands it one event after the other."""

import json
import os
import socket
import subprocess
import sys
import time

from _apus import gob, rpc
from _apus.api import RuntimeAPI

# Both are guesses at most, as nobody but the program listens in here.
_PORT = 9999
_PAUSE = 0.002


def main():
    api = RuntimeAPI(os.environ["AWS_LAMBDA_RUNTIME_API"])
    program = _start(api)
    function = rpc.Client(_connect(program))
    function.call("Ping", rpc.PING, {})
    while True:
        headers, event = api.next()
        call = f"invocation/{headers['lambda-runtime-aws-request-id']}"
        try:
            answer = function.call("Invoke", rpc.INVOKE, _request(headers, event))
        except (OSError, gob.GobError):
            # How the program ended is how the runtime ends.
            _end_with(program)
        except rpc.RemoteError as error:
            answer = {"Error": {"Message": str(error), "Type": "Runtime.Unknown"}}
        error = answer.get("Error")
        if error is None:
            api.post(f"{call}/response", answer.get("Payload", b""))
            continue
        api.post(f"{call}/error", json.dumps(_shape(error)).encode())
        if error.get("ShouldExit"):
            program.kill()
            sys.exit(1)


def _start(api):
    path = os.path.join(os.environ["LAMBDA_TASK_ROOT"], os.environ["_HANDLER"])
    # A newer program would prefer the Runtime API, which is taken.
    environment = {name: value for name, value in os.environ.items() if name != "AWS_LAMBDA_RUNTIME_API"}
    try:
        return subprocess.Popen([path], env={**environment, "_LAMBDA_SERVER_PORT": str(_PORT)})
    except OSError as error:
        message = f"fork/exec {path}: {os.strerror(error.errno).lower()}"
        print(f"{message}: PathError", file=sys.stderr)
        api.post("init/error", json.dumps({"errorMessage": message, "errorType": "PathError"}).encode())
        sys.exit(1)


def _connect(program):
    while True:
        try:
            return socket.create_connection(("127.0.0.1", _PORT))
        except ConnectionRefusedError:
            if program.poll() is not None:
                _end_with(program)
            time.sleep(_PAUSE)


def _end_with(program):
    status = program.wait()
    if status < 0:
        os.kill(os.getpid(), -status)
    sys.exit(status)


def _request(headers, event):
    milliseconds = int(headers["lambda-runtime-deadline-ms"])
    identity = json.loads(headers.get("lambda-runtime-cognito-identity") or "{}")
    return {
        "Payload": event,
        "RequestId": headers["lambda-runtime-aws-request-id"],
        "XAmznTraceId": headers.get("lambda-runtime-trace-id", ""),
        "Deadline": {"Seconds": milliseconds // 1000, "Nanos": milliseconds % 1000 * 1_000_000},
        "InvokedFunctionArn": headers.get("lambda-runtime-invoked-function-arn", ""),
        "CognitoIdentityId": identity.get("cognitoIdentityId", ""),
        "CognitoIdentityPoolId": identity.get("cognitoIdentityPoolId", ""),
        "ClientContext": headers.get("lambda-runtime-client-context", "").encode(),
    }


def _shape(error):
    shape = {"errorMessage": error.get("Message", ""), "errorType": error.get("Type", "")}
    frames = [
        {"path": each.get("Path", ""), "line": each.get("Line", 0), "label": each.get("Label", "")}
        for each in error.get("StackTrace", [])
    ]
    return {**shape, "stackTrace": frames} if frames else shape
