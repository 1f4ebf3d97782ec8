"""The resume matrix: runs that differ in all that a resume must bring back, saved in every hook and resumed from it.

``make resume`` takes up every save of every run; the test suite takes up a sample of them.
"""

from __future__ import annotations

import argparse
import hashlib
import itertools
import random
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple
from unittest.mock import patch

import numpy
import torch
import torchmetrics
from torch import nn
from torch.utils.data import DataLoader, Dataset, IterableDataset

import leyden as L
from leyden.runtime.precision import Precision

Case = Mapping[str, str]
Trace = list[tuple[Any, ...]]
Save = Callable[[L.Trainer, str, Trace], None]

DIMENSIONS: Mapping[str, tuple[str, ...]] = {
    "data": ("plain", "noisy", "stream", "stateful", "several"),
    "workers": ("0", "2", "2 persistent"),
    "order": ("in order", "shuffled", "own generator"),
    "accumulation": ("1", "3"),
    "scheduler": ("none", "step", "epoch", "plateau by step", "plateau by epoch"),
    "validation order": ("in order", "own generator", "persistent workers"),
    "validation": ("at the end", "inside", "across epochs", "by time", "none"),
    "optimization": ("automatic", "own step", "manual"),
    "precision": ("32-true", "bf16-mixed", "16-mixed"),
    "average": ("none", "of its own", "swapped in"),
    "time": ("unlimited", "limited"),
    "dropout": ("0.0", "0.5"),
}
IMPOSSIBLE = ({("accumulation", "3"), ("optimization", "manual")},)

BEFORE = ("setup", "on_fit_start", "on_sanity_check_start", "on_sanity_check_end", "on_train_start")
VALIDATION = tuple(
    f"on_validation_{event}" for event in ("start", "epoch_start", "batch_start", "batch_end", "epoch_end", "end")
)
TRAINING = ("on_train_epoch_start", "on_train_batch_start", "on_train_batch_end", "on_train_epoch_end", "on_train_end")
REPEATED = VALIDATION[:-1]  # a run that is resumed in these does its validation again


def covering(dimensions: Mapping[str, Sequence[str]], strength: int, seed: int) -> list[Case]:
    """Few cases in which all combinations of so many dimensions occur that are possible."""
    draw = random.Random(seed)
    missing = {
        combination
        for names in itertools.combinations(dimensions, strength)
        for combination in itertools.product(*([(name, value) for value in dimensions[name]] for name in names))
        if _possible(combination)
    }
    cases: list[Case] = []
    while missing:
        candidates = []
        for first in draw.choices(sorted(missing), k=12):
            case = dict(first)
            rest = [name for name in dimensions if name not in case]
            for name in draw.sample(rest, len(rest)):
                case[name] = draw.choice([v for v in dimensions[name] if _possible((*case.items(), (name, v)))])
            candidates.append({name: case[name] for name in dimensions})
        best = max(candidates, key=lambda case: sum(set(one) <= case.items() for one in missing))
        missing = {one for one in missing if not set(one) <= best.items()}
        cases.append(best)
    return cases


def _possible(combination: Sequence[tuple[str, str]]) -> bool:
    return not any(pair <= set(combination) for pair in IMPOSSIBLE)


# What is trained


class Rows(Dataset[torch.Tensor]):
    """Ten rows; where it is noisy, all three global streams of random numbers are drawn from for each."""

    def __init__(self, noisy: bool) -> None:
        self.noisy = noisy

    def __len__(self) -> int:
        return 10

    def __getitem__(self, index: int) -> torch.Tensor:
        noise = torch.randn(3) + random.random() + float(numpy.random.rand()) if self.noisy else torch.zeros(3)
        return noise + index / 10


class Stream(IterableDataset[torch.Tensor]):
    """Rows that draw random numbers and do not say how many they are."""

    def __iter__(self) -> Iterator[torch.Tensor]:
        rows = Rows(noisy=True)
        return (rows[index] for index in range(6))


class Stateful:
    """A loader that keeps its own position, and is shorter than the others."""

    def __init__(self) -> None:
        self.position = self.begin_at = 0

    def __len__(self) -> int:
        return 3

    def __iter__(self) -> Iterator[torch.Tensor]:
        begin_at, self.begin_at = self.begin_at, 0
        return self.batches_from(begin_at)

    def batches_from(self, begin_at: int) -> Iterator[torch.Tensor]:
        for number in range(begin_at, 3):
            self.position = number + 1
            yield torch.full((2, 3), float(number))

    def state_dict(self) -> dict[str, int]:
        return {"position": self.position}

    def load_state_dict(self, state: dict[str, int]) -> None:
        self.begin_at = state["position"]


def training_loader(case: Case) -> Any:
    workers = int(case["workers"][0])
    how: dict[str, Any] = {"num_workers": workers, "persistent_workers": "persistent" in case["workers"]}
    if workers:
        how["multiprocessing_context"] = "fork"
    order: dict[str, Any] = {"shuffle": case["order"] != "in order"}
    if case["order"] == "own generator":
        order["generator"] = torch.Generator().manual_seed(7)

    def rows(noisy: bool) -> Any:
        return DataLoader(Rows(noisy), 2, **order, **how)

    match case["data"]:
        case "plain":
            return rows(noisy=False)
        case "noisy":
            return rows(noisy=True)
        case "stream":
            return DataLoader(Stream(), 2, **how)
        case "stateful":
            return {"a": Stateful(), "b": rows(noisy=True)}
        case _:
            short = DataLoader(Rows(noisy=True), 4, **order)
            return L.data.CombinedLoader({"a": rows(noisy=True), "b": [short]}, "max_size_cycle")


def validation_loader(case: Case) -> DataLoader[torch.Tensor]:
    match case["validation order"]:
        case "in order":
            return DataLoader(Rows(noisy=True), 5)
        case "own generator":
            return DataLoader(Rows(noisy=True), 5, shuffle=True, generator=torch.Generator().manual_seed(8))
        case _:
            how: dict[str, Any] = {"persistent_workers": True, "multiprocessing_context": "fork"}
            return DataLoader(Rows(noisy=False), 5, shuffle=True, num_workers=1, **how)


def end_workers(loader: Any) -> None:
    """Persistent workers live as long as their loader, and the garbage collector is in no hurry."""
    loaders = loader.flattened if isinstance(loader, L.data.CombinedLoader) else [loader]
    loaders = list(loader.values()) if isinstance(loader, dict) else loaders
    for one in loaders:
        if getattr(one, "_iterator", None) is not None:
            one._iterator._shutdown_workers()
            one._iterator = None


def tensors_of(batch: Any) -> list[torch.Tensor]:
    if isinstance(batch, torch.Tensor):
        return [batch]
    return [tensor for part in (batch.values() if isinstance(batch, dict) else batch) for tensor in tensors_of(part)]


class Model(L.Module):
    def __init__(self, case: Case, clock: Clock) -> None:
        super().__init__()
        self.case, self.clock = case, clock
        self.automatic_optimization = case["optimization"] != "manual"
        self.first = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Dropout(float(case["dropout"])))
        self.second = nn.Linear(4, 1)
        self.mean, self.worst = torchmetrics.MeanMetric(), torchmetrics.MaxMetric()
        self.register_buffer("average", torch.zeros(4, 3))
        self.register_buffer("counts", torch.zeros(2))
        if case["optimization"] == "own step":
            self.optimizer_step = self.own_step  # type: ignore[method-assign]

    def own_step(self, epoch: int, batch_idx: int, optimizer: Any, optimizer_closure: Any = None) -> None:
        optimizer.step(closure=optimizer_closure)

    def loss(self, batch: Any) -> torch.Tensor:
        rows = torch.cat(tensors_of(batch))
        noise = 1 + random.random() / 10 + float(numpy.random.rand()) / 10
        value: torch.Tensor = self.second(self.first(rows)).float().pow(2).mean() * noise
        return value

    def training_step(self, batch: Any, batch_idx: int) -> torch.Tensor | None:
        self.clock.now += 1
        loss = self.loss(batch)
        self.log("loss", loss, on_step=True, on_epoch=True, prog_bar=True, batch_size=len(tensors_of(batch)[0]))
        self.log("total", loss, reduce_fx="sum", on_step=False, on_epoch=True, batch_size=1)
        self.mean(loss.detach())
        self.log("mean", self.mean, on_step=True, on_epoch=True)
        if self.automatic_optimization:
            return loss
        first, second = self.optimizers()
        first.zero_grad()
        self.manual_backward(loss)
        first.step()
        if batch_idx % 2:
            second.step()
            second.zero_grad()
        return None

    def validation_step(self, batch: Any, batch_idx: int) -> None:
        loss = self.loss(batch) + torch.rand(())
        self.log("val", loss, on_step=True, on_epoch=True, batch_size=1)
        self.worst.update(loss)
        self.log("worst", self.worst, on_step=False, on_epoch=True)

    def on_train_epoch_start(self) -> None:
        self.counts[0] += torch.rand(())
        self.log("begun", self.counts[0])

    def on_train_batch_end(self, outputs: Any, batch: Any, batch_idx: int) -> None:
        self.average.lerp_(self.first[0].weight.detach(), 0.1)
        self.counts[1] += batch_idx
        self.log("average", self.average.mean(), on_epoch=True, batch_size=1)

    def configure_optimizers(self) -> Any:
        if not self.automatic_optimization:
            first = torch.optim.Adam(self.first.parameters(), lr=0.01)
            second = torch.optim.SGD(self.second.parameters(), lr=0.01, momentum=0.9)
            return [first, second]
        optimizer = torch.optim.Adam(self.parameters(), lr=0.01)
        made = torch.optim.lr_scheduler
        plateau: dict[str, Any] = {"monitor": "loss" if self.case["validation"] == "none" else "val", "strict": False}
        schedulers: dict[str, Callable[[], dict[str, Any]]] = {
            "step": lambda: {"scheduler": made.StepLR(optimizer, 3, gamma=0.5), "interval": "step"},
            "epoch": lambda: {"scheduler": made.ExponentialLR(optimizer, 0.5)},
            "plateau by step": lambda: {
                "scheduler": made.ReduceLROnPlateau(optimizer, patience=0),
                "interval": "step",
                **plateau,
            },
            "plateau by epoch": lambda: {"scheduler": made.ReduceLROnPlateau(optimizer, patience=0), **plateau},
        }
        if self.case["scheduler"] == "none":
            return optimizer
        return [optimizer], [schedulers[self.case["scheduler"]]()]


class Average(L.Callback):
    """An exponential moving average of the weights."""

    def __init__(self) -> None:
        self.average: dict[str, torch.Tensor] = {}

    def on_train_batch_end(self, trainer: L.Trainer, pl_module: L.Module, *_: Any) -> None:
        for name, weight in pl_module.named_parameters():
            new = weight.detach().clone()
            self.average[name] = torch.lerp(self.average[name], new, 0.1) if name in self.average else new

    def state_dict(self) -> dict[str, Any]:
        return {"average": {name: value.clone() for name, value in self.average.items()}}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.average = dict(state_dict["average"])


class Clock:
    """A second for each batch that is trained, and none for anything else."""

    def __init__(self, now: float) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


# What is written down


def digest(value: Any) -> str:
    """A short name for a tree of tensors, bytes and plain values."""
    mixed = hashlib.sha1(usedforsecurity=False)

    def mix(part: Any) -> None:
        if isinstance(part, torch.Tensor):
            mixed.update(part.detach().contiguous().view(-1).view(torch.uint8).numpy().tobytes())
        elif isinstance(part, Mapping):
            for key, item in part.items():
                mixed.update(str(key).encode())
                mix(item)
        elif isinstance(part, (list, tuple)):
            for item in part:
                mix(item)
        elif isinstance(part, numpy.ndarray):
            mixed.update(part.tobytes())
        elif not callable(part):
            mixed.update(repr(part).encode())

    mix(value)
    return mixed.hexdigest()[:10]


def numbers(metrics: Mapping[str, Any]) -> dict[str, float]:
    return {name: float(value) for name, value in sorted(metrics.items())}


class Recorder(L.Callback):
    """Writes down what can be seen in every hook of training: counters, metrics, random states and weights."""

    def __init__(self, save: Save | None = None) -> None:
        self.trace: Trace = []
        self.save = save

    def note(self, hook: str, trainer: L.Trainer, module: L.Module) -> None:
        if trainer.sanity_checking:
            return
        metrics = numbers(trainer.callback_metrics) | numbers(trainer.progress_bar_metrics)
        streams = (digest(torch.get_rng_state()), hash(random.getstate()), digest(numpy.random.get_state()[1]))
        counters = (trainer.current_epoch, trainer.global_step, trainer.fit_loop.total_batch_idx, trainer.should_stop)
        self.trace.append((hook, *counters, metrics, streams, digest(module.state_dict())))


def _recording(name: str) -> Callable[..., None]:
    def hook(self: Recorder, trainer: L.Trainer, module: L.Module, *_: Any, **__: Any) -> None:
        if name not in BEFORE:
            self.note(name, trainer, module)
        if self.save is not None:
            self.save(trainer, name, self.trace)

    return hook


for _name in (*BEFORE, *TRAINING, *VALIDATION):
    setattr(Recorder, _name, _recording(_name))


class Rowing(L.loggers.Logger):
    """A logger that writes its rows into the trace."""

    name, version = "rows", 0

    def __init__(self, recorder: Recorder) -> None:
        super().__init__()
        self.recorder = recorder

    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        self.recorder.trace.append(("row", step, dict(metrics)))

    def log_hyperparams(self, params: Any, *args: Any, **kwargs: Any) -> None:
        pass


class Ended(NamedTuple):
    """What a run leaves."""

    trace: Trace
    weights: str
    states: str  # of optimizers, schedulers, loss scaler and callbacks


@contextmanager
def timed_by(clock: Clock) -> Iterator[None]:
    with patch("leyden.loop.fit.monotonic", clock), patch("leyden.callbacks.timer.monotonic", clock):
        yield


def fit(case: Case, folder: Path, seed: int, recorder: Recorder, ckpt_path: Path | None = None) -> Ended:
    """One run from seed to end, with a model, loaders, callbacks and a trainer of its own."""
    clock = Clock(100.0 * seed)
    torch.manual_seed(seed)
    random.seed(seed)
    numpy.random.seed(seed)
    validations: dict[str, dict[str, Any]] = {
        "at the end": {},
        "inside": {"val_check_interval": 2},
        "across epochs": {"val_check_interval": 4, "check_val_every_n_epoch": None},
        "by time": {"val_check_interval": {"seconds": 3}},
        "none": {"limit_val_batches": 0},
    }
    averages: dict[str, list[L.Callback]] = {
        "none": [],
        "of its own": [Average()],
        "swapped in": [L.callbacks.EMAWeightAveraging(decay=0.9)],
    }
    average = averages[case["average"]]
    manual = case["optimization"] == "manual"
    with timed_by(clock), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        trainer = L.Trainer(
            accelerator="cpu",
            max_epochs=3,
            max_time={"seconds": 8} if case["time"] == "limited" else None,
            accumulate_grad_batches=int(case["accumulation"]),
            gradient_clip_val=None if manual else 0.5,
            precision="bf16-mixed" if case["precision"] == "bf16-mixed" else "32-true",
            callbacks=[*average, recorder],
            logger=Rowing(recorder),
            log_every_n_steps=2,
            num_sanity_val_steps=1,
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
            default_root_dir=folder,
            **validations[case["validation"]],
        )
        if case["precision"] == "16-mixed":  # which the trainer itself refuses on a CPU
            scaled = Precision("16-mixed", compute=torch.float16)
            trainer.settings = replace(trainer.settings, precision=scaled)
        if case["time"] == "limited":  # the Timer stands last, and a save comes after it
            trainer.callbacks.sort(key=lambda callback: callback is recorder)
        model = Model(case, clock)
        loader, validating = training_loader(case), validation_loader(case)
        trainer.fit(model, loader, validating, ckpt_path=ckpt_path)
        end_workers(loader)
        end_workers(validating)
        states = [optimizer.state_dict() for optimizer in trainer.optimizers]
        states += [config.scheduler.state_dict() for config in trainer.lr_scheduler_configs]
        states += [callback.state_dict() for callback in average]
    return Ended(recorder.trace, digest(model.state_dict()), digest(states))


# Saving and resuming


class Saved(NamedTuple):
    """A checkpoint of a run, and from where in the trace a run resumed from it goes on."""

    path: Path
    hook: str
    goes_on: int

    def __str__(self) -> str:
        return f"{self.hook} before entry {self.goes_on}"


def fit_and_save(case: Case, folder: Path, seed: int, every: int = 1) -> tuple[Ended, list[Saved]]:
    """A run that saves in every hook, or in every so many of them, from which a run can go on exactly."""
    saves: list[Saved] = []
    places = itertools.count(seed)

    def save(trainer: L.Trainer, hook: str, trace: Trace) -> None:
        goes_on = len(trace)
        if not trainer.sanity_checking and hook in REPEATED:
            goes_on = max(index for index, entry in enumerate(trace) if entry[0] == "on_validation_start")
        elif hook == "on_train_batch_start":
            goes_on -= 1  # the batch is taken again
            if not takes_batches_again(case):
                return
        over = trainer.current_epoch > 0 or hook == "on_train_epoch_end"
        if over and hook not in BEFORE and keeps_streams_in_workers(case):
            return
        if next(places) % every == 0:
            saves.append(Saved(folder / f"{len(saves)}.ckpt", hook, goes_on))
            trainer.save_checkpoint(saves[-1].path)

    return fit(case, folder, seed, Recorder(save)), saves


def keeps_streams_in_workers(case: Case) -> bool:
    """Do processes that outlive an epoch draw from streams that nobody outside can read?"""
    return "persistent" in case["workers"] and case["data"] != "plain"


def takes_batches_again(case: Case) -> bool:
    """Can a batch that was fetched be fetched again as it was?"""
    return case["data"] == "plain" or (case["data"] == "noisy" and case["workers"] != "0")


def check_resumed(case: Case, whole: Ended, saved: Saved, folder: Path, seed: int) -> None:
    """Resume from a save under another seed; all that follows is as in the run that was never stopped."""
    resumed = fit(case, folder, seed, Recorder(), saved.path)
    expected = whole._replace(trace=whole.trace[saved.goes_on :])
    assert resumed == expected, f"resumed from {saved}: {first_difference(resumed, expected)}"


def check_chain(case: Case, whole: Ended, saved: Saved, folder: Path, seed: int, part: float) -> int:
    """Resume from a save, save again when so great a part of the rest is done, and resume from that.

    Returns:
        How many runs were resumed.
    """
    second: list[Saved] = []
    least = part * (len(whole.trace) - saved.goes_on)
    latest = 1 if keeps_streams_in_workers(case) else 3  # epochs

    def save(trainer: L.Trainer, hook: str, trace: Trace) -> None:
        inside = hook in ("on_train_batch_end", "on_validation_end") and trainer.current_epoch < latest
        if not second and inside and len(trace) >= least:
            goes_on = saved.goes_on + len(trace)
            second.append(Saved(folder / "second.ckpt", f"{hook} of a run resumed from {saved}", goes_on))
            trainer.save_checkpoint(second[0].path)

    fit(case, folder, seed, Recorder(save), saved.path)
    for again in second:
        check_resumed(case, whole, again, folder, seed + 1)
    return 1 + len(second)


def first_difference(one: Ended, other: Ended) -> str:
    for index, (a, b) in enumerate(itertools.zip_longest(one.trace, other.trace)):
        if a != b:
            if a is None or b is None or len(a) != len(b):
                return f"entry {index} is {a}\n  instead of {b}"
            return f"entry {index} has {[x for x, y in zip(a, b, strict=True) if x != y]}\n  instead of {b}"
    names = ("weights", "states of optimizers, schedulers and callbacks")
    pairs = zip(names, one[1:], other[1:], strict=True)
    return "other " + " and ".join(name for name, a, b in pairs if a != b)


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--strength", type=int, default=2, help="dimensions of which all combinations occur")
    parser.add_argument("--first", type=int, default=0, help="number of the case to begin with")
    parser.add_argument("--count", type=int, help="of the cases to run from there; left out, all")
    given = parser.parse_args(arguments)
    torch.set_num_threads(1)
    cases, saved, resumed, start = covering(DIMENSIONS, given.strength, given.seed), 0, 0, time.monotonic()
    chosen = cases[given.first :][: given.count]
    for number, case in enumerate(chosen, given.first):
        print(f"{number + 1}/{len(cases)}", ", ".join(f"{name}: {value}" for name, value in case.items()), flush=True)
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            whole, saves = fit_and_save(case, folder, given.seed)
            untouched = fit(case, folder, given.seed, Recorder())
            assert untouched == whole, f"saving changed the run: {first_difference(whole, untouched)}"
            for index, save in enumerate(saves):
                check_resumed(case, whole, save, folder, given.seed + 1)
                resumed += 1
                if index % 4 == 0:
                    resumed += check_chain(case, whole, save, folder, given.seed + 1, index / len(saves))
            saved += len(saves)
            print(f"  so far {saved} saves, {resumed} resumed runs", flush=True)
    seconds = time.monotonic() - start
    print(f"{len(chosen)} runs, {saved} saves, {resumed} resumed runs, all alike, in {seconds:.0f} s")


if __name__ == "__main__":
    main()
