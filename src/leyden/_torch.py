"""Every check of torch's version and every use of its private parts, in one file."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any, TypeVar

import torch
from torch import _weights_only_unpickler, optim
from torch._weights_only_unpickler import UnpicklingError as UnpicklingError  # type: ignore[attr-defined]
from torch.optim import Optimizer
from torch.utils.data import DataLoader

F = TypeVar("F", bound=Callable[..., Any])

# Optimizers of torch whose step() needs gradients and nothing else. LBFGS is not among them: it evaluates the loss.
GRADIENT_ONLY = (
    optim.SGD,
    optim.Adam,
    optim.AdamW,
    optim.Adagrad,
    optim.Adadelta,
    optim.Adamax,
    optim.ASGD,
    optim.NAdam,
    optim.RAdam,
    optim.RMSprop,
    optim.Rprop,
    optim.SparseAdam,
    optim.Adafactor,
)


def needs_closure(optimizer: Optimizer) -> bool:
    """Must the forward pass run inside ``optimizer.step``?

    It must where step() may evaluate the loss, or where a hook before step() counts on being called before the forward
    pass, as it is in a loop that passes a closure.
    """
    hooked = optimizer._optimizer_step_pre_hooks or optimizer._optimizer_step_post_hooks
    return type(optimizer) not in GRADIENT_ONLY or bool(hooked)


def untraced(method: F) -> F:
    """A method that ``torch.compile`` neither traces nor inlines, with all that it calls; it costs nothing elsewhere.

    What ``torch.compiler.disable`` makes is a function around the method, which every call of it would pay for.
    """
    method._torchdynamo_disable = True  # type: ignore[attr-defined]
    frames = torch._C._dynamo.eval_frame
    skip = frames._FrameAction.SKIP
    frames.set_code_exec_strategy(method.__code__, frames._FrameExecStrategy(skip, skip))
    return method


def workers_run(loader: Any) -> bool:
    """Does a loader have worker processes that its next pass goes on with?"""
    return isinstance(loader, DataLoader) and loader.persistent_workers and loader._iterator is not None


def typed_storage(storage: torch.UntypedStorage, dtype: torch.dtype) -> torch.TypedStorage:
    """A storage of the older kind, which knows the type of its elements, over the same memory."""
    return torch.TypedStorage(wrap_storage=storage, dtype=dtype, _internal=True)


def hparams_summaries(writer: Any, params: dict[str, Any], metrics: dict[str, Any]) -> tuple[Any, Any, Any]:
    """What tells TensorBoard of hyperparameters, for a ``SummaryWriter`` of torch or of tensorboardX.

    ``SummaryWriter.add_hparams`` does the same in a run of its own beside the one that it belongs to.
    """
    package = "torch.utils.tensorboard" if type(writer).__module__.startswith("torch.") else "tensorboardX"
    summaries: tuple[Any, Any, Any] = import_module(f"{package}.summary").hparams(params, metrics)
    return summaries


def safe_globals() -> frozenset[str]:
    """The names, such as ``package.module.Class``, that the program has told torch to be safe in files."""
    return frozenset(_weights_only_unpickler._get_user_allowed_globals())
