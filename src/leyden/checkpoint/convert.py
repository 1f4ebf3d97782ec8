"""Checkpoints of torch's and Lightning's in Leyden's own format, and back."""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, Final, final

import torch
from torch import Tensor, nn
from torch.torch_version import TorchVersion

from leyden.checkpoint.adapters import adapters
from leyden.checkpoint.content import Source, content
from leyden.checkpoint.enums import ENUMS
from leyden.checkpoint.foreign import write_foreign
from leyden.checkpoint.legacy import interpreted
from leyden.checkpoint.load import read
from leyden.checkpoint.objects import Unrestored
from leyden.core.attribute_dict import AttributeDict
from leyden.errors import EncodeError
from leyden.security.policy import Policy
from leyden.wire.nodes import qualified_name
from leyden.wire.tree import Encoded, encode

_SHOWN: Final = 20
_PLAIN: Final = (type(None), bool, int, float, complex, str, bytes, bytearray, torch.Size, torch.dtype, torch.device)
_OURS: Final = "leyden"  # in a checkpoint, and in the state of ModelCheckpoint
_PATHS: Final = ("best_model_path", "kth_best_model_path", "last_model_path")


def to_native(source: Source, allow: Collection[str] = ()) -> Encoded:
    """What torch or Lightning wrote, as ``checkpoint.save`` would write it; the tensors are still those of the file.

    Objects of the classes in ``allow``, by their dotted names, become data: they come back from a file that somebody
    has sealed. TrustError lists those that would have to be allowed, EncodeError names what cannot be written. No
    policy is asked: this is the way out of one that refuses pickled files.
    """
    data, where = content(source, mapped=True)
    tree = interpreted(data, where, allow=allow)
    if not isinstance(tree, dict) or not all(type(key) is str for key in tree):
        raise EncodeError(
            f"It holds a {qualified_name(type(tree))} and no dictionary with text for keys, as a checkpoint is. Save "
            "a dictionary of tensors."
        )
    encoded = encode(tree, adapters(lambda _: None), ENUMS, write_foreign)
    if not encoded.leaves:
        raise EncodeError("It holds no tensor, so it is no checkpoint.")
    return encoded


def to_lightning(path: Path, left_out: Collection[str] = (), policy: Policy | str | None = None) -> dict[str, Any]:
    """A checkpoint of Leyden's as one that Lightning and ``torch.load(weights_only=True)`` read.

    Leyden's own part, with random numbers and the position in the data, stays behind: Lightning has no place for it.
    ``left_out`` are entries to leave behind, too, by their paths with dots. EncodeError names everything that torch
    would not read safely.
    """
    tree = read(path, policy=policy, describe=_Everything(), restore=False).tree
    tree.pop(_OURS, None)
    plain = _Plain(frozenset(left_out))
    made = plain.value(tree, ())
    if plain.refused:
        shown = "; ".join(plain.refused[:_SHOWN])
        more = f" and {len(plain.refused) - _SHOWN} more" if len(plain.refused) > _SHOWN else ""
        raise EncodeError(
            f"{path} holds what torch.load(weights_only=True) does not read: {shown}{more}. Save them as numbers, "
            "text, lists, dictionaries or tensors, or leave them behind: --leave-out ENTRY, for each."
        )
    if unknown := plain.left_out - plain.found:
        raise EncodeError(f"{path} has no entry {min(unknown)!r} to leave behind. Look with leyden inspect.")
    return dict(made)


def write_pickled(tree: Mapping[str, Any], stream: BinaryIO) -> None:
    """Write what ``to_lightning`` made, as torch does."""
    torch.save(dict(tree), stream)


@final
class _Everything(Collection[str]):
    """Every entry of a tree, whatever it is called."""

    def __contains__(self, name: object) -> bool:
        return True

    def __iter__(self) -> Iterator[str]:
        return iter(())

    def __len__(self) -> int:
        return 1


@final
@dataclass
class _Plain:
    """One pass over a tree: what torch reads safely, and notes of everything else."""

    left_out: frozenset[str]
    found: set[str] = field(default_factory=set)
    refused: list[str] = field(default_factory=list)

    def value(self, value: Any, path: tuple[str, ...]) -> Any:
        kind = type(value)
        if kind is TorchVersion:
            return str(value)
        if kind in _PLAIN or (isinstance(value, Tensor) and kind in (Tensor, nn.Parameter)):
            return value
        if kind is AttributeDict or kind is dict:
            return self._members(_without_ours(value, path), path, {})
        if kind is OrderedDict:
            made = self._members(value, path, OrderedDict())
            vars(made).update(vars(value))
            return made
        if kind is Counter:
            return value
        if kind is list or kind is tuple or kind is set:
            return kind(self.value(item, (*path, str(index))) for index, item in enumerate(value))
        what = value.name if isinstance(value, Unrestored) else qualified_name(kind)
        self.refused.append(f"{'.'.join(path)} ({what})")
        return None

    def _members(self, members: Mapping[Any, Any], path: tuple[str, ...], made: dict[Any, Any]) -> dict[Any, Any]:
        for key, item in members.items():
            place = (*path, str(key))
            if ".".join(place) in self.left_out:
                self.found.add(".".join(place))
            elif isinstance(key, (str, int, float, tuple)) or key is None:
                made[key] = self.value(item, place)
            else:
                self.refused.append(f"{'.'.join(path)} (a key of {qualified_name(type(key))})")
        return made


def _without_ours(state: Mapping[Any, Any], path: tuple[str, ...]) -> Mapping[Any, Any]:
    """The state of a callback as Lightning has it: ModelCheckpoint's paths begin with the directory there."""
    if path[:1] != ("callbacks",) or len(path) != 2 or _OURS not in state:
        return state
    base = Path(str(state.get("dirpath") or "."))

    def whole(path: Any) -> Any:
        return str(base / path) if isinstance(path, str) and path else path

    kept = {key: whole(item) if key in _PATHS else item for key, item in state.items() if key != _OURS}
    if isinstance(best := kept.get("best_k_models"), dict):
        kept["best_k_models"] = {whole(name): score for name, score in best.items()}
    return kept
