"""Who listens: one callable for each hook, built once from what is really overridden.

The loop calls ``hooks.on_train_batch_start(batch, index)`` and pays for those who listen: nobody costs one call of an
empty function. Callbacks come first, in their order, then the module, whose answer is the one that counts.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple, Protocol, final

from typing_extensions import Self

from leyden.core.turns import TURNS, Hook, Listener, TurnScope, in_turn

# Heard by callbacks, with (trainer, module, …), and by the module, with the rest.
SHARED_HOOKS = (
    "on_fit_start",
    "on_fit_end",
    "on_train_start",
    "on_train_end",
    "on_train_epoch_start",
    "on_train_epoch_end",
    "on_train_batch_start",
    "on_train_batch_end",
    "on_before_zero_grad",
    "on_before_backward",
    "on_after_backward",
    "on_before_optimizer_step",
)
EVALUATION_EVENTS = ("start", "end", "epoch_start", "epoch_end", "batch_start", "batch_end")
EVALUATIONS = ("validation", "test", "predict")
EVALUATION_HOOKS = tuple(f"on_{kind}_{event}" for kind in EVALUATIONS for event in EVALUATION_EVENTS)

# Heard by one side alone.
CALLBACK_ONLY_HOOKS = ("on_sanity_check_start", "on_sanity_check_end", "on_exception")
MODULE_ONLY_HOOKS = (
    "on_validation_model_zero_grad",
    "on_validation_model_eval",
    "on_validation_model_train",
    "on_test_model_eval",
    "on_test_model_train",
    "on_predict_model_eval",
)

CALLBACK_HOOKS = frozenset((*SHARED_HOOKS, *EVALUATION_HOOKS, *CALLBACK_ONLY_HOOKS))
MODULE_HOOKS = frozenset((*SHARED_HOOKS, *EVALUATION_HOOKS, *MODULE_ONLY_HOOKS))


class LogScope(TurnScope, Protocol):
    """What the chain tells about the hook that is running, so that ``self.log`` knows where it stands."""


class Attached(NamedTuple):
    """What a running trainer lends to a module or callback: where it logs, and whom to tell of a new hook."""

    log: Any
    rebuild: Callable[[], None]


def nobody(*_: Any) -> None:
    """What a hook is when nobody overrides it."""


@final
class EvaluationHooks:
    """The hooks of one kind of evaluation; ``model_eval`` and ``model_train`` are None unless overridden."""

    __slots__ = ("batch_end", "batch_start", "end", "epoch_end", "epoch_start", "model_eval", "model_train", "start")

    start: Hook
    end: Hook
    epoch_start: Hook
    epoch_end: Hook
    batch_start: Hook
    batch_end: Hook
    model_eval: Hook | None
    model_train: Hook | None

    def __init__(self) -> None:
        for event in EVALUATION_EVENTS:
            setattr(self, event, nobody)
        self.model_eval = self.model_train = None


@final
class Hooks:
    """One callable for each hook name; ``build`` may be called again and again, the object stays the same."""

    on_fit_start: Hook
    on_fit_end: Hook
    on_sanity_check_start: Hook
    on_sanity_check_end: Hook
    on_train_start: Hook
    on_train_end: Hook
    on_train_epoch_start: Hook
    on_train_epoch_end: Hook
    on_train_batch_start: Hook
    on_train_batch_end: Hook
    on_before_zero_grad: Hook
    on_before_backward: Hook
    on_after_backward: Hook
    on_before_optimizer_step: Hook
    on_exception: Hook
    on_validation_model_zero_grad: Hook

    def __init__(self) -> None:
        for name in (*SHARED_HOOKS, *CALLBACK_ONLY_HOOKS, "on_validation_model_zero_grad"):
            setattr(self, name, nobody)
        self.validation = EvaluationHooks()
        self.test = EvaluationHooks()
        self.predict = EvaluationHooks()
        self.turns: dict[str, list[Listener]] = {name: [] for name in TURNS}

    def build(
        self,
        callbacks: Sequence[Any],
        module: Any,
        trainer: Any,
        originals: Originals,
        log: LogScope,
        pulled: Collection[str] = (),
    ) -> None:
        """Look at who overrides what and make each hook's callable.

        Args:
            callbacks: in the order in which they are called; those with ``monitors`` set act on an epoch's metrics
                and therefore come after the module in ``on_train_epoch_end``.
            module: the user's module.
            trainer: handed to the callbacks, as their signature wants it.
            originals: the functions of the base classes as they were at import.
            log: told the name of the hook while it runs.
            pulled: of "train" and ``EVALUATIONS``, those whose steps take their batches themselves.
        """

        def heard(name: str, listeners: Sequence[Any]) -> list[Hook]:
            return [
                partial(getattr(c, name), trainer, module) for c in listeners if overrides(c, originals.callback, name)
            ]

        def answered(name: str) -> Hook | None:
            return getattr(module, name) if overrides(module, originals.module, name) else None

        for name in SHARED_HOOKS:
            if name not in TURNS:
                setattr(self, name, chain(name, heard(name, callbacks), answered(name), [], log))
        for name in CALLBACK_ONLY_HOOKS:
            setattr(self, name, chain(name, heard(name, callbacks), None, [], log))
        self._build_turns(callbacks, module, trainer, originals, log)
        name = "on_validation_model_zero_grad"
        self.on_validation_model_zero_grad = chain(name, [], getattr(module, name), [], log)
        for kind, hooks in (("validation", self.validation), ("test", self.test), ("predict", self.predict)):
            for event in EVALUATION_EVENTS:
                name = f"on_{kind}_{event}"
                if name not in TURNS:
                    setattr(hooks, event, chain(name, heard(name, callbacks), answered(name), [], log))
            hooks.model_eval = answered(f"on_{kind}_model_eval")
            hooks.model_train = answered(f"on_{kind}_model_train") if kind != "predict" else None
            if kind in pulled:
                hooks.batch_start, hooks.batch_end = of_pulled(hooks.batch_start, 0), of_pulled(hooks.batch_end, 1)
        if "train" in pulled:
            self.on_train_batch_start = of_pulled(self.on_train_batch_start, 0)
            self.on_train_batch_end = of_pulled(self.on_train_batch_end, 1)

    def _build_turns(
        self, callbacks: Sequence[Any], module: Any, trainer: Any, originals: Originals, log: LogScope
    ) -> None:
        """The hooks in the middle of which a run can be resumed."""

        def hearing(name: str, listeners: Sequence[Any]) -> list[Listener]:
            found = [c for c in listeners if overrides(c, originals.callback, name)]
            return [Listener(c, partial(getattr(c, name), trainer, module)) for c in found]

        def built(name: str) -> Hook:
            listeners = self.turns[name]
            return in_turn(name, listeners, log) if listeners else nobody

        for name in TURNS:
            late = [c for c in callbacks if c.monitors is True] if name == "on_train_epoch_end" else []
            early = [c for c in callbacks if not any(c is one for one in late)]
            own = [Listener(None, getattr(module, name))] if overrides(module, originals.module, name) else []
            self.turns[name] = [*hearing(name, early), *own, *hearing(name, late)]
        self.on_train_epoch_start = built("on_train_epoch_start")
        self.on_train_batch_end = built("on_train_batch_end")
        self.on_train_epoch_end = built("on_train_epoch_end")
        self.validation.end = built("on_validation_end")


class Originals(NamedTuple):
    """The base classes' own functions, taken at import: a base class that is patched later counts as overridden."""

    callback: Mapping[str, Any]
    module: Mapping[str, Any]


def originals_of(base: type, names: frozenset[str]) -> dict[str, Any]:
    return {name: getattr(base, name) for name in names}


def overrides(listener: Any, originals: Mapping[str, Any], name: str) -> bool:
    """Does this object answer the hook with code of its own?"""
    method = getattr(listener, name)
    return method is not None and getattr(method, "__func__", method) is not originals[name]


def chain(name: str, first: list[Hook], answer: Hook | None, last: list[Hook], log: LogScope) -> Hook:
    """One callable for a hook: ``first``, then the module's ``answer``, which is what it returns, then ``last``."""
    if not first and answer is None and not last:
        return nobody

    def call_all(*args: Any, **kwargs: Any) -> Any:
        outer, log.hook = log.hook, name
        try:
            for call in first:
                call(*args)
            result = answer(*args, **kwargs) if answer is not None else None
            for call in last:
                call(*args)
        finally:
            log.hook = outer
        return result

    return call_all


def of_pulled(hook: Hook, place: int) -> Hook:
    """The hook of a batch, where the loop has what the step takes its batches from: it sees the last that was taken.

    ``place`` is that of the batch among the arguments; its number and that of the loader may follow.
    """
    if hook is nobody:
        return nobody

    def told(*args: Any) -> Any:
        return hook(*args[:place], *args[place].last_taken[: len(args) - place])

    return told


def within(log: LogScope, name: str, method: Hook) -> Hook:
    """A method that is not a hook, called so that ``self.log`` inside it knows where it stands."""
    return chain(name, [], method, [], log)


class HookedList(list[Any]):
    """A list that says when it was changed, so that hooks can be built again."""

    changed: Callable[[], None] | None = None

    def _after(self) -> None:
        if self.changed is not None:
            self.changed()

    def append(self, item: Any) -> None:
        super().append(item)
        self._after()

    def extend(self, items: Iterable[Any]) -> None:
        super().extend(items)
        self._after()

    def insert(self, index: Any, item: Any) -> None:
        super().insert(index, item)
        self._after()

    def remove(self, item: Any) -> None:
        super().remove(item)
        self._after()

    def pop(self, index: Any = -1) -> Any:
        item = super().pop(index)
        self._after()
        return item

    def clear(self) -> None:
        super().clear()
        self._after()

    def reverse(self) -> None:
        super().reverse()
        self._after()

    def sort(self, *, key: Any = None, reverse: bool = False) -> None:
        super().sort(key=key, reverse=reverse)
        self._after()

    def __setitem__(self, index: Any, item: Any) -> None:
        super().__setitem__(index, item)
        self._after()

    def __delitem__(self, index: Any) -> None:
        super().__delitem__(index)
        self._after()

    def __iadd__(self, items: Iterable[Any]) -> Self:  # type: ignore[misc]
        self.extend(items)
        return self
