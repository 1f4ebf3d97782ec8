"""Trainers for several processes, built and not run: what they tell of strategy, devices, ranks and precision."""

from __future__ import annotations

from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

import torch
from tests.parity import toolkit as kit

ONE_OR_SEVERAL = "Lightning drops the other devices without a word"
DIFFERS = {
    "single_device, 2": ONE_OR_SEVERAL,
    "single, 2": ONE_OR_SEVERAL,
    "single, 2 nodes": ONE_OR_SEVERAL,
    "DDPStrategy of 2.connector": "Leyden counts the devices of the strategy",
    "True nodes": "a switch is no number",
    "profiler 3": "Lightning finds out when it runs",
}


def program(L: Any, out: Path) -> dict[str, Any]:
    strategies = import_module(f"{L.__name__}.strategies")
    plugins = strategies if L.__name__ == "leyden" else import_module(f"{L.__name__}.plugins")
    single, ddp = strategies.SingleDeviceStrategy, strategies.DDPStrategy
    cpu = torch.device("cpu")
    cases: dict[str, dict[str, Any]] = {
        "nothing": {},
        **{f"ddp as {name}": {"strategy": name} for name in ("ddp", "DDP", "ddp_spawn", "ddp_fork", "ddp_notebook")},
        "ddp with unused": {"strategy": "ddp_find_unused_parameters_true"},
        "ddp_spawn without unused": {"strategy": "ddp_spawn_find_unused_parameters_false"},
        "ddp, 2": {"strategy": "ddp", "devices": 2},
        "2": {"devices": 2},
        "'2'": {"devices": "2"},
        "2 nodes": {"num_nodes": 2},
        "ddp, 2 nodes of 3": {"strategy": "ddp", "devices": 3, "num_nodes": 2},
        "DDPStrategy, 2": {"strategy": ddp(find_unused_parameters=True, start_method="fork"), "devices": 2},
        "DDPStrategy of 2": {"strategy": ddp(parallel_devices=[cpu, cpu]), "devices": "auto"},
        "gloo": {"strategy": ddp(process_group_backend="gloo"), "devices": 2},
        "single": {"strategy": single("cpu")},
        "single_device, 2": {"strategy": "single_device", "devices": 2},
        "single, 2": {"strategy": single("cpu"), "devices": 2},
        "single, 2 nodes": {"strategy": single("cpu"), "num_nodes": 2},
        **{f"{nodes} nodes": {"num_nodes": nodes} for nodes in (0, -1, 1.5, "2", None, True)},
        **{f"{devices!r} devices": {"devices": devices} for devices in (0, -1, "-1", [0, 1], [1], "0,1", None, 1.5)},
        **{f"strategy {name}": {"strategy": name} for name in ("dp", "other", "", None, 3, "hpu")},
        "half in ddp": {"precision": "16-mixed", "strategy": "ddp", "devices": 2},
        "no plugins": {"plugins": []},
        "double as plugin": {"plugins": plugins.DoublePrecision()},
        "half as plugin": {"plugins": [plugins.HalfPrecision("bf16-true")]},
        "mixed as plugin": {"plugins": plugins.MixedPrecision("bf16-mixed", "cpu")},
        "double of a strategy": {"strategy": ddp(precision_plugin=plugins.DoublePrecision())},
        "precision twice": {"plugins": plugins.DoublePrecision(), "precision": 64},
        "plugin twice": {"plugins": [plugins.DoublePrecision(), plugins.DoublePrecision()]},
        "plugin of both": {
            "plugins": plugins.DoublePrecision(),
            "strategy": ddp(precision_plugin=plugins.DoublePrecision()),
        },
        **{f"plugin {plugin!r}": {"plugins": plugin} for plugin in ("other", 3, ["other"])},
        **{f"profiler {name}": {"profiler": name} for name in ("other", 3)},
    }

    def told(settings: dict[str, Any]) -> dict[str, Any]:
        trainer = kit.trainer(L, out, **settings)
        strategy, connector = trainer.strategy, trainer._accelerator_connector
        names = ("num_devices", "device_ids", "world_size", "num_nodes", "global_rank", "local_rank", "node_rank")
        names += ("is_global_zero", "precision", "distributed_sampler_kwargs")
        parallel = isinstance(strategy, strategies.ParallelStrategy)
        more = ("parallel_devices", "num_processes", "process_group_backend") if parallel else ()
        asked = ("root_device", "is_global_zero", "world_size", "global_rank", "local_rank")
        asked += ("lightning_restore_optimizer", "restore_checkpoint_after_setup", "handles_gradient_accumulation")
        return {name: getattr(trainer, name) for name in names} | {
            "strategy": type(strategy).__name__,
            "accelerator": type(trainer.accelerator).__name__,
            "plugin": type(trainer.precision_plugin).__name__,
            "same plugin": strategy.precision_plugin is trainer.precision_plugin,
            "of the strategy": {name: str(getattr(strategy, name)) for name in (*asked, *more)},
            "alone so far": [strategy.barrier(), strategy.reduce(torch.tensor(2.0)), strategy.broadcast(3)],
            "connector": [connector._accelerator_flag, connector._devices_flag, connector.is_distributed],
        }

    return {name: kit.attempt(partial(told, settings)) for name, settings in cases.items()}
