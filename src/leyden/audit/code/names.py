"""One spelling for each thing that has several: where a library publishes a name, or used to."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Final

# A path that begins with the left side means the right side.
_MOVED: Final[Mapping[str, str]] = {
    "pytorch_lightning": "lightning.pytorch",
    "lightning_fabric": "lightning.fabric",
    "lightning.Trainer": "lightning.pytorch.Trainer",
    "lightning.LightningModule": "lightning.pytorch.LightningModule",
    "lightning.LightningDataModule": "lightning.pytorch.LightningDataModule",
    "lightning.seed_everything": "lightning.pytorch.seed_everything",
    "lightning.Fabric": "lightning.fabric.Fabric",
    "lightning.pytorch.core.LightningModule": "lightning.pytorch.LightningModule",
    "lightning.pytorch.core.module.LightningModule": "lightning.pytorch.LightningModule",
    "lightning.pytorch.core.LightningDataModule": "lightning.pytorch.LightningDataModule",
    "lightning.pytorch.trainer.Trainer": "lightning.pytorch.Trainer",
    "lightning.pytorch.trainer.trainer.Trainer": "lightning.pytorch.Trainer",
    "torch.serialization.load": "torch.load",
    "torch.serialization.save": "torch.save",
    "torch.utils.model_zoo.load_url": "torch.hub.load_state_dict_from_url",
    "torchvision._internally_replaced_utils.load_state_dict_from_url": "torch.hub.load_state_dict_from_url",
    "cPickle": "pickle",
    "_pickle": "pickle",
    "six.moves.cPickle": "pickle",
    "pickle5": "pickle",
    "sklearn.externals.joblib": "joblib",
    "joblib.numpy_pickle.load": "joblib.load",
    "numpy.lib.npyio.load": "numpy.load",
    "pandas.io.pickle.read_pickle": "pandas.read_pickle",
    "yaml.loader": "yaml",
    "ruamel_yaml": "ruamel.yaml",
    "tensorflow.keras": "keras",
    "tf_keras": "keras",
    "keras.saving.load_model": "keras.models.load_model",
    "huggingface_hub.file_download.hf_hub_download": "huggingface_hub.hf_hub_download",
    "posix": "os",
    "builtins.__builtins__": "builtins",
    "torch.distributed.distributed_c10d": "torch.distributed",
    "hydra.utils.call": "hydra.utils.instantiate",
    "hydra._internal.instantiate._instantiate2.instantiate": "hydra.utils.instantiate",
    "urllib2": "urllib.request",
    "urllib.urlretrieve": "urllib.request.urlretrieve",
    "urllib.urlopen": "urllib.request.urlopen",
    "requests.api": "requests",
    "flask.globals.request": "flask.request",
    "starlette.requests.Request": "fastapi.Request",
    "fastapi.requests.Request": "fastapi.Request",
}
_ROOTS: Final = frozenset(old.partition(".")[0] for old in _MOVED)


@lru_cache(maxsize=4096)
def canonical(path: str) -> str:
    """The path under which rules know a thing."""
    if path.partition(".")[0] not in _ROOTS:
        return path
    for _ in range(3):  # lightning_fabric leads to a name that has moved itself
        moved = next((old for old in _MOVED if path == old or path.startswith(old + ".")), None)
        if moved is None:
            break
        path = _MOVED[moved] + path[len(moved) :]
    return path


def spellings(path: str) -> frozenset[str]:
    """All paths that lead to what rules know as ``path``, and itself."""
    found = {path}
    for _ in range(3):
        found |= {
            old + one[len(new) :]
            for one in found
            for old, new in _MOVED.items()
            if one == new or one.startswith(new + ".")
        }
    return frozenset(found)


def last_names(paths: Iterable[str]) -> frozenset[str]:
    """How the last member of any of these paths may be written."""
    return frozenset(spelling.rpartition(".")[2] for path in paths for spelling in spellings(path))
