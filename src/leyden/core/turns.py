"""Whose turn it is in a hook, so that a run that is resumed in the middle of one goes on with those who come next."""

from __future__ import annotations

import dis
from collections.abc import Callable, Mapping, Sequence
from inspect import CO_VARARGS
from types import FunctionType, MethodType
from typing import Any, Final, NamedTuple, Protocol

Hook = Callable[..., Any]

# Those in which a save belongs to the middle of the hook: the run goes on behind it.
TURNS: Final = ("on_train_epoch_start", "on_train_batch_end", "on_validation_end", "on_train_epoch_end")


class Listener(NamedTuple):
    """One of those who hear a hook."""

    owner: Any  # a callback; None: the module
    call: Hook

    @property
    def key(self) -> str | None:
        """What a checkpoint calls it."""
        return None if self.owner is None else str(self.owner.state_key)

    @property
    def name(self) -> str:
        """What a message calls it."""
        return "the module" if self.owner is None else type(self.owner).__name__


class Rest(NamedTuple):
    """The listeners of a hook whose turn has not come yet."""

    hook: str
    listeners: Sequence[Listener]

    def state_dict(self) -> dict[str, Any]:
        return {"hook": self.hook, "listeners": [listener.key for listener in self.listeners]}


class TurnScope(Protocol):
    """What is told who is still to be called in the hook that is running."""

    hook: str | None
    rest: Rest | None


def in_turn(name: str, listeners: Sequence[Listener], scope: TurnScope) -> Hook:
    """One callable for a hook of ``TURNS``; while it runs, ``scope`` knows who comes next.

    After an error in one of them ``scope`` still does, for a checkpoint that is made then.
    """
    turns = [(listener.call, Rest(name, listeners[place + 1 :])) for place, listener in enumerate(listeners)]

    def call_all(*args: Any) -> None:
        outer, scope.hook = scope.hook, name
        try:
            for call, rest in turns:
                scope.rest = rest
                call(*args)
        finally:
            scope.hook = outer
        scope.rest = None

    return call_all


def is_rest(saved: object) -> bool:
    """Is this what ``Rest.state_dict`` gives, or None?"""
    match saved:
        case None:
            return True
        case {"hook": str(hook), "listeners": list(keys)}:
            return hook in TURNS and all(key is None or isinstance(key, str) for key in keys)
        case _:
            return False


def still_to_call(saved: Mapping[str, Any], listeners: Sequence[Listener]) -> list[Listener]:
    """Those of ``listeners`` that are in a saved rest, each as often as it stands there, the last ones first choice."""
    missing, found = list(saved["listeners"]), []
    for listener in reversed(listeners):
        if (key := listener.key) in missing:
            missing.remove(key)
            found.append(listener)
    return found[::-1]


def looks_at(call: Hook, places: Sequence[int]) -> bool:
    """Does a listener look at one of these of its arguments? Where nobody can tell, it does.

    ``places`` count from 0 after those that it has been given already.
    """
    given = 0
    while (inner := getattr(call, "func", None)) is not None:  # functools.partial
        given += len(call.args)  # type: ignore[attr-defined]
        call = inner
    if isinstance(call, MethodType):
        given, call = given + 1, call.__func__
    while isinstance(call, FunctionType) and call.__globals__.get("__name__", "").startswith("torch."):
        call = getattr(call, "__wrapped__", None)  # type: ignore[assignment]  # no_grad and the like pass all on
    if not isinstance(call, FunctionType):
        return True
    code = call.__code__
    several = code.co_varnames[code.co_argcount + code.co_kwonlyargcount] if code.co_flags & CO_VARARGS else None
    names = {code.co_varnames[given + place] if given + place < code.co_argcount else several for place in places}
    names.discard(None)
    if names & set(code.co_cellvars) or "locals" in code.co_names:
        return True
    for step in dis.get_instructions(code):
        read = step.argval if isinstance(step.argval, tuple) else (step.argval,)
        if "LOAD" in step.opname and names & set(read):
            return True
    return False
