"""Class paths that configuration has imported and called: which of them are no classes to build."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from leyden.audit.artifacts.names import DANGEROUS_MODULES, DANGEROUS_NAMES
from leyden.audit.config.hits import Hit
from leyden.audit.config.pairs import Pair
from leyden.audit.finding import Severity, shortened
from leyden.audit.rules.config_values import CLASS_PATH

# Modules that a pickle has no business with and a configuration may have: their functions do no harm by themselves,
# or a project's own modules are called so.
_ORDINARY: Final = frozenset(
    [
        "__main__", "_operator", "ast", "asyncio", "atexit", "cProfile", "code", "codecs", "commands", "concurrent",
        "dis", "distutils", "doctest", "fileinput", "functools", "gc", "glob", "http", "inspect", "io", "itertools",
        "linecache", "logging", "mmap", "multiprocessing", "operator", "platform", "profile", "requests", "resource",
        "setuptools", "signal", "site", "sqlite3", "sysconfig", "tarfile", "tempfile", "test", "threading", "timeit",
        "trace", "types", "unittest", "urllib", "venv", "weakref", "zipfile",
    ]
)  # fmt: skip
# What runs code or fetches it in those.
_RUNS: Final = frozenset(
    [
        "asyncio.create_subprocess_exec", "asyncio.create_subprocess_shell", "cProfile.run", "cProfile.runctx",
        "code.InteractiveConsole", "code.InteractiveInterpreter", "code.interact", "commands.getoutput",
        "distutils.spawn.spawn", "logging.config.dictConfig", "logging.config.fileConfig", "logging.config.listen",
        "pandas.eval", "profile.run", "timeit.timeit", "types.CodeType", "types.FunctionType",
        "urllib.request.urlopen", "urllib.request.urlretrieve",
    ]
)  # fmt: skip
_BUILTINS: Final = frozenset(
    [
        "__import__", "apply", "breakpoint", "compile", "delattr", "eval", "exec", "execfile", "getattr", "globals",
        "input", "open", "setattr", "vars",
    ]
)  # fmt: skip
# Harmless functions of the other modules.
_HARMLESS: Final = frozenset(
    [
        "os.PathLike", "os.cpu_count", "os.environ.get", "os.getcwd", "os.getenv", "os.getpid", "os.listdir",
        "shutil.which", "socket.getfqdn", "socket.gethostname", "sys.getsizeof", "torch.compile", "torch.save",
        "transformers.pipeline",
    ]
)  # fmt: skip
# They load what a file or an address holds; the rest of what is found runs anything at once.
_LOADING: Final = frozenset(
    [
        "_pickle", "cloudpickle", "dill", "joblib", "joblib.numpy_pickle", "jsonpickle", "numpy", "pandas",
        "pandas.io.pickle", "pickle", "shelve", "torch", "torch.hub", "torch.jit", "torch.serialization", "yaml",
    ]
)  # fmt: skip
_LEADING_ON: Final = re.compile(r"hydra\.utils\.(?:get_(?:method|class|object|static_method)|call|instantiate)")
_PATH: Final = re.compile(r"[A-Za-z_]\w{0,100}(?:\.[A-Za-z_]\w{0,100}){0,20}")


def class_path(pair: Pair) -> Iterator[Hit]:
    """``class_path`` and ``_target_``."""
    name = pair.text
    if _LEADING_ON.fullmatch(name):
        name = pair.owner.text("path") or name
    severity = harm(name)
    if severity is not None:
        text = f"What builds from this configuration imports and calls `{shortened(name, 100)}`."
        yield pair.hit(CLASS_PATH, text, severity=severity)


def harm(name: str) -> Severity | None:
    """How bad it is that a reader imports and calls what has this name; None where it is ordinary."""
    if _PATH.fullmatch(name) is None or name in _HARMLESS or name.startswith(("os.path.", "posixpath.", "ntpath.")):
        return None
    if any(name == one or name.startswith(f"{one}.") for one in _RUNS):
        return Severity.HIGH
    module, _, attribute = name.rpartition(".")
    root = module.partition(".")[0] or name
    if root in ("builtins", "__builtin__") or not module:
        return Severity.CRITICAL if attribute in _BUILTINS and module else None
    loads = module in _LOADING and attribute in ("load", "loads", "Unpickler")
    if loads or (module, attribute) in DANGEROUS_NAMES:
        return Severity.HIGH if module in _LOADING else Severity.CRITICAL
    return Severity.CRITICAL if root in DANGEROUS_MODULES and root not in _ORDINARY else None
