"""Settings: what the arguments of Trainer mean. Strings, None and "auto" end here; every cross-field rule is here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from math import inf
from numbers import Integral, Real
from os import PathLike
from pathlib import Path
from typing import Any, final

import torch

from leyden.core.duration import seconds_of
from leyden.core.plan import Plan
from leyden.core.warnings import warn
from leyden.errors import SettingsError
from leyden.loop.nonfinite import OnNonfinite
from leyden.runtime.clip import ClipAlgorithm
from leyden.runtime.device import resolve_devices
from leyden.runtime.precision import Precision, resolve_precision
from leyden.security.remote import Place, place_of
from leyden.strategies.accelerator import Accelerator
from leyden.strategies.choose import hardware_named, precision_plugin_in
from leyden.strategies.strategy import Strategy


@final
@dataclass(frozen=True)
class Settings:
    """The arguments of a Trainer, resolved and found to fit each other."""

    devices: tuple[torch.device, ...]  # of this machine, one for each process
    num_nodes: int
    precision: Precision
    max_epochs: float | None  # None: decided when fit begins
    min_epochs: int
    max_steps: float
    min_steps: int
    max_seconds: float  # kept by a Timer
    limit_train_batches: int | float  # an int is a count, a float a fraction, here and in the next three
    limit_val_batches: int | float
    limit_test_batches: int | float
    limit_predict_batches: int | float
    overfit_batches: int | float  # 0: off
    val_check_interval: int | float  # an int is a count of batches, a float a fraction of the epoch
    val_check_seconds: float  # of training between validations; inf: val_check_interval counts
    check_val_every_n_epoch: int | None
    num_sanity_val_steps: float
    reload_dataloaders_every_n_epochs: int  # 0: never
    log_every_n_steps: int
    accumulate_grad_batches: int
    gradient_clip_val: float
    gradient_clip_algorithm: (
        ClipAlgorithm | None
    )  # None: by norm, and the user's own clipping hook sees that it was not set
    inference_mode: bool
    detect_anomaly: bool
    on_nonfinite: OnNonfinite | None  # None: nobody looks
    deterministic: bool | str
    benchmark: bool | None
    enable_autolog_hparams: bool
    fast_dev_run: int  # batches of each loop; 0: an ordinary run
    barebones: bool  # nothing is logged
    profiler: str | None
    use_distributed_sampler: bool
    default_root_dir: Place

    @property
    def device(self) -> torch.device:
        """The device of this process."""
        return self.devices[0]

    def plan(self, training_batches: int | float, validates: bool) -> Plan:
        """When things happen in a fit whose epoch has so many batches.

        Raises:
            SettingsError: validation is asked for at a point that no epoch reaches.
        """
        return Plan(
            max_epochs=self.epochs,
            max_steps=self.max_steps,
            min_epochs=self.min_epochs,
            min_steps=self.min_steps,
            accumulate=self.accumulate_grad_batches,
            val_every=self._val_every(training_batches) if validates else 0,
            val_epochs=self.check_val_every_n_epoch,
            val_seconds=self.val_check_seconds,
            log_every=self.log_every_n_steps,
        )

    @property
    def epochs(self) -> float:
        """The limit of epochs of a fit: 1000, as in Lightning, where nothing else ends it."""
        if self.max_epochs is not None:
            return self.max_epochs
        return 1000 if self.max_steps == inf and self.max_seconds == inf else inf

    def accumulating(self, batches: int) -> Settings:
        """The same with another number of batches to an optimizer step."""
        return replace(self, accumulate_grad_batches=_count("accumulate_grad_batches", batches, least=1))

    def val_check_batch(self, training_batches: int | float) -> float:
        """Batches between two validations where an epoch has so many; inf where only its end can tell."""
        interval = self.val_check_interval
        if isinstance(interval, int):
            return interval
        if interval == 1.0 or training_batches == inf:
            return training_batches
        return max(1, int(training_batches * interval))

    def _val_every(self, training_batches: int | float) -> float:
        interval, across = self.val_check_interval, self.check_val_every_n_epoch is None
        if isinstance(interval, int) and interval > training_batches and not across:
            raise SettingsError(
                f"val_check_interval={interval}, but an epoch has {training_batches} batches, so validation would "
                f"never run. Use at most {training_batches}, or check_val_every_n_epoch=None to count "
                "batches across epochs."
            )
        if isinstance(interval, float) and interval < 1.0 and training_batches == inf:
            raise SettingsError(
                f"val_check_interval={interval} is a fraction of an epoch, but the training loader has no length. "
                "Give it a whole number of batches, or a time."
            )
        at_end = interval == 1.0 and isinstance(interval, float) and not across
        return inf if at_end or self.val_check_seconds < inf else self.val_check_batch(training_batches)


def resolve(
    *,
    accelerator: str | Accelerator,
    strategy: str | Strategy,
    devices: int | str | Sequence[int],
    num_nodes: int,
    precision: str | int | None,
    plugins: Any,
    profiler: Any,
    use_distributed_sampler: bool,
    fast_dev_run: int | bool,
    max_epochs: int | None,
    min_epochs: int | None,
    max_steps: int,
    min_steps: int | None,
    max_time: str | timedelta | Mapping[str, int] | None,
    limit_train_batches: int | float | None,
    limit_val_batches: int | float | None,
    limit_test_batches: int | float | None,
    limit_predict_batches: int | float | None,
    overfit_batches: int | float | None,
    val_check_interval: int | float | str | timedelta | Mapping[str, float] | None,
    check_val_every_n_epoch: int | None,
    num_sanity_val_steps: int | None,
    reload_dataloaders_every_n_epochs: int,
    log_every_n_steps: int | None,
    accumulate_grad_batches: int,
    gradient_clip_val: int | float | None,
    gradient_clip_algorithm: str | None,
    deterministic: bool | str | None,
    benchmark: bool | None,
    inference_mode: bool,
    detect_anomaly: bool,
    on_nonfinite: str | None,
    enable_autolog_hparams: bool,
    barebones: bool,
    default_root_dir: str | Path | None,
) -> Settings:
    """The settings of a Trainer's arguments, each under Lightning's name and with Lightning's meaning.

    Raises:
        SettingsError: a value has no meaning, or two values contradict each other.
    """
    short = int(fast_dev_run or 0) if isinstance(fast_dev_run, bool | None) else _count("fast_dev_run", fast_dev_run, 0)
    if short:
        # a short run of each loop, to find mistakes; it ends there, whatever the other limits say
        max_epochs, max_steps = 1, short
        limit_train_batches = limit_val_batches = limit_test_batches = limit_predict_batches = short
        num_sanity_val_steps, val_check_interval, check_val_every_n_epoch = 0, None, 1
    overfit = _limit("overfit_batches", 0 if overfit_batches is None else overfit_batches)
    if overfit:
        limit_train_batches = limit_val_batches = overfit
    seconds = inf
    if isinstance(val_check_interval, (str, timedelta, Mapping)):
        seconds, val_check_interval = seconds_of("val_check_interval", val_check_interval), None
    interval = _interval(1.0 if val_check_interval is None else val_check_interval)
    if check_val_every_n_epoch is None and val_check_interval is not None and not isinstance(interval, int):
        raise SettingsError(
            f"check_val_every_n_epoch=None counts batches across epochs, but val_check_interval={interval} is a "
            "fraction of one. Give val_check_interval a whole number of batches, or a time."
        )
    algorithm = _algorithm(gradient_clip_algorithm)
    hardware = hardware_named(accelerator, devices, strategy)
    found = resolve_devices(hardware.accelerator, hardware.devices, every=hardware.parallel)
    plugin = precision_plugin_in(plugins, strategy, precision)
    resolved = Settings(
        devices=found,
        num_nodes=_count("num_nodes", num_nodes, least=1),
        precision=resolve_precision(precision if plugin is None else plugin.precision, found[0]),
        max_epochs=None if max_epochs is None else limit_without_minus_one("max_epochs", max_epochs),
        # as in Lightning, a least number of steps implies one whole epoch
        min_epochs=_count("min_epochs", int(bool(min_steps)) if min_epochs is None else min_epochs, least=0),
        max_steps=limit_without_minus_one("max_steps", max_steps),
        min_steps=_count("min_steps", 0 if min_steps is None else min_steps, least=0),
        max_seconds=inf if max_time is None else seconds_of("max_time", max_time),
        limit_train_batches=_limit("limit_train_batches", limit_train_batches),
        limit_val_batches=_limit("limit_val_batches", limit_val_batches),
        limit_test_batches=_limit("limit_test_batches", limit_test_batches),
        limit_predict_batches=_limit("limit_predict_batches", limit_predict_batches),
        overfit_batches=overfit,
        val_check_interval=interval,
        val_check_seconds=seconds,
        check_val_every_n_epoch=(
            None
            if check_val_every_n_epoch is None
            else _count("check_val_every_n_epoch", check_val_every_n_epoch, least=1)
        ),
        num_sanity_val_steps=limit_without_minus_one(
            "num_sanity_val_steps", 2 if num_sanity_val_steps is None else num_sanity_val_steps
        ),
        reload_dataloaders_every_n_epochs=_count(
            "reload_dataloaders_every_n_epochs", reload_dataloaders_every_n_epochs, least=0
        ),
        log_every_n_steps=_count("log_every_n_steps", 50 if log_every_n_steps is None else log_every_n_steps, least=0),
        accumulate_grad_batches=_count("accumulate_grad_batches", accumulate_grad_batches, least=1),
        gradient_clip_val=_clip(gradient_clip_val),
        gradient_clip_algorithm=algorithm,
        inference_mode=flag("inference_mode", inference_mode),
        detect_anomaly=flag("detect_anomaly", detect_anomaly),
        on_nonfinite=_on_nonfinite(on_nonfinite),
        deterministic=_deterministic(deterministic),
        benchmark=None if benchmark is None else flag("benchmark", benchmark),
        enable_autolog_hparams=flag("enable_autolog_hparams", enable_autolog_hparams),
        fast_dev_run=short,
        barebones=barebones,
        profiler=_profiler(profiler),
        use_distributed_sampler=flag("use_distributed_sampler", use_distributed_sampler),
        default_root_dir=_directory(default_root_dir),
    )
    _check_limits(resolved)
    return resolved


# Arguments of Lightning's that this version knows and cannot serve: what leaves them alone, and what to do instead.
# Those that a Trainer takes, and follows in part, are in strategies.later.
UNAVAILABLE: Mapping[str, tuple[tuple[object, ...], str]] = {
    "model_registry": ((None,), "Leave it out: Leyden has no hosted registry."),
}


def refuse_unavailable(**arguments: object) -> None:
    """Stop where an argument asks for what this version cannot do.

    Raises:
        SettingsError: naming the argument and the way out.
    """
    for name, value in arguments.items():
        neutral, way_out = UNAVAILABLE[name]
        if value not in neutral:
            raise SettingsError(f"{name}={value!r} is not available in this version. {way_out}")


def refuse_in_barebones(**arguments: object) -> None:
    """Stop where ``barebones`` and an argument contradict each other: one takes away what the other asks for.

    Raises:
        SettingsError: naming the argument.
    """
    for name, value in arguments.items():
        if value not in (None, False, 0):
            raise SettingsError(f"barebones=True runs without what {name}={value!r} asks for. Drop one of the two.")


def _check_limits(s: Settings) -> None:
    short = s.fast_dev_run > 0
    if s.max_epochs is not None and s.min_epochs > s.max_epochs and not short:
        raise SettingsError(
            f"min_epochs={s.min_epochs} is more than max_epochs={s.max_epochs}. Lower one or raise the other."
        )
    if s.min_steps > s.max_steps and not short:
        raise SettingsError(
            f"min_steps={s.min_steps} is more than max_steps={s.max_steps}. Lower one or raise the other."
        )
    if s.deterministic and s.benchmark:
        raise SettingsError(
            "benchmark=True lets cuDNN choose other algorithms on each run, which deterministic=True "
            "rules out. Drop one of them."
        )


def warn_of_default_epochs(s: Settings) -> None:
    """Say once, when a fit begins, that nothing but Lightning's default of 1000 epochs will end it."""
    if s.max_epochs is None and s.epochs == 1000:
        warn(
            "neither max_epochs nor max_steps is set, so training ends after 1000 epochs. Set one of "
            "them; -1 means no limit."
        )


def _number(value: Any) -> int | float | None:
    """A number of Python's or numpy's as a plain one; None for everything else, and for bool and NaN."""
    if isinstance(value, bool):
        return None
    if isinstance(value, Integral):
        return int(value)
    return float(value) if isinstance(value, Real) and value == value else None


def _whole(value: Any) -> int | None:
    """A whole number, which may be spelled 1e4; None for everything else."""
    number = _number(value)
    return int(number) if number is not None and number % 1 == 0 else None


def _count(name: str, value: Any, least: int) -> int:
    count = _whole(value)
    if count is None or count < least:
        raise SettingsError(f"{name}={value!r} is not a whole number from {least}. Give it one.")
    return count


def limit_or_minus_one(limit: float) -> int:
    """A limit as Lightning spells it."""
    return -1 if limit == inf else int(limit)


def limit_without_minus_one(name: str, value: Any) -> float:
    """A count in which -1, or infinity, stands for no limit."""
    count = inf if _number(value) == inf else _whole(value)
    if count is None or count < -1:
        raise SettingsError(f"{name}={value!r} is not a whole number. Use one from 0, or -1 for no limit.")
    return inf if count == -1 else count


def _limit(name: str, value: Any) -> int | float:
    """A count of batches if it is an int or beyond 1.0, else a fraction."""
    limit = 1.0 if value is None else _number(value)
    if isinstance(limit, float) and limit > 1.0:
        limit = _whole(limit)
    if limit is None or limit < 0:
        raise SettingsError(
            f"{name}={value!r} is no limit. Use a whole number of batches, or a fraction from 0.0 to 1.0."
        )
    return limit


def _interval(value: Any) -> int | float:
    """A count of batches if it is an int or beyond 1.0, else a fraction."""
    interval = _number(value)
    if isinstance(interval, float) and interval > 1.0:
        interval = _whole(interval)
    if interval is None or interval < 0:
        raise SettingsError(
            f"val_check_interval={value!r} is no interval. Use a whole number of batches, a fraction of an epoch up to "
            "1.0, or a time such as '00:01:00:00' for an hour."
        )
    if interval == 0:
        raise SettingsError(
            f"val_check_interval={value!r} is no interval. Use 1 or more batches, or limit_val_batches=0 for "
            "no validation."
        )
    return interval


def _clip(value: Any) -> float:
    """A limit of gradients; nothing is clipped at 0 or below, as in Lightning."""
    limit = 0.0 if value is None else _number(value)
    if limit is None:
        raise SettingsError(f"gradient_clip_val={value!r} is no limit. Use a number above 0, or None not to clip.")
    return max(float(limit), 0.0)


def flag(name: str, value: Any) -> bool:
    """A switch; None is off, as in Lightning.

    Raises:
        SettingsError: it is something else, which would count as True whatever it says.
    """
    if value not in (None, False, True):
        raise SettingsError(f"{name}={value!r} is no switch. Use True or False.")
    return bool(value)


def _algorithm(value: Any) -> ClipAlgorithm | None:
    match value.lower() if isinstance(value, str) else value:
        case None:
            return None
        case "norm":
            return "norm"
        case "value":
            return "value"
        case _:
            raise SettingsError(f"gradient_clip_algorithm={value!r} is unknown. Use 'norm' or 'value'.")


def _profiler(value: Any) -> str | None:
    if value in (None, "simple", "advanced", "pytorch"):
        return None if value is None else str(value)
    raise SettingsError(f"profiler={value!r} is unknown. Use None, or torch.profiler around fit().")


def _deterministic(value: Any) -> bool | str:
    if value in (None, False, True, "warn"):
        return value or False
    raise SettingsError(f"deterministic={value!r} is unknown. Use True, False or 'warn'.")


def _directory(value: Any) -> Place:
    if not isinstance(value, str | PathLike | None):
        raise SettingsError(f"default_root_dir={value!r} is no path. Use a str or a pathlib.Path.")
    place = place_of(value or ".", expand=True)
    return place.absolute() if isinstance(place, Path) else place


def _on_nonfinite(value: Any) -> OnNonfinite | None:
    match value:
        case None | "raise" | "skip" | "rollback":
            return value
        case _:
            raise SettingsError(
                f"on_nonfinite={value!r} is unknown. Use 'raise' to end the run at a loss or a gradient that is not "
                "finite, 'skip' to leave the step out, 'rollback' to go back to earlier weights, or None to go on."
            )
