"""An optimizer's step as a program takes it, with a closure or after it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from torch.optim import Optimizer


@contextmanager
def before_each_step(optimizer: Optimizer, ready: Callable[[], None]) -> Iterator[None]:
    """Inside, ``ready`` is called once the gradients of a step are there and before the optimizer uses them.

    That is after each call of the closure, or at once where the step is given none: the program has run it by hand.
    """

    def prepare(stepping: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        closure = args[1] if len(args) > 1 else kwargs.get("closure")
        if closure is None:
            ready()
            return None

        def closure_then_ready() -> Any:
            loss = closure()
            ready()
            return loss

        return (stepping, closure_then_ready), {}  # torch steps with these arguments instead

    hook = optimizer.register_step_pre_hook(prepare)
    try:
        yield
    finally:
        hook.remove()
