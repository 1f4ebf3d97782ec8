"""What a trainer computes with, where strategy, accelerator and precision may be objects that have to agree."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, NamedTuple

import torch

from leyden.core.described import described
from leyden.core.warnings import warn
from leyden.errors import SettingsError
from leyden.runtime.cluster import place_of_process
from leyden.runtime.device import Devices, resolve_devices
from leyden.strategies.accelerator import ACCELERATORS, Accelerator
from leyden.strategies.later import comes_later
from leyden.strategies.parallel import DDPStrategy, ParallelStrategy
from leyden.strategies.precision import PLUGINS, MixedPrecision, Precision
from leyden.strategies.strategy import SingleDeviceStrategy, Strategy

DDP: Final[Mapping[str, Mapping[str, Any]]] = {  # what each name of DDP stands for
    "ddp": {},
    "ddp_find_unused_parameters_false": {"find_unused_parameters": False},
    "ddp_find_unused_parameters_true": {"find_unused_parameters": True},
    "ddp_spawn": {"start_method": "spawn"},
    "ddp_spawn_find_unused_parameters_false": {"start_method": "spawn", "find_unused_parameters": False},
    "ddp_spawn_find_unused_parameters_true": {"start_method": "spawn", "find_unused_parameters": True},
    "ddp_fork": {"start_method": "fork"},
    "ddp_fork_find_unused_parameters_false": {"start_method": "fork", "find_unused_parameters": False},
    "ddp_fork_find_unused_parameters_true": {"start_method": "fork", "find_unused_parameters": True},
    "ddp_notebook": {"start_method": "fork"},
    "ddp_notebook_find_unused_parameters_false": {"start_method": "fork", "find_unused_parameters": False},
    "ddp_notebook_find_unused_parameters_true": {"start_method": "fork", "find_unused_parameters": True},
}
NAMES: Final = ("auto", "single_device", *DDP)


class Hardware(NamedTuple):
    """The arguments of a trainer about hardware, with what objects say filled in."""

    accelerator: Any
    devices: Devices
    strategy: str | Strategy  # a name is one of NAMES

    @property
    def parallel(self) -> bool:
        """Was a strategy for several processes asked for?"""
        return isinstance(self.strategy, ParallelStrategy) or self.strategy in DDP


def hardware_named(accelerator: Any, devices: Devices, strategy: Any) -> Hardware:
    """The arguments as text and numbers, filled in from a strategy that was given.

    Raises:
        SettingsError: the strategy is unknown, or a part is of a class of the program's own that a run would not call.
    """
    if isinstance(accelerator, Accelerator):
        if type(accelerator) not in ACCELERATORS.values():
            raise SettingsError(
                f"accelerator is {described(accelerator)}, but this version calls no accelerator of a program's own. "
                f"Use one of {', '.join(map(repr, ACCELERATORS))}."
            )
        accelerator = accelerator.name()
    match strategy:
        case str() if strategy.lower() in NAMES:
            return Hardware(accelerator, devices, strategy.lower())
        case ParallelStrategy(parallel_devices=given) | SingleDeviceStrategy(devices=given):
            pass
        case _:
            raise SettingsError(
                f"strategy={strategy!r} is not available in this version. Use 'auto', 'single_device', 'ddp' or one of "
                "its variants such as 'ddp_find_unused_parameters_true', a SingleDeviceStrategy or a DDPStrategy."
            )
    if isinstance(strategy, SingleDeviceStrategy) and type(strategy) is not SingleDeviceStrategy:
        raise comes_later("strategy", described(strategy))
    if strategy.checkpoint_io is not None:
        raise comes_later("strategy", f"a {type(strategy).__name__} with a checkpoint_io")
    if given and accelerator == "auto":
        accelerator = given[0].type
    if given and devices == "auto" and accelerator == given[0].type:
        devices = len(given) if accelerator == "cpu" else [device.index or 0 for device in given]
    if strategy.accelerator is not None and accelerator == "auto":
        accelerator = strategy.accelerator.name()
    return Hardware(accelerator, devices, strategy)


def hardware_for(accelerator: Any, devices: Devices, num_nodes: int, strategy: Any) -> Strategy:
    """The strategy that these arguments of a trainer come to, with its accelerator and devices.

    Raises:
        SettingsError: they do not agree, or name what is not there.
    """
    named = hardware_named(accelerator, devices, strategy)
    found = resolve_devices(named.accelerator, named.devices, every=named.parallel)
    return strategy_for(named.strategy, accelerator, found, num_nodes)


def strategy_for(
    strategy: str | Strategy, accelerator: Any, devices: Sequence[torch.device], num_nodes: int
) -> Strategy:
    """The strategy of a run on these devices of so many machines: the one that was given, or one for them.

    Raises:
        SettingsError: the strategy that was given computes elsewhere.
    """
    kind = accelerator if isinstance(accelerator, Accelerator) else ACCELERATORS[devices[0].type]()
    processes = len(devices) * num_nodes
    if isinstance(strategy, str):
        strategy = strategy.lower()
    if strategy == "auto":
        strategy = "ddp" if processes > 1 else "single_device"
    if isinstance(strategy, str):
        strategy = DDPStrategy(**DDP[strategy]) if strategy in DDP else SingleDeviceStrategy(devices[0])
    if isinstance(strategy, SingleDeviceStrategy) and processes > 1:
        raise SettingsError(
            f"a SingleDeviceStrategy has one process, but devices and num_nodes ask for {processes}. Use devices=1 and "
            "num_nodes=1, or another strategy."
        )
    given = strategy.parallel_devices if isinstance(strategy, ParallelStrategy) else strategy.devices
    if given and [(d.type, d.index or 0) for d in given] != [(d.type, d.index or 0) for d in devices]:
        raise SettingsError(
            f"strategy={type(strategy).__name__}({', '.join(map(str, given))}), but accelerator and devices ask for "
            f"{', '.join(map(str, devices))}. Leave out one of the two."
        )
    strategy.num_nodes = num_nodes
    if isinstance(strategy, ParallelStrategy):
        strategy.parallel_devices = [*devices]
        place = place_of_process(len(devices))
        if place.local_rank >= len(devices) or place.node_rank >= num_nodes or place.rank >= processes:
            raise SettingsError(
                f"the launcher of this process calls it {place.rank}, {place.local_rank} on machine {place.node_rank}, "
                f"but devices and num_nodes make {len(devices)} on each of {num_nodes}. Launch as many as they ask for."
            )
        strategy.global_rank, strategy.local_rank, strategy.node_rank = place.rank, place.local_rank, place.node_rank
    strategy.accelerator = strategy.accelerator or kind
    if strategy.accelerator.name() != devices[0].type:
        raise SettingsError(
            f"strategy has a {type(strategy.accelerator).__name__}, but accelerator and devices ask for {devices[0]}. "
            "Leave out one of the two."
        )
    return strategy


def precision_plugin_in(plugins: Any, strategy: Any, precision: Any) -> Precision | None:
    """The precision that was given as an object, in ``plugins`` or by the strategy.

    Raises:
        SettingsError: there are two, or a plugin that a run would not call.
    """
    given = [] if plugins is None else [*plugins] if isinstance(plugins, Iterable) else [plugins]
    if isinstance(strategy, Strategy) and strategy.given_precision is not None:
        given.append(strategy.given_precision)
    for plugin in given:
        if type(plugin) not in PLUGINS:
            raise comes_later("plugins", described(plugin))
        if isinstance(plugin, MixedPrecision) and plugin.given_scaler is not None:
            raise comes_later("plugins", "a MixedPrecision with a scaler of its own")
    if len(given) + (precision is not None) > 1:
        raise SettingsError(
            f"precision={precision!r}, and plugins and strategy hold {len(given)} precision "
            f"plugin{'s' * (len(given) > 1)}. Set the precision once."
        )
    return given[0] if given else None


def check_can_run(strategy: Strategy, profiler: str | None, use_distributed_sampler: bool) -> None:
    """Stop a run that would need what comes later: several processes, or calls of a strategy of the program's own.

    Raises:
        SettingsError: naming the argument and the way out.
    """
    if profiler is not None:
        raise comes_later("profiler", repr(profiler))
    if not isinstance(strategy, ParallelStrategy):
        return
    if strategy.num_nodes > 1:
        raise comes_later("num_nodes", str(strategy.num_nodes))
    if strategy.num_processes > 1:
        raise comes_later("devices", str(strategy.num_processes))
    launched = place_of_process(1).processes
    if launched is not None and launched > 1:
        raise comes_later("devices", f"1 in each of {launched} processes of one job")
    if type(strategy) is not DDPStrategy:
        raise comes_later("strategy", described(strategy))
    if strategy.ddp_comm_hook is not None or strategy.model_averaging_period is not None:
        raise comes_later("strategy", "a DDPStrategy with ddp_comm_hook or model_averaging_period")
    if strategy.cluster_environment is not None:
        raise comes_later("strategy", f"a DDPStrategy in {described(strategy.cluster_environment)}")
    if use_distributed_sampler:
        warn(
            "a strategy for several processes runs as one here, and batches come in the loaders' own order, without a "
            "DistributedSampler. Pass use_distributed_sampler=False to say that this is meant."
        )
