"""What the parity programs share: small data, a small module and a recorder of everything a framework calls.

Nothing in here imports a framework. Every class is made for the namespace ``L`` that a program is given.
"""

from __future__ import annotations

import csv
import hashlib
import inspect
import math
from collections.abc import Callable, Iterable, Mapping
from enum import Enum
from pathlib import Path
from typing import Any

import torch
from torch.utils.data import DataLoader, TensorDataset

STAGED = ("train", "validation", "test", "predict")
AROUND = ("start", "epoch_start", "batch_start", "batch_end", "epoch_end", "end")

# Hooks that only tell: overriding them changes nothing about a run, so they are recorded on everything that is watched.
SHARED_HOOKS = (
    "setup",
    "on_fit_start",
    *(f"on_{stage}_{moment}" for stage in STAGED for moment in AROUND),
    "on_before_zero_grad",
    "on_before_backward",
    "on_after_backward",
    "on_before_optimizer_step",
    "on_fit_end",
    "teardown",
    "on_save_checkpoint",
    "on_load_checkpoint",
)
CALLBACK_HOOKS = (*SHARED_HOOKS, "on_sanity_check_start", "on_sanity_check_end", "on_exception")
DATA_HOOKS = ("prepare_data", "setup", "teardown", "on_exception", "state_dict", "load_state_dict")

# Methods that mean something once they are overridden: recorded where the program overrides them or asks for it.
TRANSFER = ("on_before_batch_transfer", "transfer_batch_to_device", "on_after_batch_transfer")
LOADERS = ("train_dataloader", "val_dataloader", "test_dataloader", "predict_dataloader")
STEPS = ("training_step", "validation_step", "test_step", "predict_step")
OPTIMIZING = ("optimizer_step", "optimizer_zero_grad", "backward", "configure_gradient_clipping", "lr_scheduler_step")
MODES = ("on_validation_model_eval", "on_validation_model_train", "on_test_model_eval", "on_test_model_train")
MODES += ("on_predict_model_eval", "on_validation_model_zero_grad")
STATEFUL = ("state_dict", "load_state_dict")  # overriding them makes a callback one that has a state
CONFIGURING = ("configure_optimizers", "configure_callbacks", "configure_model", "prepare_data")
MEANING = (*STEPS, *LOADERS, *TRANSFER, *OPTIMIZING, *MODES, *CONFIGURING)


METRICS = ("callback_metrics", "logged_metrics", "progress_bar_metrics")


class Recorder:
    """The trace of a program: one line for each call that the framework makes.

    A line reads ``who.hook(arguments) | what the trainer says at that moment``, with a digest of the state of the
    random numbers, which tells how many were drawn. ``facts=False`` leaves the second half out, ``random=False`` the
    digest. ``metrics=True`` adds what changed in the three dictionaries of metrics since the line before, which is a
    choice because a read of them is an event of its own under some frameworks.
    """

    def __init__(self, L: Any, *, facts: bool = True, metrics: bool = False, random: bool = True) -> None:
        self.L = L
        self.trace: list[str] = []
        self.facts = facts
        self.metrics = metrics
        self.random = random
        self.shown: dict[str, dict[str, str]] = {}

    def watch(self, cls: type, label: str, *, also: Iterable[str] = (), only: Iterable[str] | None = None) -> type:
        """A subclass of ``cls`` that records its hooks under ``label`` and does nothing else."""
        names = tuple(only) if only is not None else self._hooks_of(cls, tuple(also))
        body = {name: self._recording(cls, name, label) for name in names}
        body |= {"__module__": cls.__module__, "__qualname__": cls.__qualname__, "__doc__": cls.__doc__}
        return type(cls.__name__, (cls,), body)

    def note(self, text: str, trainer: Any = None) -> None:
        """Add a line of the program's own."""
        self.trace.append(f"{text}{self._read(trainer)}")

    def callback(self, label: str = "C", **methods: Any) -> Any:
        """A callback that records everything; ``methods`` are hooks with a body of the program's own."""
        return self.watch(type("Probe", (self.L.Callback,), methods), label)()

    def logger(self, label: str = "logger") -> Any:
        """A logger that records what it is told."""
        recorder = self

        class Listener(self.L.loggers.Logger):  # type: ignore[misc, name-defined]
            name = "listener"
            version = 0

            def log_metrics(self, metrics: Mapping[str, Any], step: int | None = None) -> None:
                recorder.trace.append(f"{label}.log_metrics(step={step}, {describe(dict(metrics))})")

            def log_hyperparams(self, params: Any, *args: Any, **kwargs: Any) -> None:
                recorder.trace.append(f"{label}.log_hyperparams({describe(dict(params))})")

            def save(self) -> None:
                recorder.trace.append(f"{label}.save()")

            def finalize(self, status: str) -> None:
                recorder.trace.append(f"{label}.finalize({status})")

        return Listener()

    def _hooks_of(self, cls: type, also: tuple[str, ...]) -> tuple[str, ...]:
        if issubclass(cls, self.L.Callback):
            return CALLBACK_HOOKS + also
        own = [base for base in cls.__mro__ if base.__module__.startswith("tests.")]
        meaning = tuple(name for name in MEANING if any(name in vars(base) for base in own))
        told = DATA_HOOKS if issubclass(cls, self.L.LightningDataModule) else SHARED_HOOKS
        return tuple(dict.fromkeys(told + meaning + also))

    def _recording(self, cls: type, name: str, label: str) -> Any:
        original = getattr(cls, name)
        signature = inspect.signature(original)

        def recorded(this: Any, *args: Any, **kwargs: Any) -> Any:
            given = signature.bind(this, *args, **kwargs).arguments
            given = {key: value for key, value in list(given.items())[1:] if key != "pl_module"}
            if "dataloader_idx" in signature.parameters:
                given.setdefault("dataloader_idx", 0)
            trainer = given.pop("trainer", None) or _trainer_of(this)
            text = ", ".join(f"{key}={describe(value)}" for key, value in given.items())
            self.trace.append(f"{label}.{name}({text}){self._read(trainer)}")
            return original(this, *args, **kwargs)

        # Not functools.wraps: to unwrap a method is how some frameworks find out that nobody overrides it.
        recorded.__name__ = recorded.__qualname__ = name
        recorded.__signature__ = signature  # type: ignore[attr-defined]
        return recorded

    def _read(self, trainer: Any) -> str:
        if trainer is None or not (self.facts or self.metrics):
            return ""
        text = f" | {facts(trainer)}" if self.facts else ""
        if self.facts and self.random:
            text += f" random={digest(torch.get_rng_state())[:4]}"
        for name in METRICS if self.metrics else ():
            now = {key: describe(value) for key, value in getattr(trainer, name).items()}
            before, self.shown[name] = self.shown.get(name, {}), now
            gone = sorted(before.keys() - now.keys())
            new = ", ".join(f"{key}: {value}" for key, value in now.items() if before.get(key) != value)
            text += (f" {name} += {{{new}}}" if new else "") + (f" {name} lost {gone}" if gone else "")
        return text


def _trainer_of(this: Any) -> Any:
    try:
        return getattr(this, "trainer", None)
    except RuntimeError:  # a module that no trainer holds
        return None


def facts(trainer: Any) -> str:
    """What a trainer says about itself at this moment, in one line."""
    state = trainer.state
    words = [f"{_value(state.fn)}/{_value(state.stage)} epoch={trainer.current_epoch} step={trainer.global_step}"]
    flags = ("training", "sanity_checking", "validating", "testing", "predicting", "should_stop", "is_last_batch")
    words += [flag for flag in flags if getattr(trainer, flag)]
    words.append("grad" if torch.is_grad_enabled() else "inference" if torch.is_inference_mode_enabled() else "no_grad")
    module = trainer.lightning_module
    if module is not None:
        modes = {part.training for part in module.modules()}
        words.append("mixed" if len(modes) > 1 else "train" if modes == {True} else "eval")
        words.append("grads" if any(p.grad is not None for p in module.parameters()) else "no-grads")
    return " ".join(words)


def _value(enum: Any) -> Any:
    return getattr(enum, "value", enum)


def describe(value: Any) -> str:
    """A value in one short line that is equal only where the value is: floats exactly, tensors by digest."""
    if isinstance(value, torch.Tensor):
        kind = str(value.dtype).removeprefix("torch.") + (" graph" if value.requires_grad else "")
        if value.ndim == 0:
            return f"{value.item()!r}:{kind}"
        return f"<{'x'.join(map(str, value.shape))} {kind} {digest(value)[:8]}>"
    if isinstance(value, Enum):  # a stage: compared as the text that it stands for
        return repr(value.value)
    if isinstance(value, bool | int | float | str | None):
        return repr(value)
    if isinstance(value, Mapping):
        if "state_dict" in value or "loops" in value:  # a checkpoint
            return "keys:" + ",".join(sorted(key for key in map(str, value) if key != "leyden"))
        return "{" + ", ".join(sorted(f"{key}: {describe(item)}" for key, item in value.items())) + "}"
    if isinstance(value, list | tuple):
        inner = ", ".join(map(describe, value[:20])) + (f", … {len(value)}" if len(value) > 20 else "")
        return f"[{inner}]" if isinstance(value, list) else f"({inner})"
    if isinstance(value, torch.device):
        return str(value)
    if isinstance(value, torch.optim.Optimizer) or hasattr(value, "param_groups"):
        return "<optimizer>"
    if isinstance(value, BaseException):  # a framework's own errors have names and words of their own
        return f"{type(value).__name__}({value})" if type(value).__module__ == "builtins" else "<error>"
    if inspect.isfunction(value) or inspect.ismethod(value) or (callable(value) and "losure" in type(value).__name__):
        return "<function>"
    return f"<{type(value).__name__}>"


def digest(tensor: torch.Tensor) -> str:
    """SHA-256 of a tensor's bytes."""
    flat = tensor.detach().cpu().contiguous().reshape(-1)
    return hashlib.sha256(flat.view(torch.uint8).numpy().tobytes()).hexdigest()


def exact(value: Any, out: Path) -> Any:
    """``value`` as JSON that loses nothing: floats in hexadecimal, tensors by digest, paths below ``<out>``."""
    if isinstance(value, torch.Tensor):
        head = ["tensor", str(value.dtype).removeprefix("torch."), list(value.shape)]
        return [*head, exact(value.item(), out) if value.ndim == 0 else digest(value)]
    if isinstance(value, bool | int | None):
        return value
    if isinstance(value, float):
        return value.hex() if math.isfinite(value) else repr(value)
    if isinstance(value, str | Path):
        return str(value).replace(str(out), "<out>")
    if isinstance(value, Mapping):
        return {str(_value(key)): exact(item, out) for key, item in value.items()}
    if isinstance(value, set | frozenset):
        return ["set", *sorted(exact(item, out) for item in value)]
    if isinstance(value, Iterable):
        return [exact(item, out) for item in value]
    return f"<{type(value).__name__}>"


def weights(module: torch.nn.Module) -> dict[str, torch.Tensor]:
    """A copy of a module's state, to be compared bit for bit."""
    return {name: value.detach().clone() for name, value in module.state_dict().items()}


def counters(trainer: Any) -> dict[str, Any]:
    """The counters that a finished run leaves behind."""
    names = ("current_epoch", "global_step", "max_epochs", "max_steps", "min_epochs", "min_steps", "should_stop")
    names += ("num_training_batches", "num_val_batches", "num_sanity_val_batches", "is_last_batch", "interrupted")
    found = {name: getattr(trainer, name) for name in names}
    return found | {"state": [_value(trainer.state.fn), _value(trainer.state.stage), _value(trainer.state.status)]}


def metrics(trainer: Any) -> dict[str, Any]:
    """The three dictionaries of metrics that a trainer shows."""
    return {
        "callback": dict(trainer.callback_metrics),
        "logged": dict(trainer.logged_metrics),
        "bar": dict(trainer.progress_bar_metrics),
    }


def attempt(call: Callable[[], Any]) -> Any:
    """What a call answers, or that it raised an error; frameworks name and word their errors differently."""
    try:
        return call()
    except Exception:  # noqa: BLE001
        return "an error"


def summary(trainer: Any, module: Any, recorder: Recorder | None = None, **more: Any) -> dict[str, Any]:
    """What nearly every program, or part of one, ends with; the next part begins with the same random numbers."""
    result = {"counters": counters(trainer), "metrics": metrics(trainer), "weights": weights(module)}
    result["random"] = digest(torch.get_rng_state())  # as many draws were made
    torch.manual_seed(1)
    return result | ({} if recorder is None else {"trace": recorder.trace}) | more


def rows(path: Path) -> list[dict[str, str]]:
    """The rows of a CSV file, in the order of the file, columns by name."""
    with path.open(newline="") as file:
        return [{key: text for key, text in sorted(row.items()) if text} for row in csv.DictReader(file)]


def files(folder: Path, pattern: str = "**/*") -> list[str]:
    """The names of the files below a folder."""
    return sorted(str(path.relative_to(folder)) for path in folder.glob(pattern) if path.is_file())


def data(samples: int, *, seed: int = 7) -> TensorDataset:
    """A small regression problem."""
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(samples, 3, generator=generator)
    return TensorDataset(x, x.sum(1, keepdim=True) + 0.1 * torch.randn(samples, 1, generator=generator))


def loader(samples: int = 13, batch_size: int = 2, *, seed: int = 7, **more: Any) -> DataLoader[Any]:
    """A loader of that problem; 13 samples by 2 are 7 batches, the last of them smaller."""
    return DataLoader(data(samples, seed=seed), batch_size=batch_size, **more)


def val_loader(samples: int = 5, batch_size: int = 2) -> DataLoader[Any]:
    """Three batches to validate on, the last of them smaller."""
    return loader(samples, batch_size, seed=11)


def combined_loader(L: Any) -> type:
    """The class that combines loaders, which each framework keeps in another place."""
    return L.data.CombinedLoader if L.__name__ == "leyden" else L.utilities.CombinedLoader


def module_class(L: Any) -> type:
    """A linear regression that logs its losses."""

    class Net(L.LightningModule):  # type: ignore[misc, name-defined]
        def __init__(self, lr: float = 0.1) -> None:
            super().__init__()
            self.lr = lr
            self.net = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.Tanh(), torch.nn.Linear(4, 1))

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.net(x)

        def loss(self, batch: Any) -> torch.Tensor:
            x, y = batch
            return torch.nn.functional.mse_loss(self(x), y)

        def training_step(self, batch: Any, batch_idx: int) -> Any:
            loss = self.loss(batch)
            self.log("train_loss", loss, prog_bar=True)
            return loss

        def validation_step(self, batch: Any, batch_idx: int) -> Any:
            loss = self.loss(batch)
            self.log("val_loss", loss)
            return loss

        def test_step(self, batch: Any, batch_idx: int) -> Any:
            self.log("test_loss", self.loss(batch))

        def predict_step(self, batch: Any, batch_idx: int) -> Any:
            return self(batch[0])

        def configure_optimizers(self) -> Any:
            return torch.optim.SGD(self.parameters(), lr=self.lr, momentum=0.9)

    return Net


def trainer(L: Any, out: Path, **settings: Any) -> Any:
    """A trainer that is quiet and writes only what it is asked to, below ``out``."""
    quiet = {"logger": False, "enable_progress_bar": False, "enable_model_summary": False, "accelerator": "cpu"}
    quiet |= {"enable_checkpointing": False, "default_root_dir": out, "devices": 1}
    return L.Trainer(**(quiet | settings))
