"""Steps under half precision: gradients were computed from a scaled loss, and an overflow skips the step."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import Any, final

from torch.amp.grad_scaler import GradScaler
from torch.optim import Optimizer
from torch.utils.hooks import RemovableHandle

Hook = Callable[[Any, tuple[Any, ...], dict[str, Any]], Any]


@final
class ScaledOptimizer:
    """Stands in for an optimizer wherever a program steps it; everything but ``step`` is the optimizer's own."""

    def __init__(self, optimizer: Optimizer, scaler: GradScaler) -> None:
        self._optimizer = optimizer
        self._scaler = scaler
        self._before: OrderedDict[int, Hook] = OrderedDict()
        self._after: OrderedDict[int, Hook] = OrderedDict()

    @property  # type: ignore[misc]
    def __class__(self) -> Any:
        # programs and schedulers ask isinstance(optimizer, Optimizer)
        return type(self._optimizer)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._optimizer, name)

    def register_step_pre_hook(self, hook: Hook) -> RemovableHandle:
        """Call ``hook`` before each step, on gradients without the scale, whether or not the step is then skipped."""
        handle = RemovableHandle(self._before)
        self._before[handle.id] = hook
        return handle

    def register_step_post_hook(self, hook: Hook) -> RemovableHandle:
        """Call ``hook`` after each step, whether or not it was skipped."""
        handle = RemovableHandle(self._after)
        self._after[handle.id] = hook
        return handle

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Run the closure, undo the scale, and step unless a gradient overflowed."""
        loss = closure() if closure is not None else None
        self._scaler.unscale_(self._optimizer)
        for hook in self._before.values():
            hook(self, (self,), {})
        self._scaler.step(self._optimizer)
        self._scaler.update()
        for hook in self._after.values():
            hook(self, (self,), {})
        return loss
