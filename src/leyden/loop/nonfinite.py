"""What is done about losses and gradients that are not finite, where the program asks for something to be done."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from typing import Any, Final, Literal, NamedTuple, final

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from leyden.core.state import State
from leyden.core.warnings import warn
from leyden.errors import NonfiniteError
from leyden.loop.optimizers import SchedulerConfig
from leyden.loop.run import WriteRow
from leyden.runtime.clip import parameters_of
from leyden.runtime.finite import are_finite

OnNonfinite = Literal["raise", "skip", "rollback"]

MOST_SKIPS: Final = 100  # steps left out one after the other
MOST_ROLLBACKS: Final = 10  # ways back with no new snapshot in between
STEPS_BETWEEN_SNAPSHOTS: Final = 100


class Snapshot(NamedTuple):
    """What a step changes, as it was."""

    step: int
    weights: Mapping[str, Any]
    optimizers: list[dict[str, Any]]
    schedulers: list[dict[str, Any]]


@final
class Watch:
    """Looks at losses and gradients before each step of an optimizer.

    Args:
        action: "raise" ends the run; "skip" leaves the step out; "rollback" also goes back to an earlier snapshot.
        module: whose weights and gradients these are.
        optimizers: all of the run.
        schedulers: all of the run.
        sees_gradients: False under a loss scaler, which finds gradients that overflow and leaves their steps out.
        state: where the run is; what is left out is counted there.
        write: writes a row to the loggers.
    """

    def __init__(
        self,
        action: OnNonfinite,
        module: nn.Module,
        optimizers: Sequence[Optimizer],
        schedulers: Sequence[SchedulerConfig],
        sees_gradients: bool,
        state: State,
        write: WriteRow,
    ) -> None:
        self.left_out = False  # the step that is being taken
        self._action = action
        self._module = module
        self._optimizers = optimizers
        self._schedulers = schedulers
        self._sees_gradients = sees_gradients
        self._state = state
        self._write = write
        self._losses: list[tuple[int, Tensor]] = []  # since the last step, with the number of the batch
        self._snapshots: deque[Snapshot] = deque(maxlen=2)
        self._went_back = False  # to the newest snapshot
        self._warned = False
        # What a forward pass writes, such as running means. A mask of infinities is none of it.
        self._buffers = [b for b in module.buffers() if are_finite([b])]
        self._buffers_before = [buffer.clone() for buffer in self._buffers]

    def noting(self, backward: Callable[..., None]) -> Callable[..., None]:
        """The backward pass, noting the loss that it starts from."""

        def noted(loss: Tensor, *args: Any, **kwargs: Any) -> None:
            self._losses.append((self._state.batch, loss.detach()))
            backward(loss, *args, **kwargs)

        return noted

    def passes(self, optimizer: Optimizer) -> bool:
        """May this optimizer step? Otherwise its gradients are gone, so that its step changes nothing.

        Raises:
            NonfiniteError: something is not finite, and the run is to end for it or has tried for long enough.
        """
        losses, self._losses = self._losses, []
        gradients = [w.grad for w in parameters_of(optimizer) if w.grad is not None] if self._sees_gradients else []
        self.left_out = not are_finite([*gradients, *(loss for _, loss in losses)])
        if not self.left_out:
            self._passed()
            return True
        state, found = self._state, self._described(losses)
        match self._action:
            case "raise":
                raise NonfiniteError(f"{found}. {_REMEDIES}, or let Trainer(on_nonfinite='skip') leave such steps out.")
            case "skip":
                done, most = "the step is left out", MOST_SKIPS
            case "rollback":
                done, most = f"the weights go back to those of step {self._go_back()}", MOST_ROLLBACKS
        state.skipped += 1
        state.skipped_in_a_row += 1
        if state.skipped_in_a_row > most:
            raise NonfiniteError(f"{found}, and so it was {most} times before, with no way out. {_REMEDIES}.")
        for weight in parameters_of(optimizer):
            weight.grad = None
        with torch.no_grad():
            for buffer, before in zip(self._buffers, self._buffers_before, strict=True):
                buffer.copy_(before)
        if not self._warned:
            self._warned = True
            warn(f"{found}, so {done}. trainer.nonfinite_steps counts them, and no further one is reported.")
        self._write({"nonfinite_steps": torch.tensor(float(state.skipped))}, state.log_step, state.epoch)
        return False

    def _passed(self) -> None:
        state = self._state
        with torch.no_grad():
            for buffer, before in zip(self._buffers, self._buffers_before, strict=True):
                before.copy_(buffer)
        if self._action != "rollback":
            state.skipped_in_a_row = 0
        elif not self._snapshots or state.step >= self._snapshots[-1].step + STEPS_BETWEEN_SNAPSHOTS:
            state.skipped_in_a_row = 0 if self._snapshots else state.skipped_in_a_row
            self._went_back = False
            self._snapshots.append(
                Snapshot(
                    state.step,
                    _kept(self._module.state_dict()),
                    [_kept(optimizer.state_dict()) for optimizer in self._optimizers],
                    [deepcopy(config.scheduler.state_dict()) for config in self._schedulers],
                )
            )

    def _go_back(self) -> int:
        """Go back to the newest snapshot, or, if that has led here before, to the one before it."""
        if not self._snapshots:
            return self._state.step  # nothing has been changed yet
        if self._went_back and len(self._snapshots) > 1:
            self._snapshots.pop()
        self._went_back = True
        snapshot = self._snapshots[-1]
        self._module.load_state_dict(snapshot.weights)
        for optimizer, state in zip(self._optimizers, snapshot.optimizers, strict=True):
            optimizer.load_state_dict(_kept(state))
        for config, saved in zip(self._schedulers, snapshot.schedulers, strict=True):
            config.scheduler.load_state_dict(deepcopy(saved))
        with torch.no_grad():
            for buffer, before in zip(self._buffers, self._buffers_before, strict=True):
                before.copy_(buffer)
        return snapshot.step

    def _described(self, losses: Sequence[tuple[int, Tensor]]) -> str:
        epoch = self._state.epoch
        for batch, loss in losses:
            if not are_finite([loss]):
                return f"the loss of batch {batch} in epoch {epoch} is {loss.item() if loss.numel() == 1 else loss}"
        names = [
            name
            for name, weight in self._module.named_parameters()
            if weight.grad is not None and not are_finite([weight.grad])
        ]
        others = f" (and that of {len(names) - 1} other weights)" if len(names) > 1 else ""
        return f"the gradient of {names[0]!r}{others} is not finite after batch {self._state.batch} in epoch {epoch}"


_REMEDIES = "Lower the learning rate, clip the gradients, or look at the batch; detect_anomaly=True finds the operation"


def _kept(value: Any) -> Any:
    """A copy in main memory."""
    if isinstance(value, Tensor):
        return value.detach().to("cpu", copy=True)
    if isinstance(value, Mapping):
        return {key: _kept(item) for key, item in value.items()}
    return [_kept(item) for item in value] if isinstance(value, list) else deepcopy(value)
