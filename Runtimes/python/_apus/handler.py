"""Where user code is searched, and the way from `_HANDLER` to a function."""

import sys

from . import environment


class HandlerFault(Exception):
    """A handler that cannot be had, in the words of the service."""

    def __init__(self, kind, message, trace=()):
        self.kind = "Runtime." + kind
        self.message = message
        self.trace = list(trace)


def set_path(runtime_root):
    """Code, layers, `PYTHONPATH`, runtime; then the standard library, and nothing else of the host.

    Returns the folders ahead of the library.
    """
    library = [entry for entry in sys.path if entry != runtime_root]
    layers = environment.get("_APUS_LAYER_ROOT", "/opt")
    version = "python%d.%d" % sys.version_info[:2]
    wanted = [
        environment.get("LAMBDA_TASK_ROOT", "."),
        f"{layers}/python/lib/{version}/site-packages",
        f"{layers}/python",
        *environment.get("PYTHONPATH", "").split(":"),
        runtime_root,
    ]
    folders = list(dict.fromkeys(entry for entry in wanted if entry))
    sys.path[:] = folders + library
    return folders


def load(name):
    """The function that `name` (`folder/module.function`) stands for; runs the module."""
    module_name, dot, function_name = name.rpartition(".")
    if not dot:
        raise HandlerFault(
            "MalformedHandlerName", f"Bad handler '{name}': not enough values to unpack (expected 2, got 1)"
        )
    if module_name.partition(".")[0] in sys.builtin_module_names:
        raise HandlerFault(
            "BuiltInModuleConflict", f"Cannot use built-in module {module_name} as a handler module"
        )
    dotted = module_name.replace("/", ".")
    try:
        __import__(dotted)
    except ImportError as problem:
        raise HandlerFault("ImportModuleError", f"Unable to import module '{module_name}': {problem}")
    except SyntaxError as problem:
        where = f'  File "{problem.filename}" Line {problem.lineno}\n    {problem.text}'
        raise HandlerFault("UserCodeSyntaxError", f"Syntax error in module '{module_name}': {problem}", [where])
    try:
        return getattr(sys.modules[dotted], function_name)
    except AttributeError:
        raise HandlerFault("HandlerNotFound", f"Handler '{function_name}' missing on module '{module_name}'")
