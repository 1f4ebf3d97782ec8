"""What a name says about the pickle that imports it. For severities only: every name counts that is not harmless."""

from __future__ import annotations

from typing import Final

from leyden.wire.pickle.nodes import Name

# Modules whose functions start programs, evaluate code, reach files and connections, or lead to functions that do.
DANGEROUS_MODULES: Final = frozenset(
    [
        "os",
        "posix",
        "nt",
        "subprocess",
        "sys",
        "pty",
        "shutil",
        "socket",
        "ctypes",
        "_ctypes",
        "importlib",
        "imp",
        "runpy",
        "code",
        "codeop",
        "pdb",
        "bdb",
        "cProfile",
        "profile",
        "timeit",
        "trace",
        "asyncio",
        "multiprocessing",
        "threading",
        "_thread",
        "signal",
        "webbrowser",
        "http",
        "urllib",
        "ftplib",
        "smtplib",
        "telnetlib",
        "poplib",
        "imaplib",
        "nntplib",
        "xmlrpc",
        "requests",
        "aiohttp",
        "httpx",
        "pip",
        "ensurepip",
        "venv",
        "zipimport",
        "pkgutil",
        "platform",
        "marshal",
        "pickle",
        "_pickle",
        "dill",
        "cloudpickle",
        "shelve",
        "jsonpickle",
        "types",
        "inspect",
        "gc",
        "operator",
        "_operator",
        "functools",
        "itertools",
        "tempfile",
        "glob",
        "fileinput",
        "io",
        "_io",
        "codecs",
        "_codecs",
        "linecache",
        "ast",
        "dis",
        "compileall",
        "py_compile",
        "distutils",
        "setuptools",
        "site",
        "sysconfig",
        "commands",
        "popen2",
        "sqlite3",
        "mmap",
        "resource",
        "fcntl",
        "tarfile",
        "zipfile",
        "builtins",
        "__builtin__",
        "__main__",
        "antigravity",
        "idlelib",
        "lib2to3",
        "doctest",
        "unittest",
        "test",
        "pydoc",
        "rlcompleter",
        "logging",
        "atexit",
        "weakref",
        "concurrent",
        "_posixsubprocess",
        "_winapi",
        "msvcrt",
        "winreg",
    ]
)
# Functions of other packages that do the same.
DANGEROUS_NAMES: Final = frozenset(
    {
        ("torch", "load"),
        ("torch", "save"),
        ("torch", "compile"),
        ("torch.hub", "load"),
        ("torch.hub", "load_state_dict_from_url"),
        ("torch.hub", "download_url_to_file"),
        ("torch.serialization", "load"),
        ("torch.jit", "load"),
        ("torch.jit.unsupported_tensor_ops", "execWrapper"),
        ("torch.utils.cpp_extension", "load"),
        ("torch.utils.cpp_extension", "load_inline"),
        ("torch.utils.bottleneck.__main__", "run_cprofile"),
        ("torch.utils._config_module", "ConfigModule.load_config"),
        ("torch.utils.collect_env", "run"),
        ("torch.utils.data.datapipes.utils.decoder", "basichandlers"),
        ("torch._dynamo.guards", "GuardBuilder.get"),
        ("torch._inductor.codecache", "compile_file"),
        ("torch.fx.experimental.symbolic_shapes", "ShapeEnv.evaluate_guards_expression"),
        ("torch.distributed.rpc", "rpc_sync"),
        ("numpy", "load"),
        ("numpy", "fromfile"),
        ("numpy.testing._private.utils", "runstring"),
        ("numpy.f2py.crackfortran", "getlincoef"),
        ("numpy.f2py", "compile"),
        ("joblib", "load"),
        ("joblib.numpy_pickle", "load"),
        ("pandas", "read_pickle"),
        ("pandas.io.pickle", "read_pickle"),
        ("lightning.pytorch.cli", "instantiate_class"),
        ("pytorch_lightning.cli", "instantiate_class"),
        ("hydra.utils", "instantiate"),
        ("hydra._internal.instantiate._instantiate2", "instantiate"),
        ("yaml", "load"),
        ("yaml", "unsafe_load"),
        ("transformers", "pipeline"),
    }
)
_WORDS = ("exec", "eval", "system", "popen", "spawn", "import_module", "__import__", "getattr", "compile", "run_cmd")

# Functions that only the pickles of these objects call, to put them together.
OBJECT_HELPERS: Final = frozenset(
    {
        ("pandas._libs.arrays", "__pyx_unpickle_NDArrayBacked"),
        ("pandas._libs.internals", "_unpickle_block"),
        ("pandas._libs.tslibs.offsets", "_offset_from_kwargs"),
        ("pandas._libs.tslibs.timestamps", "_unpickle_timestamp"),
        ("pandas._libs.tslibs.timedeltas", "_timedelta_unpickle"),
        ("pandas.core.indexes.base", "_new_Index"),
        ("pandas.core.indexes.datetimes", "_new_DatetimeIndex"),
        ("pandas.core.indexes.period", "_new_PeriodIndex"),
        ("sklearn.tree._tree", "__pyx_unpickle_Tree"),
    }
)

# Packages whose whole objects people pickle as models. They load only where loading may run code.
OBJECT_PACKAGES: Final = frozenset(
    [
        "torch",
        "torchvision",
        "torchaudio",
        "torchmetrics",
        "torch_geometric",
        "sklearn",
        "scipy",
        "numpy",
        "pandas",
        "xgboost",
        "lightgbm",
        "catboost",
        "transformers",
        "tokenizers",
        "timm",
        "lightning",
        "pytorch_lightning",
        "lightning_fabric",
        "lightning_utilities",
        "omegaconf",
        "gluonts",
        "darts",
        "pytorch_forecasting",
        "pytorch_tabular",
        "chemprop",
        "scvi",
        "anndata",
        "neuralforecast",
        "optuna",
        "statsmodels",
        "spacy",
        "nltk",
        "gensim",
        "PIL",
        "networkx",
        "sympy",
        "statsmodels",
        "mlflow",
        "ray",
        "dask",
        "pyarrow",
        "polars",
        "huggingface_hub",
        "accelerate",
        "peft",
        "diffusers",
        "sentence_transformers",
        "einops",
        "keras",
        "collections",
        "datetime",
        "enum",
        "re",
        "fairseq",
        "yolov5",
        "ultralytics",
        "mmengine",
        "mmcv",
        "detectron2",
        "stable_baselines3",
        "gym",
        "gymnasium",
    ]
)


def is_dangerous(name: Name) -> bool:
    """Whether it is known what harm the name does."""
    module, attribute = name
    return (
        module.partition(".")[0] in DANGEROUS_MODULES
        or name in DANGEROUS_NAMES
        or attribute.rpartition(".")[2] in _WORDS
    )


def is_object(name: Name) -> bool:
    """Whether the name looks like a class of a package whose objects people pickle, and not like a way around."""
    module, attribute = name
    return (
        module.partition(".")[0] in OBJECT_PACKAGES
        and not is_dangerous(name)
        and "." not in attribute
        and (attribute[:1].isupper() or attribute.lstrip("_")[:1].isupper())
    )
