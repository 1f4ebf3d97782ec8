"""Checks of code that reads models and other files."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Final

from leyden.audit.code.origins import WORDS, Origin
from leyden.audit.code.program import Call, Check, Hit
from leyden.audit.code.resolve import starts
from leyden.audit.code.versions import Versions
from leyden.audit.finding import Severity
from leyden.audit.rules import code_loads as rules

_COMMIT: Final = re.compile(r"[0-9a-f]{40}")
_YAML_LOADERS: Final = frozenset(
    ("yaml.Loader", "yaml.CLoader", "yaml.UnsafeLoader", "yaml.FullLoader", "yaml.CFullLoader")
)
_RUAMEL_LOADERS: Final = ("ruamel.yaml.Loader", "ruamel.yaml.UnsafeLoader", "ruamel.yaml.CLoader")
_HUB: Final = ("huggingface_hub.hf_hub_download", "huggingface_hub.snapshot_download")
_HUBS: Final = (
    "datasets", "diffusers", "huggingface_hub", "optimum", "peft", "sentence_transformers", "timm", "tokenizers",
    "transformers", "trl",
)  # fmt: skip
_MODULES: Final = ("torch.nn.Module()", "lightning.pytorch.LightningModule()", "torch.nn.Sequential()")


def torch_load(call: Call) -> Iterator[Hit]:
    source = call.argument(0, "f")
    if source is not None and source.is_own:
        return
    only = call.says(None, "weights_only")
    if only is False or only == 0:
        yield Hit(rules.TORCH_UNPICKLES, "With `weights_only=False` this runs whatever the file names.")
    elif call.argument(2, "pickle_module") is not None:
        yield Hit(rules.TORCH_UNPICKLES, "With a `pickle_module` this runs whatever the file names.")
    elif only is None or (call.argument(None, "weights_only") is None and not call.is_open):
        yield from torch_by_default(call.versions)


def torch_by_default(versions: Versions) -> Iterator[Hit]:
    """A ``torch.load`` that is not told whether to unpickle anything."""
    match versions.before("2.6", "torch"):
        case True:
            text = f"torch {versions.of('torch')}, which the project may run with, runs whatever the file names."
            yield Hit(rules.TORCH_BY_DEFAULT, text, Severity.HIGH)
        case None:
            yield Hit(rules.TORCH_BY_DEFAULT, "Without `weights_only`, torch before 2.6 runs whatever the file names.")
        case False:
            text = f"torch {versions.of('torch')} and later read data alone, unless the environment says otherwise."
            yield Hit(rules.TORCH_BY_DEFAULT, text, Severity.INFO)


def unpickles(call: Call) -> Iterator[Hit]:
    source = call.argument(0, "file", "data", "filename", "string")
    if source is not None and (source.is_own or ("loads" in call.method and source.is_written_out)):
        return
    if _restricted(call):
        return
    origin = None if source is None else source.origin()
    if origin is Origin.NETWORK:
        text = "What the network sends is unpickled, which runs whatever it names."
        yield Hit(rules.UNPICKLES, text, Severity.CRITICAL)
    else:
        where = f" It comes from {WORDS[origin]}." if origin is not None else ""
        yield Hit(rules.UNPICKLES, f"`{call.path}` runs whatever the data names.{where}")


def _restricted(call: Call) -> bool:
    """Whether this is an Unpickler of the program's own that refuses what it does not know."""
    found = call.scope.find(call.node.func.id) if isinstance(call.node.func, ast.Name) else None
    classes = [] if found is None else [one for one in found[0] if isinstance(one, ast.ClassDef)]
    methods = [
        part for cls in classes for part in cls.body if isinstance(part, ast.FunctionDef) and part.name == "find_class"
    ]
    # It raises, or ends in a call that does where it would have to give something back.
    return any(
        isinstance(method.body[-1], ast.Expr) or any(isinstance(node, ast.Raise) for node in ast.walk(method))
        for method in methods
    )


def joblib_load(call: Call) -> Iterator[Hit]:
    yield Hit(rules.JOBLIB, "The file is unpickled, which runs whatever it names.")


def numpy_load(call: Call) -> Iterator[Hit]:
    if call.says(2, "allow_pickle") in (True, 1):
        yield Hit(rules.NUMPY, "With `allow_pickle=True` an array of objects is unpickled.")
    elif call.versions.before("1.16.3", "numpy") and call.argument(2, "allow_pickle") is None and not call.is_open:
        text = f"numpy {call.versions.of('numpy')}, which the project may run with, unpickles an array of objects."
        yield Hit(rules.NUMPY, text)


def read_pickle(call: Call) -> Iterator[Hit]:
    yield Hit(rules.PANDAS, "The file is unpickled, which runs whatever it names.")


def read_hdf(call: Call) -> Iterator[Hit]:
    yield Hit(rules.PANDAS, "Columns of objects in the file are unpickled.", Severity.LOW)


def yaml_load(call: Call) -> Iterator[Hit]:
    loader = call.argument(1, "Loader")
    if loader is None:
        if not call.is_open:
            yield from _yaml_by_default(call.versions)
        return
    unsafe = [path for path in loader.paths() if path in _YAML_LOADERS]
    if unsafe:
        full = all("FullLoader" in path for path in unsafe)
        yield Hit(
            rules.YAML, f"`{unsafe[0]}` makes objects that the file names.", _full(call.versions) if full else None
        )


def _yaml_by_default(versions: Versions) -> Iterator[Hit]:
    if versions.before("6", "pyyaml") is None:
        text = "Without a `Loader`, PyYAML before 6 makes objects that the file names, and later ones fail."
        yield Hit(rules.YAML, text, Severity.MEDIUM)
    elif versions.before("6", "pyyaml"):
        text = f"PyYAML {versions.of('pyyaml')}, which the project may run with, makes objects that the file names."
        yield Hit(rules.YAML, text, Severity.HIGH if versions.before("5.1", "pyyaml") else _full(versions))
    else:
        text = f"PyYAML {versions.of('pyyaml')} and later fail without a `Loader`."
        yield Hit(rules.YAML, text, Severity.INFO)


def _full(versions: Versions) -> Severity:
    """What FullLoader is worth: since 5.4 it takes names of what is imported already, and calls nothing."""
    match versions.before("5.4", "pyyaml"):
        case True:
            return Severity.HIGH
        case None:
            return Severity.MEDIUM
        case False:
            return Severity.LOW


def yaml_unsafe(call: Call) -> Iterator[Hit]:
    milder = _full(call.versions) if "full" in call.method else None
    yield Hit(rules.YAML, f"`{call.path}` makes objects that the file names.", milder)


def ruamel_load(call: Call) -> Iterator[Hit]:
    """The functions that ruamel.yaml has had until 0.18."""
    loader = call.argument(1, "Loader")
    if loader is None or any(path in _RUAMEL_LOADERS for path in loader.paths()):
        yield Hit(rules.YAML, f"`{call.path}` makes objects that the file names.")


def ruamel(call: Call) -> Iterator[Hit]:
    if call.says(0, "typ") == "unsafe":
        yield Hit(rules.YAML, "`typ='unsafe'` makes objects that the file names.")


def hub_load(call: Call) -> Iterator[Hit]:
    if call.says(None, "source") == "local":
        return
    name = call.argument(0, "repo_or_dir")
    if name is not None and _COMMIT.fullmatch(name.text().rpartition(":")[2]):
        return
    trusted = " and asks nobody first" if call.says(None, "trust_repo") is True else ""
    yield Hit(rules.HUB_RUNS, f"This runs `hubconf.py` of a repository as it is today{trusted}.")


def remote_code(call: Call) -> Iterator[Hit]:
    # datasets runs no scripts any more since 4.0, whatever it is told.
    harmless = starts(call.path, ("datasets",)) and call.versions.before("4", "datasets") is False
    if call.says(None, "trust_remote_code") is True and not harmless:
        yield Hit(rules.REMOTE_CODE, "Python files of the repository are imported.")


def pretrained(call: Call) -> Iterator[Hit]:
    name = call.argument(0, "pretrained_model_name_or_path", "repo_id", "path")
    text = "" if name is None else name.text()
    if not text and starts(call.path, _HUB) and not call.is_open:
        text = "the name"  # which never means a file
    if not text or text.startswith((".", "/", "~")) or text.count("/") > 1 or call.is_open:
        return
    if text.endswith((".json", ".csv", ".parquet", ".txt", ".arrow")) or text in ("json", "csv", "parquet", "text"):
        return
    if call.says(None, "local_files_only") is True:
        return
    if "/" not in text and not starts(call.path, _HUBS):  # a class of the program's own may mean anything by a word
        return
    revision = call.says(None, "revision")
    if call.argument(None, "revision") is None or (isinstance(revision, str) and revision in ("main", "master")):
        yield Hit(rules.UNPINNED, f"What `{text[:80]}` leads to can change at any time.")


def native(call: Call) -> Iterator[Hit]:
    yield Hit(rules.NATIVE, f"`{call.path}` runs what is in the file.")


def custom_operators(call: Call) -> Iterator[Hit]:
    yield Hit(rules.NATIVE, f"`{call.method}` runs what is in the file.")


def shared_library(call: Call) -> Iterator[Hit]:
    name = call.argument(0, "name")
    origin = None if name is None else name.origin()
    if origin is not None:
        yield Hit(rules.NATIVE, f"A shared library is loaded whose name comes from {WORDS[origin]}.")


def keras_load(call: Call) -> Iterator[Hit]:
    if call.says(None, "safe_mode") is False:
        yield Hit(rules.KERAS, "With `safe_mode=False` the code in the model runs.")


def keras_unsafe(call: Call) -> Iterator[Hit]:
    yield Hit(rules.KERAS, "From here on the code in every model runs.")


def sharded(call: Call) -> Iterator[Hit]:
    yield Hit(rules.SHARDED, f"`{call.path}` unpickles the metadata of the directory.")


def from_url(call: Call) -> Iterator[Hit]:
    only, check = call.says(None, "weights_only"), call.says(None, "check_hash")
    if call.is_open or (only is True and check is True):
        return
    address = call.argument(0, "url")
    plain = address is not None and address.begins().lower().startswith("http://")
    missing = " and ".join(name for name, said in (("weights_only", only), ("check_hash", check)) if said is not True)
    if plain:
        yield Hit(rules.FROM_URL, "It comes without https, so everybody on the way can change it.", Severity.HIGH)
    elif missing:
        yield Hit(rules.FROM_URL, f"Without `{missing}=True`, whoever changes the file decides what is loaded.")


def allows_classes(call: Call) -> Iterator[Hit]:
    yield Hit(rules.ALLOWS_CLASSES, "These classes are made out of every file from here on.")


def mlflow_load(call: Call) -> Iterator[Hit]:
    yield Hit(rules.MLFLOW, f"`{call.path}` unpickles the model.")


def torch_save(call: Call) -> Iterator[Hit]:
    value = call.argument(0, "obj")
    if value is not None and any(path in _MODULES for path in value.paths()):
        yield Hit(rules.WHOLE_MODEL, "The whole module is pickled, so everybody who loads it has to unpickle anything.")


def unpickler_handed_on(path: str) -> Callable[[Versions], Iterator[Hit]]:
    """What to say of an unpickler that is given to something else."""
    rule = rules.JOBLIB if path.startswith("joblib") else rules.UNPICKLES
    return lambda _: iter((Hit(rule, "It is handed on, and runs whatever the data names."),))


CALLS: Final[Mapping[str, Check]] = {
    "torch.load": torch_load,
    "torch.save": torch_save,
    **dict.fromkeys(
        (
            "pickle.load", "pickle.loads", "pickle.Unpickler", "dill.load", "dill.loads", "dill.Unpickler",
            "cloudpickle.load", "cloudpickle.loads", "jsonpickle.decode", "shelve.open", "dill.load_session",
            "srsly.pickle_loads", "compress_pickle.load", "hickle.load", "klepto.archives.file_archive",
        ),
        unpickles,
    ),
    "joblib.load": joblib_load,
    "numpy.load": numpy_load,
    "pandas.read_pickle": read_pickle,
    "yaml.load": yaml_load,
    "yaml.load_all": yaml_load,
    **dict.fromkeys(("yaml.unsafe_load", "yaml.unsafe_load_all", "yaml.full_load", "yaml.full_load_all"), yaml_unsafe),
    "ruamel.yaml.YAML": ruamel,
    "ruamel.yaml.load": ruamel_load,
    "ruamel.yaml.load_all": ruamel_load,
    "pandas.read_hdf": read_hdf,
    "torch.hub.load": hub_load,
    "huggingface_hub.hf_hub_download": pretrained,
    "huggingface_hub.snapshot_download": pretrained,
    "datasets.load_dataset": pretrained,
    **dict.fromkeys(
        (
            "torch.ops.load_library", "torch.classes.load_library", "torch.package.PackageImporter",
            "torch._inductor.aoti_load_package", "torch._inductor.package.load_package",
        ),
        native,
    ),
    "ctypes.CDLL": shared_library,
    "ctypes.cdll.LoadLibrary": shared_library,
    "keras.models.load_model": keras_load,
    "keras.config.enable_unsafe_deserialization": keras_unsafe,
    "keras.utils.enable_unsafe_deserialization": keras_unsafe,
    **dict.fromkeys(
        (
            "torch.distributed.checkpoint.load", "torch.distributed.checkpoint.load_state_dict",
            "torch.distributed.checkpoint.FileSystemReader",
            "torch.distributed.checkpoint.format_utils.dcp_to_torch_save",
            "torch.distributed.checkpoint.format_utils.torch_save_to_dcp",
        ),
        sharded,
    ),
    "torch.hub.load_state_dict_from_url": from_url,
    "torch.serialization.add_safe_globals": allows_classes,
    **dict.fromkeys(
        (
            "mlflow.pyfunc.load_model", "mlflow.pytorch.load_model", "mlflow.sklearn.load_model",
            "mlflow.lightgbm.load_model", "mlflow.pyfunc.load_pyfunc",
        ),
        mlflow_load,
    ),
}  # fmt: skip
METHODS: Final[Mapping[str, Check]] = {
    "from_pretrained": pretrained,
    "register_custom_ops_library": custom_operators,
}
KEYWORDS: Final[Mapping[str, Check]] = {"trust_remote_code": remote_code}
# Functions that are as bad where they are handed on: to map, to a pool, to a default.
HANDED_ON: Final[Mapping[str, Callable[[Versions], Iterator[Hit]]]] = {
    "torch.load": torch_by_default,
    **{path: unpickler_handed_on(path) for path in ("pickle.load", "pickle.loads", "joblib.load")},
}
