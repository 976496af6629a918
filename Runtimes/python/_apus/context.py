"""The `context` argument of handlers."""

import time

from . import environment


class Current:
    """The invocation in progress, for log records; empty during init."""

    request_id = ""
    tenant_id = None


current = Current()


class _Fields:
    """Attributes from a dictionary's keys; absent ones are None."""

    __slots__ = ()

    def __init__(self, values):
        for name in self.__slots__:
            setattr(self, name, values.get(name))

    def __repr__(self):
        fields = ",".join(f"{name}={getattr(self, name)}" for name in self.__slots__)
        return f"{type(self).__name__}([{fields}])"


class CognitoIdentity(_Fields):
    __slots__ = ("cognito_identity_id", "cognito_identity_pool_id")


class Client(_Fields):
    __slots__ = ("installation_id", "app_title", "app_version_name", "app_version_code", "app_package_name")


class ClientContext(_Fields):
    __slots__ = ("custom", "env", "client")


class LambdaContext:
    """One invocation, by the headers it came with."""

    def __init__(self, headers, function, sink):
        self.aws_request_id = headers["lambda-runtime-aws-request-id"]
        self.log_group_name = function.log_group_name
        self.log_stream_name = function.log_stream_name
        self.function_name = function.function_name
        self.memory_limit_in_mb = function.memory_limit_in_mb
        self.function_version = function.function_version
        self.invoked_function_arn = headers.get("lambda-runtime-invoked-function-arn")
        self.tenant_id = headers.get("lambda-runtime-aws-tenant-id")
        self.client_context = _client_context(headers.get("lambda-runtime-client-context"))
        self.identity = _identity(headers.get("lambda-runtime-cognito-identity"))
        self._epoch_deadline_time_in_ms = int(headers.get("lambda-runtime-deadline-ms") or 0)
        self._sink = sink

    def get_remaining_time_in_millis(self):
        return max(0, self._epoch_deadline_time_in_ms - int(time.time() * 1000))

    def log(self, message):
        self._sink.record(str(message))

    def __repr__(self):
        names = (
            "aws_request_id", "log_group_name", "log_stream_name", "function_name", "memory_limit_in_mb",
            "function_version", "invoked_function_arn", "client_context", "identity", "tenant_id",
        )
        return f"LambdaContext([{','.join(f'{name}={getattr(self, name)}' for name in names)}])"


class Function:
    """What a context says about the function; the same for every invocation."""

    def __init__(self):
        self.log_group_name = environment.get("AWS_LAMBDA_LOG_GROUP_NAME")
        self.log_stream_name = environment.get("AWS_LAMBDA_LOG_STREAM_NAME")
        self.function_name = environment.get("AWS_LAMBDA_FUNCTION_NAME")
        self.memory_limit_in_mb = environment.get("AWS_LAMBDA_FUNCTION_MEMORY_SIZE")
        self.function_version = environment.get("AWS_LAMBDA_FUNCTION_VERSION")


class BadHeader(Exception):
    """A context header that is not JSON."""


def _client_context(text):
    if not text:
        return None
    values = _object(text, "Client Context")
    context = ClientContext(values)
    if context.client is not None:
        context.client = Client(context.client)
    return context


def _identity(text):
    values = _object(text, "Cognito Identity") if text else {}
    return CognitoIdentity({
        "cognito_identity_id": values.get("cognitoIdentityId"),
        "cognito_identity_pool_id": values.get("cognitoIdentityPoolId"),
    })


def _object(text, name):
    from .payload import load

    try:
        return load(text.encode())
    except ValueError as problem:
        raise BadHeader(f"Unable to parse {name} JSON: {problem}")
