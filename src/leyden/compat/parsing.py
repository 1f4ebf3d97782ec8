"""Lightning's helpers around attributes and arguments of ``__init__``."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, MutableMapping
from inspect import Parameter
from multiprocessing import reduction
from types import FrameType
from typing import Any, Final

from leyden.api.datamodule import DataModule
from leyden.api.module import Module

# What sending an object to another process raises where that cannot be done.
_UNSENDABLE: Final = (
    reduction.pickle.PicklingError,  # type: ignore[attr-defined]
    AttributeError,
    TypeError,
    ValueError,
    RuntimeError,
)


def lightning_hasattr(model: Module, attribute: str) -> bool:
    """Do the module, its data module or the hyperparameters of one of them have this attribute?"""
    return bool(_holders(model, attribute))


def lightning_getattr(model: Module, attribute: str) -> Any:
    """The attribute, out of the last of: module, its hyperparameters, data module, its hyperparameters.

    Raises:
        AttributeError: none of them has it.
    """
    holder = _found(model, attribute)[-1]
    return holder[attribute] if isinstance(holder, Mapping) else getattr(holder, attribute)


def lightning_setattr(model: Module, attribute: str, value: Any) -> None:
    """Set the attribute wherever it is: on module, data module and the hyperparameters of both.

    Raises:
        AttributeError: none of them has it.
    """
    for holder in _found(model, attribute):
        if isinstance(holder, MutableMapping):
            holder[attribute] = value
        else:
            setattr(holder, attribute, value)


def is_picklable(obj: object) -> bool:
    """Can the object be sent to another process?"""
    try:
        reduction.ForkingPickler.dumps(obj)
    except _UNSENDABLE:
        return False
    return True


def clean_namespace(hparams: MutableMapping[str, Any]) -> None:
    """Delete what cannot be sent to another process."""
    for name in [name for name, value in hparams.items() if not is_picklable(value)]:
        del hparams[name]


def parse_class_init_keys(cls: type) -> tuple[str, str | None, str | None]:
    """How ``__init__`` of a class calls the object, its further positional and its further keyword arguments."""
    first, *others = inspect.signature(cls.__init__).parameters.values()  # type: ignore[misc]
    named = {parameter.kind: parameter.name for parameter in others}
    return first.name, named.get(Parameter.VAR_POSITIONAL), named.get(Parameter.VAR_KEYWORD)


def get_init_args(frame: FrameType) -> dict[str, Any]:
    """The arguments with which the ``__init__`` that runs in this frame was called; empty for any other frame."""
    owner = frame.f_locals.get("__class__")
    if not isinstance(owner, type):
        return {}
    _, args, kwargs = parse_class_init_keys(owner)
    names = [name for name in list(inspect.signature(owner.__init__).parameters)[1:] if name not in (args, kwargs)]  # type: ignore[misc]
    values = {name: frame.f_locals[name] for name in names if name in frame.f_locals}
    return {**values, **frame.f_locals.get(kwargs or "", {})}


def collect_init_args(
    frame: FrameType, path_args: list[dict[str, Any]], inside: bool = False, classes: tuple[type, ...] = ()
) -> list[dict[str, Any]]:
    """The arguments of every ``__init__`` that is running, from the innermost to that of the object's own class.

    Args:
        frame: where to begin to look; its callers are looked at in turn.
        path_args: what was collected before.
        inside: is the frame itself inside an ``__init__``?
        classes: count only subclasses of these.
    """
    collected = list(path_args)
    one: FrameType | None = frame
    while one is not None:
        owner = one.f_locals.get("__class__")
        if one.f_code.co_name == "__init__" and isinstance(owner, type) and issubclass(owner, classes or (object,)):
            collected.append(get_init_args(one))
            inside = True
        elif inside:
            break
        one = one.f_back
    return collected


def _found(model: Module, attribute: str) -> list[Any]:
    holders = _holders(model, attribute)
    if not holders:
        raise AttributeError(
            f"{attribute!r} is an attribute neither of {type(model).__name__} nor of its data module, nor is it among "
            "their hyperparameters. Set it on one of them."
        )
    return holders


def _holders(model: Module, attribute: str) -> list[Any]:
    trainer = model._trainer
    owners: list[Module | DataModule] = [model]
    if trainer is not None and trainer.datamodule is not None:
        owners.append(trainer.datamodule)
    holders: list[Any] = []
    for owner in owners:
        if hasattr(owner, attribute):
            holders.append(owner)
        hparams = owner.hparams
        if attribute in hparams:
            holders.append(hparams)
    return holders
