"""Hyperparameters: the arguments of ``__init__``, kept where it asks for it."""

from __future__ import annotations

import argparse
import copy
import dataclasses
import inspect
import sys
from collections.abc import Collection, Iterable, Iterator, Mapping, MutableMapping
from types import FrameType
from typing import Any, Final, cast, final

from torch import Tensor, nn

from leyden.checkpoint.compare import compare
from leyden.checkpoint.save import check
from leyden.core.attribute_dict import AttributeDict
from leyden.core.warnings import warn
from leyden.errors import EncodeError, HparamsError
from leyden.runtime.rank_zero import rank_zero_only
from leyden.security.redact import secrets_in

SPREAD: Final = "kwargs"  # the hparams_name of arguments that were kept one by one
_warn_on_rank_zero: Final = rank_zero_only(warn)
_MAY_BE_EMPTY: Final = (Mapping, int, float, list, tuple, set)
# What copy.deepcopy raises for values that cannot be copied.
_NO_COPY: Final = (TypeError, ValueError, RuntimeError, AttributeError, copy.Error)


@final
@dataclasses.dataclass
class Kept:
    """What ``save_hyperparameters`` has kept for one object."""

    values: MutableMapping[str, Any] = dataclasses.field(default_factory=AttributeDict)
    initial: MutableMapping[str, Any] = dataclasses.field(default_factory=AttributeDict)
    name: str | None = None
    for_loggers: bool = False
    reported: set[str] = dataclasses.field(default_factory=set)
    modules: set[str] = dataclasses.field(default_factory=set)
    compared: set[str] = dataclasses.field(default_factory=set)


class Hyperparameters:
    """What a module and a data module know about their own arguments."""

    _kept_hparams: Kept | None = None

    def save_hyperparameters(
        self,
        *args: Any,
        ignore: Iterable[str] | str | None = None,
        frame: FrameType | None = None,
        logger: bool = True,
    ) -> None:
        """Keep the arguments of ``__init__`` as ``self.hparams``, in checkpoints and for the loggers.

        Called in ``__init__``, or in what it calls. The arguments of subclasses are kept too, and those of a module
        whose ``__init__`` makes this one. Values are those of the moment of the call; further calls add to what was
        kept.

        Args:
            *args: names of the arguments to keep, instead of all; or one dict, Namespace or other mapping, whose items
                are kept instead.
            ignore: the name or names to leave out.
            frame: where ``__init__`` runs, if that cannot be seen from the place of the call.
            logger: send them to the loggers when a run starts.

        Raises:
            HparamsError: a name is not an argument, or a value is neither a name nor a mapping.
        """
        kept = self._kept()
        kept.for_loggers = logger
        frame = frame or sys._getframe(1)
        frames = [_arguments(self, one) for one in _initialising(self, frame)]
        offered = arguments_around(self, frame)
        for arguments in frames:
            offered |= arguments
        ignored = _names(ignore)
        chosen = _chosen(args, offered, frames, ignored, type(self).__name__)
        if chosen is None:
            return
        values, kept.name = chosen
        _merge(kept, values, ignored)
        kept.initial = _snapshot(kept.values)
        _report_modules(kept, values)

    @property
    def hparams(self) -> AttributeDict:
        """The hyperparameters; what is changed here goes into later checkpoints."""
        return cast(AttributeDict, self._kept().values)

    @property
    def hparams_initial(self) -> AttributeDict:
        """A copy of the hyperparameters as they were when they were kept."""
        return cast(AttributeDict, _snapshot(self._kept().initial))

    @property
    def _hparams(self) -> MutableMapping[str, Any]:
        """Private in Lightning, and changed by programs all the same."""
        return self._kept().values

    @_hparams.setter
    def _hparams(self, values: MutableMapping[str, Any]) -> None:
        self._kept().values = values

    @property
    def _hparams_initial(self) -> MutableMapping[str, Any]:
        """The values as they were kept, and no copy of them."""
        return self._kept().initial

    def _kept(self) -> Kept:
        if self._kept_hparams is None:
            self._kept_hparams = Kept()
        return self._kept_hparams


def arguments_around(obj: object, frame: FrameType | None) -> dict[str, Any]:
    """The arguments of the modules and data modules whose ``__init__`` calls that of ``obj``, one inside the other.

    Lightning keeps them with the object's own, so programs read them there.
    """
    found: dict[str, Any] = {}
    inside = False
    while frame is not None:
        made = _made_in(frame)
        if inside and not isinstance(made, Hyperparameters):
            break
        if made is obj:
            inside = True
        elif inside and made is not None:
            found = _arguments(made, frame) | found
        frame = frame.f_back
    return found


def unencodable(hparams: Mapping[str, Any], known: Collection[str] = ()) -> dict[str, str]:
    """The hyperparameters that a checkpoint cannot hold: name to reason.

    Each is written, read back and compared, but for those ``known`` to come back, which are only written.
    """
    reasons = {}
    for name, value in hparams.items():
        try:
            (check if name in known else compare)({"hyper_parameters": {name: value}})
        except EncodeError as error:
            reasons[name] = str(error)
    return reasons


def hyperparameters_for_checkpoint(obj: Hyperparameters, prefix: str = "") -> dict[str, Any]:
    """The entries of a checkpoint for the hyperparameters of ``obj``; none if it has none.

    What a checkpoint cannot hold is left out, with one warning for each name. Call it when a run starts, too, so that
    the warning comes then. ``prefix`` is ``datamodule_`` for a data module.
    """
    kept = obj._kept()
    if not kept.values:
        return {}
    values = kept.values
    if not isinstance(values, dict):  # a configuration object of the user's stays one, if it can
        if not secrets_in(values) and not unencodable({"": values}, kept.compared):
            kept.compared.add("")
            return {
                f"{prefix}hparams_name": kept.name,
                f"{prefix}hyper_parameters": values,
                f"{prefix}hparams_type": type(values),
            }
        values = dict(values)
    secret = {name: f"{name} looks like a secret, and others may read a checkpoint." for name in secrets_in(values)}
    lost = unencodable({name: value for name, value in values.items() if name not in secret}, kept.compared) | secret
    kept.compared |= values.keys() - lost.keys()
    if new := {name: reason for name, reason in lost.items() if name not in kept.reported}:
        kept.reported |= new.keys()
        names = ", ".join(map(repr, new))
        _warn_on_rank_zero(
            f"Checkpoints will not hold these hyperparameters of {type(obj).__name__}: {names}. "
            f"{' '.join(new.values())} "
            f"Pass them to load_from_checkpoint(), or leave them out with save_hyperparameters(ignore=[{names}])."
        )
    return {
        f"{prefix}hparams_name": kept.name,
        f"{prefix}hyper_parameters": {name: value for name, value in values.items() if name not in lost},
    }


def hyperparameters_to_log(module: Hyperparameters, datamodule: Hyperparameters | None = None) -> dict[str, Any] | None:
    """What the loggers get when a run starts: the initial hyperparameters of both; None if neither wants any logged."""
    kept = [obj._kept() for obj in (module, datamodule) if obj is not None]
    logged = [dict(one.initial) for one in kept if one.for_loggers]
    if not logged:
        return None
    first, *others = logged
    for other in others:
        differing = [name for name in first if name in other and not _same(first[name], other[name])]
        if differing:
            names = ", ".join(map(str, differing))
            raise HparamsError(
                f"The module and the data module have different values for the hyperparameters {names}, "
                "and a logger has one place for both. Rename one, or call save_hyperparameters(logger=False) once."
            )
        first |= other
    return first


def _initialising(obj: object, frame: FrameType | None) -> Iterator[FrameType]:
    """The frames of every ``__init__`` of ``obj`` that is running, the innermost first."""
    while frame is not None:
        if _made_in(frame) is obj:
            yield frame
        frame = frame.f_back


def _made_in(frame: FrameType) -> object:
    """The object that this frame initialises; None if it is no ``__init__``."""
    code = frame.f_code
    return frame.f_locals.get(code.co_varnames[0]) if code.co_name == "__init__" and code.co_argcount else None


def _arguments(obj: object, frame: FrameType) -> dict[str, Any]:
    code, values = frame.f_code, frame.f_locals
    names = code.co_varnames
    end = code.co_argcount + code.co_kwonlyargcount
    found = {name: values[name] for name in names[1:end] if name in values}
    if code.co_flags & inspect.CO_VARKEYWORDS:
        more = values.get(names[end + bool(code.co_flags & inspect.CO_VARARGS)])
        if isinstance(more, dict):
            found |= more
    owner = next((c for c in type(obj).__mro__ if getattr(vars(c).get("__init__"), "__code__", None) is code), None)
    if owner is not None and dataclasses.is_dataclass(owner):
        # Its __init__ sees a mark, and not the value, where a field has a default_factory.
        found |= {field.name: getattr(obj, field.name) for field in dataclasses.fields(owner) if field.name in found}
    return found


def _names(ignore: Iterable[str] | str | None) -> frozenset[str]:
    if ignore is None or isinstance(ignore, str):
        return frozenset([ignore] if ignore else [])
    if isinstance(ignore, Iterable):
        return frozenset(ignore)
    raise HparamsError(f"save_hyperparameters(ignore={ignore!r}): give a name or a list of names.")


def _chosen(
    args: tuple[Any, ...], offered: dict[str, Any], frames: list[dict[str, Any]], ignored: frozenset[str], owner: str
) -> tuple[MutableMapping[str, Any], str | None] | None:
    """What to keep, and the argument that it belongs to; None if there is nothing to change.

    ``frames`` has the object's own arguments as each of its ``__init__`` sees them now, the innermost first.
    """
    offered = {name: value for name, value in offered.items() if name not in ignored}
    if not args:
        return offered, SPREAD if offered else None
    containers = [arg for arg in args if not isinstance(arg, str)]
    if not containers:
        if unknown := [name for name in args if name not in offered]:
            raise HparamsError(
                f"save_hyperparameters({', '.join(map(repr, args))}): {owner}.__init__ has no argument "
                f"{', '.join(map(repr, unknown))} to keep here. It has {', '.join(map(repr, offered)) or 'none'}."
            )
        return {name: offered[name] for name in args}, SPREAD
    if len(containers) > 1:
        _warn_on_rank_zero(
            f"save_hyperparameters() of {owner} was given {len(containers)} objects and kept none of them. "
            "Give the names of arguments as text, or one dict."
        )
        return None
    [container] = containers
    if container is None or (isinstance(container, _MAY_BE_EMPTY) and not container):
        return None
    # The outermost __init__ that takes the object is the one that load_from_checkpoint will call. An inner one may have
    # put it together out of what it was given.
    holders = [name for arguments in frames for name, value in arguments.items() if value is container]
    return _mapping(container), holders[-1] if holders else None


def _mapping(container: Any) -> MutableMapping[str, Any]:
    match container:
        case argparse.Namespace():
            return dict(vars(container))
        case dict():
            return dict(container)
        case MutableMapping():
            return container
        case _:
            raise HparamsError(
                f"save_hyperparameters() got a {type(container).__name__}. Give the names of arguments as text, or one "
                "dict or Namespace with the hyperparameters; for a dataclass use dataclasses.asdict(...) or vars(...)."
            )


def _merge(kept: Kept, values: MutableMapping[str, Any], ignored: frozenset[str]) -> None:
    if not isinstance(values, dict):
        kept.values = copy.copy(values) if ignored else values  # a configuration object of the user's stays what it is
    elif isinstance(kept.values, AttributeDict):
        kept.values.update(values)
    else:
        kept.values = AttributeDict(values)
    for name in ignored:
        kept.values.pop(name, None)


def _snapshot(values: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """A deep copy, in which models and what cannot be copied are the same objects."""
    memo: dict[int, Any] = {}
    if isinstance(values, AttributeDict):
        return AttributeDict({name: _copied(value, memo) for name, value in values.items()})
    return cast("MutableMapping[str, Any]", _copied(values, memo))


def _copied(value: Any, memo: dict[int, Any]) -> Any:
    if isinstance(value, nn.Module):
        return value
    try:
        return copy.deepcopy(value, memo)
    except _NO_COPY:
        return value


def _report_modules(kept: Kept, values: Mapping[str, Any]) -> None:
    new = [name for name, value in values.items() if isinstance(value, nn.Module) and name not in kept.modules]
    kept.modules.update(new)
    for name in new:
        _warn_on_rank_zero(
            f"The hyperparameter {name!r} is an nn.Module, so checkpoints will hold it with the hyperparameters, too. "
            f"To leave it out, call save_hyperparameters(ignore=[{name!r}]), and pass it to load_from_checkpoint()."
        )


def _same(left: Any, right: Any) -> bool:
    if left is right:
        return True
    if isinstance(left, Tensor) and isinstance(right, Tensor):
        return left.dtype == right.dtype and left.device == right.device and left.equal(right)
    equal = left == right
    return equal is True or (type(equal).__module__ == "numpy" and bool(equal.all()))
