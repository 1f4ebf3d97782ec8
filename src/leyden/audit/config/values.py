"""Checks of what documents name and allow: classes, tags, remote code."""

from __future__ import annotations

import re
from collections.abc import Iterator
from collections.abc import Mapping as AnyMapping
from typing import Final

from leyden.audit.artifacts.names import DANGEROUS_MODULES, DANGEROUS_NAMES
from leyden.audit.config.hits import Hit
from leyden.audit.config.nodes import Mapping, Real, Scalar, walk
from leyden.audit.config.pairs import Check, Pair
from leyden.audit.finding import Severity, shortened
from leyden.audit.rules import config_values as rules

# Modules that a pickle has no business with and a configuration may have: their functions do no harm by themselves,
# or a project's own modules are called so.
_ORDINARY: Final = frozenset(
    [
        "__main__", "_operator", "ast", "asyncio", "atexit", "cProfile", "code", "codecs", "commands", "concurrent",
        "distutils", "dis", "doctest", "fileinput", "functools", "gc", "glob", "http", "inspect", "io", "itertools",
        "linecache", "logging", "mmap", "multiprocessing", "operator", "platform", "profile", "resource", "requests",
        "setuptools", "signal", "site", "sqlite3", "sysconfig", "tempfile", "test", "threading", "timeit", "trace",
        "types", "unittest", "urllib", "venv", "weakref", "zipfile", "tarfile",
    ]
)  # fmt: skip
_RUNNING: Final = frozenset(("compile", "eval", "exec", "execfile", "__import__", "open", "getattr", "setattr",
                             "delattr", "globals", "vars", "input", "breakpoint", "apply"))  # fmt: skip
_HARMLESS: Final = frozenset(
    ("os.getcwd", "os.getenv", "os.cpu_count", "os.getpid", "os.environ.get", "os.listdir", "os.PathLike",
     "shutil.which", "sys.getsizeof", "torch.compile", "torch.save",
     "transformers.pipeline", "socket.gethostname", "socket.getfqdn")
)  # fmt: skip
# They load what a file or an address holds; the rest of what is found runs anything at once.
_LOADING: Final = frozenset(
    ("torch", "numpy", "joblib", "pandas", "pickle", "_pickle", "dill", "cloudpickle", "shelve", "yaml", "torch.hub",
     "torch.serialization", "torch.jit", "joblib.numpy_pickle", "pandas.io.pickle", "jsonpickle")
)  # fmt: skip
# What runs code or fetches it in modules that are ordinary otherwise.
_RUNS: Final = frozenset(
    ("asyncio.create_subprocess_shell", "asyncio.create_subprocess_exec", "cProfile.run", "cProfile.runctx",
     "code.interact",
     "code.InteractiveConsole", "code.InteractiveInterpreter", "commands.getoutput", "distutils.spawn.spawn",
     "logging.config.dictConfig", "logging.config.fileConfig", "logging.config.listen", "pandas.eval", "profile.run",
     "timeit.timeit", "types.CodeType", "types.FunctionType", "urllib.request.urlopen", "urllib.request.urlretrieve")
)  # fmt: skip
_LEADING_ON: Final = re.compile(r"hydra\.utils\.(?:get_(?:method|class|object|static_method)|call|instantiate)")
_PATH: Final = re.compile(r"[A-Za-z_]\w{0,100}(?:\.[A-Za-z_]\w{0,100}){0,20}")

_OBJECT_TAG: Final = re.compile(
    r"tag:yaml\.org,2002:(?:python/(?:object|name|module)|(?:java|js|ruby|perl|php)/)[\w./:]{0,200}"
    r"|!(?:ruby|php|java|perl)/[\w./:]{1,200}"
)
# Extensions of mkdocs, whose settings can name functions in no other way.
_PAGES: Final = re.compile(
    r"tag:yaml\.org,2002:python/(?:name|object/apply):(?:material|materialx|pymdownx|mermaid2|markdown|mdx\w*)\.[\w.]{1,100}"
)
_EVALUATED: Final = re.compile(
    r"\$\{(?:oc\.)?(?:py_?)?eval:[^\n]{0,400}?(?:__\w{1,30}__|\b(?:exec|eval|open|compile|getattr)\s?\(|\b(?:os|sys|subprocess)\.)"
)
_ATTENTION: Final = ("_attn_implementation_internal", "_attn_implementation", "attn_implementation")


def class_path(pair: Pair) -> Iterator[Hit]:
    """``class_path`` and ``_target_``."""
    name = pair.text
    if _LEADING_ON.fullmatch(name):
        name = pair.owner.text("path") or name
    severity = _harm(name)
    if severity is not None:
        text = f"What builds from this configuration imports and calls `{shortened(name, 100)}`."
        yield pair.hit(rules.CLASS_PATH, text, severity=severity)


def _harm(name: str) -> Severity | None:
    if _PATH.fullmatch(name) is None or name in _HARMLESS or name.startswith(("os.path.", "posixpath.", "ntpath.")):
        return None
    if any(name == one or name.startswith(f"{one}.") for one in _RUNS):
        return Severity.HIGH
    module, _, attribute = name.rpartition(".")
    root = module.partition(".")[0] or name
    if root in ("builtins", "__builtin__") or not module:
        return Severity.CRITICAL if attribute in _RUNNING and module else None
    loads = module in _LOADING and attribute in ("load", "loads", "Unpickler")
    if loads or (module, attribute) in DANGEROUS_NAMES:
        return Severity.HIGH if module in _LOADING else Severity.CRITICAL
    return Severity.CRITICAL if root in DANGEROUS_MODULES and root not in _ORDINARY else None


def tags(root: Real) -> Iterator[Hit]:
    """Tags anywhere in a document that make objects."""
    for _, node in walk(root):
        if not node.tag or _OBJECT_TAG.match(node.tag) is None or _PAGES.fullmatch(node.tag):
            continue
        name = node.tag.removeprefix("tag:yaml.org,2002:")
        worse = _harm(name.rpartition(":")[2]) if "python/" in name else None
        text = f"`{shortened(name, 100)}` is what a reader that builds objects imports or calls."
        yield Hit(rules.TAG, text, node.line, node.column, severity=worse)


def weights_only(pair: Pair) -> Iterator[Hit]:
    if isinstance(pair.value, Scalar) and pair.value.is_false:
        yield pair.hit(rules.WEIGHTS_ONLY, "Checkpoints are loaded with whatever they name.")


def trusts(pair: Pair) -> Iterator[Hit]:
    if pair.is_true:
        yield pair.hit(rules.REMOTE_CODE, f"`{pair.key.text}: true` runs Python that a repository holds.")


def auto_map(pair: Pair) -> Iterator[Hit]:
    """Of a model's or tokenizer's file."""
    names = [node for _, node in walk(pair.value) if isinstance(node, Scalar) and "." in node.text]
    if not names:
        return
    elsewhere = [node for node in names if "--" in node.text]
    if elsewhere:
        text = f"It comes from another repository: `{shortened(elsewhere[0].text, 100)}`."
        yield pair.hit(rules.BRINGS_CODE, text, elsewhere[0], Severity.MEDIUM)
    else:
        yield pair.hit(rules.BRINGS_CODE, f"It comes with the model: `{shortened(names[0].text, 100)}`.", names[0])


def attention(pair: Pair) -> Iterator[Hit]:
    if "/" in pair.text and isinstance(pair.root, Mapping) and "model_type" in pair.root.keys() | pair.owner.keys():
        # A program's own configuration may choose a kernel; what a model says about itself is a stranger's word.
        yield pair.hit(rules.KERNEL, f"The code of `{shortened(pair.text, 100)}` is downloaded and run.")


def unchecked(pair: Pair) -> Iterator[Hit]:
    """Switches for the check of certificates, whichever way they turn."""
    skips = "insecure" in pair.key.text
    if isinstance(pair.value, Scalar) and (pair.value.is_true if skips else pair.value.is_false):
        yield pair.hit(rules.UNCHECKED, f"`{pair.key.text}: {pair.text}` takes any certificate.")


def evaluated(pair: Pair) -> Iterator[Hit]:
    """``${eval:…}`` of OmegaConf, under whatever name."""
    if "${" in pair.text and _EVALUATED.search(pair.text):
        yield pair.hit(rules.EVALUATED, "Where an `eval` resolver is registered, reading the value runs this.")


KEYS: Final[AnyMapping[str, Check]] = {
    "_target_": class_path,
    "class_path": class_path,
    "weights_only": weights_only,
    "trust_remote_code": trusts,
    "auto_map": auto_map,
    **dict.fromkeys(
        ("ssl_verify", "verify_ssl", "tls_verify", "insecure-skip-tls-verify", "insecure_skip_verify"), unchecked
    ),
    **dict.fromkeys(_ATTENTION, attention),
}
