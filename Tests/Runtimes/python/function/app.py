"""Does as the conformance suite says: Tests/Runtimes/README.md."""

import logging
import os
import sys
import threading
import time
import uuid

TOKEN = str(uuid.uuid4())
calls = 0


class Refused(Exception):
    pass


def fail(_, context):
    raise Refused("no, ünï")


def remember(_, context):
    global calls
    calls += 1
    return [TOKEN, calls]


def grow(_, context):
    taken = []
    while True:
        taken.append(bytearray(1 << 20))


def write(text, context):
    with open("/tmp/kept", "w") as file:
        file.write(text)


def read(_, context):
    try:
        with open("/tmp/kept") as file:
            return file.read()
    except FileNotFoundError:
        return None


def describe(_, context):
    client = context.client_context
    return {
        "requestId": context.aws_request_id, "functionName": context.function_name,
        "functionVersion": context.function_version, "invokedFunctionArn": context.invoked_function_arn,
        "memoryLimitInMB": context.memory_limit_in_mb, "logGroupName": context.log_group_name,
        "logStreamName": context.log_stream_name, "remainingTimeInMillis": context.get_remaining_time_in_millis(),
        "clientContext": client and {
            "custom": client.custom, "env": client.env, "client": {"app_title": client.client.app_title}},
    }


def log(text, context):
    if "AWS_LAMBDA_LOG_LEVEL" not in os.environ:
        logging.getLogger().setLevel(logging.DEBUG)
    for level in ("debug", "info", "warning", "error"):
        getattr(logging, level)("%s %s", "warn" if level == "warning" else level, text)


def state(_, context):
    links = [f"/proc/self/fd/{name}" for name in os.listdir("/proc/self/fd")]
    return {
        "variables": dict(os.environ), "arguments": [sys.argv, sys.orig_argv], "path": sys.path, "folder": os.getcwd(),
        "descriptors": sorted(os.readlink(link).partition(":")[0] for link in links if os.path.exists(link)),
    }


def adrift(_, context):
    def work():
        raise Refused("adrift")

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()


def layer(_, context):
    import greeting

    return greeting.TEXT


ACTIONS = {
    "echo": lambda value, context: value,
    "fail": fail,
    "sleep": lambda seconds, context: time.sleep(seconds),
    "exit": lambda status, context: sys.exit(status),
    "grow": grow,
    "remember": remember,
    "write": write,
    "read": read,
    "variables": lambda _, context: dict(os.environ),
    "trace": lambda _, context: os.environ.get("_X_AMZN_TRACE_ID"),
    "context": describe,
    "print": lambda text, context: print(text),
    "complain": lambda text, context: print(text, file=sys.stderr),
    "log": log,
    "state": state,
    "adrift": adrift,
    "layer": layer,
}


def handler(event, context):
    return ACTIONS[event["do"]](event["with"], context)
