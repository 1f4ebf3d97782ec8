"""Classes and functions by name: what a file may mean by one, and what it never may."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from types import BuiltinFunctionType, FunctionType, ModuleType
from typing import Any, Final, NoReturn, TypeAlias, TypeVar

Code: TypeAlias = "type[Any] | Callable[..., Any]"
Fail: TypeAlias = Callable[[str], NoReturn]
_C = TypeVar("_C", bound=Code)

# Given in the program's own code, under the name by which files know them.
_REGISTERED: Final[dict[str, Code]] = {}

# Of the standard library, these names and no others.
_STANDARD: Final[Mapping[str, str]] = {
    "builtins": "abs all any bool bytearray bytes complex dict divmod enumerate filter float frozenset int len list "
    "map max min object pow range repr reversed round set slice sorted str sum tuple zip",
    "argparse": "Namespace",
    "collections": "Counter OrderedDict defaultdict deque",
    "datetime": "date datetime time timedelta timezone",
    "decimal": "Decimal",
    "fractions": "Fraction",
    "math": "acos asin atan atan2 ceil copysign cos cosh degrees exp expm1 fabs floor fmod fsum gcd hypot isclose "
    "isfinite isinf isnan log log10 log1p log2 pow radians sin sinh sqrt tan tanh trunc",
    "pathlib": "Path PosixPath PurePath PurePosixPath PureWindowsPath WindowsPath",
    "statistics": "fmean mean median mode stdev variance",
    "types": "SimpleNamespace",
}
# Of packages that many programs have: what reads, runs, imports or starts something. All under a name is meant.
_NEVER: Final = (
    *("torch._C", "torch._dynamo", "torch._inductor", "torch._ops", "torch.classes", "torch.compiler"),
    *(
        "torch.distributed",
        "torch.export",
        "torch.fx",
        "torch.hub",
        "torch.jit",
        "torch.load",
        "torch.multiprocessing",
        "torch.onnx",
    ),
    *("torch.ops", "torch.package", "torch.serialization", "torch.testing", "torch.utils", "torch._utils"),
    *("numpy.ctypeslib", "numpy.distutils", "numpy.f2py", "numpy.lib", "numpy.testing", "numpy.fromfile"),
    *("numpy.load", "numpy.loadtxt", "numpy.memmap", "numpy.save", "numpy.savetxt", "numpy.savez"),
    *("pandas.core.computation", "pandas.eval", "pandas.io", "pandas.util", "scipy.io", "scipy.weave"),
    *("leyden.checkpoint", "leyden.cli", "leyden.compat", "leyden.runtime", "leyden.security", "leyden.trainer"),
    *("IPython", "_hydra", "cffi", "cloudpickle", "dill", "fabric", "fire", "fsspec", "hydra", "invoke", "joblib"),
    *("jsonargparse", "jsonpickle", "numba", "numexpr", "paramiko", "pexpect", "pip", "pkg_resources", "plumbum"),
    *("psutil", "ray", "requests", "setuptools", "sh", "sympy", "tensorflow", "triton", "urllib3", "wandb", "yaml"),
    *("_pytest", "pytest", "pydevd", "debugpy", "py", "site", "sitecustomize", "usercustomize", "antigravity"),
)
_STILL: Final = "torch.utils.data."
# C functions do not all know their module: torch's activations and reductions are looked up in these places.
_OF_TORCH: Final = (
    "abs acos add amax amin asin atan atan2 bmm ceil celu clamp cos cosh cosine_similarity cumsum div dot einsum elu "
    "erf exp expm1 floor gelu hardshrink hardsigmoid hardswish hardtanh leaky_relu log log10 log1p log2 log_softmax "
    "logaddexp logsigmoid logsumexp matmul max maximum mean median min minimum mish mm mul neg norm pow prod relu "
    "relu6 relu_ rrelu rsqrt selu sigmoid sign silu sin sinh softmax softplus softshrink sqrt square std sub sum tan "
    "tanh threshold var"
)
_TORCH_PLACES: Final = ("torch", "torch.nn.functional")
# Read past whatever a metaclass may say.
_module_of: Final = vars(type)["__module__"].__get__
_qualname_of: Final = vars(type)["__qualname__"].__get__


def register_object(code: _C) -> _C:
    """Let checkpoints hold a class and its objects, or a function, that is not found under its own name.

    Also a decorator. Needed before saving and before loading: for classes made inside functions, above all.
    """
    _REGISTERED[_own_name(code)] = code
    return code


def reference(code: Code, fail: Fail) -> str:
    """How a file names a class or a function; fails where the name would not lead back to it."""
    name = _own_name(code)
    if why := _forbidden(name):
        fail(f"is {name}, {why}")
    if _find(name) is not code:
        fail(
            f"is {name}, which cannot be found under this name. Define it at the top level of its module, or call "
            "leyden.checkpoint.references.register_object with it where the program saves and loads"
        )
    return name


def findable(code: Code) -> bool:
    """Whether ``reference`` has a name for this."""
    name = _own_name(code)
    return _forbidden(name) is None and _find(name) is code


def resolve(name: str, fail: Fail) -> Code:
    """The class or function that a file names, if the program has it already; nothing is imported or run."""
    shown = repr(name[:200])
    if why := _forbidden(name):
        fail(f"names {shown}, {why}")
    code = _find(name)
    if code is None:
        fail(
            f"names {shown}, which this program has not imported, or does not have. Import its module first: nothing "
            "is imported because a file names it"
        )
    return code


def _own_name(code: Code) -> str:
    if isinstance(code, type):
        return f"{_module_of(code)}:{_qualname_of(code)}"
    name = code.__name__
    if isinstance(code, BuiltinFunctionType) and name in _OF_TORCH.split():
        for place in _TORCH_PLACES:
            if _attribute(place, name) is code:
                return f"{place}:{name}"
    return f"{code.__module__}:{code.__qualname__}"


def _find(name: str) -> Code | None:
    """What the name means, where that says the same of itself: an alias such as ``program.system`` means nothing."""
    registered = _REGISTERED.get(name)
    if registered is not None:
        return registered
    module, _, qualname = name.partition(":")
    first, *rest = qualname.split(".")
    found = _attribute(module, first)
    for part in rest:  # classes inside classes, and nothing else that has attributes
        found = _members(found).get(part) if isinstance(found, type) else None
    if isinstance(found, type) or (isinstance(found, (FunctionType, BuiltinFunctionType)) and not rest):
        return found if _own_name(found) == name else None
    return None


def _attribute(module: str, name: str) -> object:
    found = sys.modules.get(module)
    return vars(found).get(name) if isinstance(found, ModuleType) else None


def _members(kind: type) -> Mapping[str, Any]:
    members: Mapping[str, Any] = vars(type)["__dict__"].__get__(kind)
    return members


def _forbidden(name: str) -> str | None:
    """Why a name is never restored, whoever signed the file."""
    module, _, qualname = name.partition(":")
    top = module.partition(".")[0]
    if top in sys.stdlib_module_names:
        if qualname in _STANDARD.get(module, "").split():
            return None
        return "which belongs to the standard library and is never restored from a file"
    dotted = f"{module}.{qualname}."
    if any(dotted.startswith(f"{never}.") for never in _NEVER) and not dotted.startswith(_STILL):
        return "which can read, run or import something and is never restored from a file"
    return None
