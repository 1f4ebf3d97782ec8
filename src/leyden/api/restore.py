"""Build a module or a data module from a checkpoint. What the file holds is data: nothing that it names is called."""

from __future__ import annotations

import copy
import functools
import inspect
from argparse import Namespace
from collections import deque
from collections.abc import Iterable, Mapping, MutableMapping
from inspect import Parameter
from pathlib import Path
from types import FunctionType
from typing import IO, TYPE_CHECKING, Any, Final, TypeVar, cast

from torch import Tensor

from leyden.api.hparams import SPREAD
from leyden.checkpoint.fill import fill
from leyden.checkpoint.load import MapLocation, load
from leyden.checkpoint.objects import HYPERPARAMETERS, Unrestored
from leyden.core.attribute_dict import AttributeDict
from leyden.core.warnings import warn
from leyden.errors import FormatError, ModuleError, SettingsError, TrustError
from leyden.runtime.rank_zero import rank_zero_only

if TYPE_CHECKING:
    from leyden.api.datamodule import DataModule
    from leyden.api.module import Module

    class_only = classmethod
else:

    class class_only(classmethod):  # noqa: N801
        """A classmethod that refuses to be called on an object, which it would leave as it is."""

        def __get__(self, instance, owner=None):
            if instance is None:
                return super().__get__(instance, owner)

            @functools.wraps(self.__func__)
            def refuse(*args, **kwargs):
                called = f"{type(instance).__name__}.{self.__func__.__name__}()"
                raise ModuleError(f"{called} makes a new object. Call it on the class and use what it returns.")

            return refuse


_T = TypeVar("_T")
_M = TypeVar("_M", bound="Module")
_D = TypeVar("_D", bound="DataModule")

# What command-line programs of Lightning add to the hyperparameters: the class, and what is to call it.
_CLASS_PATH: Final = "_class_path"
_INSTANTIATOR: Final = "_instantiator"
_OWN_INSTANTIATORS: Final = ("lightning.pytorch.cli.instantiate_module", "pytorch_lightning.cli.instantiate_module")
_BASES: Final = ("leyden.api.module", "leyden.api.datamodule")
_SHOWN: Final = 5
_warn_on_rank_zero: Final = rank_zero_only(warn)


def load_from_checkpoint(
    cls: type[_M],
    checkpoint_path: str | Path | IO[bytes],
    map_location: MapLocation = None,
    hparams_file: str | Path | None = None,
    strict: bool | None = None,
    weights_only: bool | None = None,
    **kwargs: Any,
) -> _M:
    """What ``Module.load_from_checkpoint`` does."""
    checkpoint, where = _read(checkpoint_path, map_location)
    module = _build(cls, checkpoint, "", hparams_file, kwargs, where)
    strict = _strict(module, strict)
    module.configure_model()
    module.on_load_checkpoint(checkpoint)
    weights = checkpoint.get("state_dict")
    if not isinstance(weights, Mapping):
        raise FormatError(f"{where} has no state_dict, and so no weights to load. Name another checkpoint.")
    if map_location is not None:
        module.to(next((value.device for value in weights.values() if isinstance(value, Tensor)), module.device))
    fill_weights(module, weights, strict, where)
    return module


def load_datamodule_from_checkpoint(
    cls: type[_D],
    checkpoint_path: str | Path | IO[bytes],
    map_location: MapLocation = None,
    hparams_file: str | Path | None = None,
    weights_only: bool | None = None,
    **kwargs: Any,
) -> _D:
    """What ``DataModule.load_from_checkpoint`` does."""
    checkpoint, where = _read(checkpoint_path, map_location)
    datamodule = _build(cls, checkpoint, "datamodule_", hparams_file, kwargs, where)
    if (state := checkpoint.get(cls.__qualname__)) is not None:
        datamodule.load_state_dict(state)
    return datamodule


def _read(path: str | Path | IO[bytes], map_location: MapLocation) -> tuple[dict[str, Any], str]:
    where = str(path) if isinstance(path, (str, Path)) else "The stream"
    return load(cast("Any", path), map_location=map_location, describe=HYPERPARAMETERS), where


def _build(
    cls: type[_T],
    checkpoint: dict[str, Any],
    prefix: str,
    hparams_file: str | Path | None,
    kwargs: dict[str, Any],
    where: str,
) -> _T:
    """An object of ``cls``; the entry of the checkpoint becomes what it is built with, as hooks expect to find it."""
    entry = f"{prefix}hyper_parameters"
    hparams = checkpoint.get(entry, {}) if hparams_file is None else _from_file(Path(hparams_file))
    owner = checkpoint.get(f"{prefix}hparams_name")
    if isinstance(hparams, Unrestored) and owner in kwargs:
        hparams = {}
    elif isinstance(hparams, Unrestored):
        raise _strange(str(owner), hparams, cls, where)
    if not isinstance(hparams, Mapping) or not all(isinstance(name, str) for name in hparams):
        raise FormatError(f"{where}: {entry} is not a dictionary with text for keys. Name another checkpoint.")
    _refuse_instantiator(hparams, where)
    known = _updated(hparams, kwargs)
    if known:
        checkpoint[entry] = known
    parameters = _init_parameters(cls)
    names = [one.name for one in parameters if one.kind not in (Parameter.VAR_POSITIONAL, Parameter.VAR_KEYWORD)]
    takes_more = any(one.kind is Parameter.VAR_KEYWORD for one in parameters)
    given = {**known}
    if hparams and owner != SPREAD and owner in names:
        held = AttributeDict(known) if type(known) is dict else known
        given = {owner: held} | {name: value for name, value in kwargs.items() if takes_more or name in names}
    if not takes_more:
        _report_left_out(cls, [name for name in given if name not in names], where)
        given = {name: value for name, value in given.items() if name in names}
    _refuse_missing(cls, parameters, given, hparams, where)
    for name, value in given.items():
        if (lost := unrestored(value)) is not None:
            raise _strange(name, lost, cls, where)
    positional = [given.pop(one.name, one.default) for one in parameters if one.kind is Parameter.POSITIONAL_ONLY]
    return cls(*positional, **given)


def _updated(hparams: Mapping[str, Any], kwargs: Mapping[str, Any]) -> MutableMapping[str, Any]:
    """The hyperparameters of a file with those that were passed in their place; a configuration object stays one."""
    if isinstance(hparams, MutableMapping) and not isinstance(hparams, dict):
        updated = copy.copy(hparams)
        updated.update({name: value for name, value in kwargs.items() if name in updated})
        for name in (_CLASS_PATH, _INSTANTIATOR):
            updated.pop(name, None)
        return updated
    return {name: value for name, value in hparams.items() if name not in (_CLASS_PATH, _INSTANTIATOR)} | dict(kwargs)


def unrestored(value: object) -> Unrestored | None:
    """The first object in a value that was not made, since its file is not known to be the user's."""
    match value:
        case Unrestored():
            return value
        case dict():
            members: Iterable[object] = (*value, *value.values())
        case Namespace():
            members = vars(value).values()
        case list() | tuple() | set() | frozenset() | deque():
            members = value
        case _:
            return None
    return next((lost for member in members if (lost := unrestored(member)) is not None), None)


def _strange(name: str, lost: Unrestored, cls: type, where: str) -> TrustError:
    return TrustError(
        f"{where}: the hyperparameter {name!r} is or has an object ({lost.name}), and it is not known that this file "
        f"is yours, so nothing was made of it. Pass it: {cls.__name__}.load_from_checkpoint(..., {name}=...); or, if "
        "you trust whoever sealed the file, say so with leyden key trust."
    )


def _from_file(path: Path) -> dict[str, Any]:
    from leyden.api.hparams_yaml import load_hparams_csv, load_hparams_yaml  # here: YAML is slow to import

    match path.suffix.lower():
        case ".yaml" | ".yml":
            return load_hparams_yaml(path)
        case ".csv":
            return load_hparams_csv(path)
        case _:
            raise SettingsError(f"hparams_file={str(path)!r} is neither YAML nor CSV. Name a file .yaml, .yml or .csv.")


def _init_parameters(cls: type) -> list[Parameter]:
    """The parameters of ``__init__`` but ``self``; none where the class has no ``__init__`` of its own."""
    owner = next(one for one in cls.__mro__ if "__init__" in vars(one))
    if owner.__module__ in _BASES:
        return []
    return [*inspect.signature(vars(owner)["__init__"]).parameters.values()][1:]


def _refuse_instantiator(hparams: Mapping[str, Any], where: str) -> None:
    named = hparams.get(_INSTANTIATOR)
    if named is not None and named not in _OWN_INSTANTIATORS:
        raise FormatError(
            f"{where} asks to be built by {str(named)[:200]!r}. Nothing that a file names is called. If the file is "
            "yours, remove _instantiator from its hyper_parameters."
        )


def _report_left_out(cls: type, names: list[str], where: str) -> None:
    # A class may fix an argument of its base, which then stands in the file and belongs to no argument of the class.
    written = [base for base in cls.__mro__ if isinstance(vars(base).get("__init__"), FunctionType)]
    of_bases = {one.name for base in written for one in _init_parameters(base)}
    if left_out := [name for name in names if name not in of_bases]:
        _warn_on_rank_zero(
            f"{cls.__name__}.__init__ does not take these hyperparameters of {where}, which are left out: "
            f"{_listed(left_out)}."
        )


def _refuse_missing(
    cls: type, parameters: list[Parameter], given: Mapping[str, Any], hparams: Mapping[str, Any], where: str
) -> None:
    missing = [
        one.name
        for one in parameters
        if one.default is Parameter.empty
        and one.kind not in (Parameter.VAR_POSITIONAL, Parameter.VAR_KEYWORD)
        and one.name not in given
    ]
    if missing:
        raise ModuleError(
            f"{cls.__name__}.__init__ needs {_listed(missing)}, which {where} does not have; its hyperparameters are: "
            f"{_listed([*hparams]) or 'none'}. Pass what is missing to {cls.__name__}.load_from_checkpoint(..., "
            f"{missing[0]}=...), and call save_hyperparameters() in __init__ so that later checkpoints have it."
        )


def _strict(module: Module, strict: bool | None) -> bool:
    if strict is None:
        return module.strict_loading
    if module._strict_loading is not None and strict != module.strict_loading:
        raise SettingsError(
            f"strict={strict}, but {type(module).__name__}.strict_loading is {module.strict_loading}. Leave strict out."
        )
    return strict


def fill_weights(module: Module, weights: Mapping[str, Any], strict: bool, where: str, keep: bool = True) -> None:
    """Fill a module, in its own precision; without ``strict``, weights that have no counterpart are reported.

    With ``keep=False`` the caller puts the weights back where a part that loads itself fails.

    Raises:
        MismatchError: the weights are those of another model; the module is as it was.
    """
    found = fill(module, _converted(module, weights, where), strict=strict, where=where, keep=keep)
    if found.missing_keys:
        _warn_on_rank_zero(
            f"{where} lacks these weights of the model, which keep their values: {_listed(found.missing_keys)}."
        )
    if found.unexpected_keys:
        _warn_on_rank_zero(
            f"{where} has these weights, for which the model has no place: {_listed(found.unexpected_keys)}."
        )


def _converted(module: Module, weights: Mapping[str, Any], where: str) -> Mapping[str, Any]:
    """The weights in the model's floating-point types, as a model that was trained in another precision needs them."""
    own = module.state_dict()
    changed = {
        name: value.to(own[name].dtype)
        for name, value in weights.items()
        if isinstance(value, Tensor)
        and isinstance(own.get(name), Tensor)
        and value.dtype != own[name].dtype
        and value.is_floating_point()
        and own[name].is_floating_point()
    }
    if not changed:
        return weights
    pairs = sorted({f"{weights[name].dtype} to {value.dtype}" for name, value in changed.items()})
    _warn_on_rank_zero(f"{where}: {len(changed)} weights were converted to the model's precision, {', '.join(pairs)}.")
    converted = copy.copy(weights)
    cast("dict[str, Any]", converted).update(changed)
    return converted


def _listed(names: list[str]) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more
