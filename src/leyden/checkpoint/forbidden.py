"""What no file may mean by a name, whoever signed it: what could read, run or import something for it.

No list of such things is ever complete. So of the standard library, torch, numpy, pandas and Leyden itself, only the
functions that are named here are allowed; of other packages, what is named here is refused; and a function is refused
where its own code evaluates text, imports by name, unpickles or starts a program.
"""

from __future__ import annotations

import builtins
import dis
import sys
from collections.abc import Iterator, Mapping
from types import BuiltinFunctionType, CellType, CodeType, FunctionType, ModuleType
from typing import Final

_NEVER: Final = "which can read, run or import something and is never restored from a file"
_OUTSIDE: Final = "which belongs to the standard library and is never restored from a file"
_REGISTER: Final = (
    "so it is kept only where the program names it itself: call leyden.checkpoint.references.register_object with it "
    "where the program saves and loads"
)


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


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
# Of these packages, functions under these names and no others; no part of a name may begin with an underscore.
_FUNCTIONS: Final[Mapping[str, str]] = {
    "torch": "torch.nn torch.functional torch.special torch.linalg torch.fft torch.signal torch.distributions "
    "torch.optim",
    "numpy": "numpy.arange numpy.array numpy.asarray numpy.ones numpy.zeros",
    "pandas": "pandas.isna pandas.notna pandas.to_datetime pandas.to_numeric pandas.to_timedelta",
    "leyden": "",
}
_FUNCTIONS_TOO: Final = ("torch.utils.data._utils.collate.default_collate", "torch.utils.data._utils.collate.collate")
# C functions do not all know their module: torch's activations and reductions are looked up in these places.
TORCH_PLACES: Final = ("torch", "torch.nn.functional")
OF_TORCH: Final = _names(
    "abs acos add amax amin asin atan atan2 bmm ceil celu clamp cos cosh cosine_similarity cumsum div dot einsum elu "
    "erf exp expm1 floor gelu hardshrink hardsigmoid hardswish hardtanh leaky_relu log log10 log1p log2 log_softmax "
    "logaddexp logsigmoid logsumexp matmul max maximum mean median min minimum mish mm mul neg norm pow prod relu "
    "relu6 relu_ rrelu rsqrt selu sigmoid sign silu sin sinh softmax softplus softshrink sqrt square std sub sum tan "
    "tanh threshold var"
)
# Of packages that many programs have: what reads, runs, imports or starts something. All under a name is meant.
_PARTS: Final = _names(
    "torch.classes torch.compiler torch.cpp torch.cuda torch.distributed torch.export torch.fx torch.hub torch.jit "
    "torch.library torch.load torch.multiprocessing torch.onnx torch.ops torch.package torch.save torch.serialization "
    "torch.storage torch.testing torch.utils torch.xpu "
    "numpy.ctypeslib numpy.distutils numpy.f2py numpy.lib numpy.testing numpy.fromfile numpy.load numpy.loadtxt "
    "numpy.memmap numpy.save numpy.savetxt numpy.savez pandas.compat pandas.core.computation pandas.eval pandas.io "
    "pandas.plotting pandas.util pandas.ExcelFile pandas.ExcelWriter pandas.HDFStore scipy.io scipy.weave "
    "sklearn.datasets sklearn.externals test.support torchaudio.backend torchaudio.io torchaudio.load "
    "torchaudio.sox_effects torchaudio.utils torchvision.datasets.utils torchvision.extension torchvision.io "
    "transformers.dynamic_module_utils transformers.pipelines "
    "leyden.audit leyden.checkpoint leyden.cli leyden.compat leyden.runtime leyden.security leyden.trainer "
    "leyden.wire"
)
_PRIVATE: Final = "torch._"
_STILL: Final = ("torch.cuda.amp.", "torch.utils.data.")
_NOT_STILL: Final = ("torch.utils.data.datapipes.", "torch.utils.data.graph")
_PACKAGES: Final = _names(
    "Cython IPython _cffi_backend _distutils_hack _hydra _pytest aiohttp antigravity azure boto3 botocore celery cffi "
    "clearml cloudpickle comet_ml conda cppyy dask debugpy dill distutils django docker fabric fire flask fsspec gcsfs "
    "git gradio gunicorn h5py httplib2 httpx huggingface_hub hydra hypothesis importlib_metadata importlib_resources "
    "invoke ipykernel jinja2 joblib jpype jsonargparse jsonpickle keras kombu kubernetes libcst llvmlite luigi mako "
    "mlflow nbclient nbconvert nbformat neptune numba numexpr onnx onnxruntime openvino paramiko pexpect pickle5 pip "
    "pkg_resources pluggy plumbum poetry prefect psutil psycopg2 ptyprocess py pyarrow pycuda pydevd pygit2 pymysql "
    "pyspark pytest pyximport ray redis requests rq ruamel s3fs safetensors setuptools sh site sitecustomize "
    "smart_open sqlalchemy starlette stevedore streamlit sympy tensorboard tensorflow tensorrt tornado tox triton "
    "twine urllib3 usercustomize uvicorn virtualenv wandb werkzeug wheel yaml zarr zipp"
)
# What the code of a function may not use.
_RUNNERS: Final = tuple(vars(builtins)[name] for name in ("eval", "exec", "compile", "__import__", "breakpoint"))
_STARTERS: Final = ("exec", "fork", "popen", "posix_spawn", "spawn", "startfile", "system")  # of os, as they begin
_SYSTEM: Final = ("os", "posix", "nt")
_MODULES: Final = _names(
    "_pickle cloudpickle code ctypes dill importlib joblib marshal pickle pkgutil pty runpy shelve subprocess zipimport"
)
_members_of: Final = vars(ModuleType)["__dict__"].__get__


def by_name(name: str) -> str | None:
    """Why what has this name (``module:qualified.name``) is never restored; None where it may be."""
    module, _, qualname = name.partition(":")
    top = module.partition(".")[0]
    if top in sys.stdlib_module_names:
        return None if qualname in _STANDARD.get(module, "").split() else _OUTSIDE
    dotted = f"{module}.{qualname}."
    if dotted.startswith(_STILL) and not dotted.startswith(_NOT_STILL):
        return None
    if top in _PACKAGES or dotted.startswith(_PRIVATE) or any(dotted.startswith(f"{part}.") for part in _PARTS):
        return _NEVER
    return None


def by_code(name: str, code: object) -> str | None:
    """Why a function is not restored by its name alone; None where it is, and for a class."""
    module, _, qualname = name.partition(":")
    top = module.partition(".")[0]
    if issubclass(type(code), type):  # and not a pattern, which would ask its metaclass
        return None
    match code:
        case BuiltinFunctionType() if top in _STANDARD or (module in TORCH_PLACES and qualname in OF_TORCH):
            return None
        case FunctionType() | BuiltinFunctionType() if top in _FUNCTIONS:
            return None if _is_named(top, f"{module}.{qualname}") else _NEVER
        case FunctionType():
            used = next(_used(code), None)
            return f"whose code uses {used}, {_REGISTER}" if used is not None else None
        case BuiltinFunctionType():
            return f"which is not written in Python, {_REGISTER}"
        case _:
            return None


def _is_named(top: str, dotted: str) -> bool:
    if any(part.startswith("_") for part in dotted.split(".")):
        return dotted in _FUNCTIONS_TOO
    return any(f"{dotted}.".startswith(f"{named}.") for named in _FUNCTIONS[top].split())


def _used(function: FunctionType) -> Iterator[str]:
    """What a function, or one that it wraps, uses that runs what it is told."""
    waiting, seen = [function], set[int]()
    while waiting:
        here = waiting.pop()
        seen.add(id(here))
        for code in _codes(here.__code__):
            for step in dis.get_instructions(code):
                name = str(step.argval)
                if step.opname == "IMPORT_NAME" and _runs(name):
                    yield name
                if step.opname in ("LOAD_GLOBAL", "LOAD_NAME"):
                    yield from _running(here.__globals__.get(name, vars(builtins).get(name)), code.co_names)
        inner = [_held(cell) for cell in here.__closure__ or ()]
        waiting += [held for held in inner if type(held) is FunctionType and id(held) not in seen]


def _codes(code: CodeType) -> Iterator[CodeType]:
    yield code
    for constant in code.co_consts:
        if type(constant) is CodeType:
            yield from _codes(constant)


def _held(cell: CellType) -> object:
    try:
        return cell.cell_contents
    except ValueError:  # not filled yet
        return None


def _running(found: object, names: tuple[str, ...]) -> Iterator[str]:
    """What a global of a function is called, if it runs what it is told; ``names`` are all that its code uses."""
    if any(found is runner for runner in _RUNNERS):
        assert isinstance(found, BuiltinFunctionType)
        yield found.__name__
    elif issubclass(type(found), ModuleType):
        module = str((_members_of(found) or {}).get("__name__"))
        if _runs(module):
            yield module
        elif module in _SYSTEM:
            yield from (f"{module}.{name}" for name in names if name.startswith(_STARTERS))
    elif type(found) in (FunctionType, BuiltinFunctionType, type):
        assert isinstance(found, (FunctionType, BuiltinFunctionType, type))
        module = str(found.__module__)
        if _runs(module) or (module in _SYSTEM and found.__name__.startswith(_STARTERS)):
            yield f"{module}.{found.__name__}"


def _runs(module: str) -> bool:
    return module.partition(".")[0] in _MODULES
