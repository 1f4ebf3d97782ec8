"""Strategy, accelerator and precision as objects, whether they agree, and what a run can do with them."""

from __future__ import annotations

import pytest
import torch

from leyden.compat.boring import BoringModel
from leyden.core.warnings import LeydenWarning
from leyden.errors import SettingsError
from leyden.strategies import (
    CPUAccelerator,
    CUDAAccelerator,
    DDPStrategy,
    DoublePrecision,
    HalfPrecision,
    MixedPrecision,
    SingleDeviceStrategy,
    Strategy,
)
from leyden.strategies.choose import DDP, hardware_for, hardware_named, strategy_for
from leyden.strategies.later import LATER
from leyden.trainer import Trainer

QUIET = dict.fromkeys(("logger", "enable_checkpointing", "enable_progress_bar", "enable_model_summary"), False)
CPU = torch.device("cpu")


@pytest.mark.parametrize(
    ("accelerator", "devices", "strategy", "named"),
    [
        ("auto", "auto", "auto", ("auto", "auto")),
        (CPUAccelerator(), 1, "auto", ("cpu", 1)),
        (CUDAAccelerator(), [1], "auto", ("cuda", [1])),
        ("auto", "auto", SingleDeviceStrategy("cuda:1"), ("cuda", [1])),
        ("cuda", "auto", SingleDeviceStrategy("cuda:1"), ("cuda", [1])),
        ("auto", 1, SingleDeviceStrategy("cpu"), ("cpu", 1)),
        ("cpu", "auto", SingleDeviceStrategy("cuda:1"), ("cpu", "auto")),
        ("auto", "auto", DDPStrategy(), ("auto", "auto")),
        ("auto", "auto", DDPStrategy(CUDAAccelerator()), ("cuda", "auto")),
        ("auto", "auto", DDPStrategy(parallel_devices=[CPU] * 2), ("cpu", 2)),
        ("auto", "auto", DDPStrategy(parallel_devices=[torch.device("cuda", i) for i in (0, 2)]), ("cuda", [0, 2])),
    ],
)
def test_what_is_left_open_is_filled_in_from_the_strategy(accelerator, devices, strategy, named):
    assert hardware_named(accelerator, devices, strategy)[:2] == named


def test_the_objects_given_are_the_ones_shown():
    accelerator, strategy = CPUAccelerator(), SingleDeviceStrategy("cpu")
    trainer = Trainer(accelerator=accelerator, strategy=strategy, **QUIET)
    assert trainer.strategy is strategy
    assert trainer.accelerator is strategy.accelerator is accelerator


def test_a_strategy_that_computes_elsewhere_is_refused():
    for device in ("meta", "cuda:0"):
        with pytest.raises(SettingsError, match=rf"SingleDeviceStrategy\({device}\), but .* ask for cpu"):
            Trainer(accelerator="cpu", strategy=SingleDeviceStrategy(device), **QUIET)
    assert strategy_for(SingleDeviceStrategy("cuda"), "gpu", [torch.device("cuda:0")], 1).root_device.type == "cuda"


class Mine(CPUAccelerator):
    def setup_device(self, device):
        raise AssertionError("never called")


def test_an_accelerator_that_would_not_be_called_is_refused():
    with pytest.raises(SettingsError, match="no accelerator of a program's own"):
        Trainer(accelerator=Mine(), **QUIET)


@pytest.mark.parametrize("accelerator", [CPUAccelerator, "tpu", None, 3], ids=str)
def test_what_is_no_accelerator_is_refused(accelerator):
    with pytest.raises(ValueError, match="accelerator="):
        Trainer(accelerator=accelerator, **QUIET)


# Several processes


@pytest.fixture
def four_gpus(monkeypatch):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 4)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)


@pytest.mark.parametrize(
    ("arguments", "strategy", "accelerator", "ids", "world_size"),
    [
        ({"strategy": "auto"}, SingleDeviceStrategy, CPUAccelerator, [0], 1),
        ({"strategy": "single_device"}, SingleDeviceStrategy, CPUAccelerator, [0], 1),
        ({"strategy": "ddp"}, DDPStrategy, CPUAccelerator, [0], 1),
        ({"strategy": "DDP_spawn"}, DDPStrategy, CPUAccelerator, [0], 1),
        ({"devices": 2}, DDPStrategy, CPUAccelerator, [0, 1], 2),
        ({"num_nodes": 3}, DDPStrategy, CPUAccelerator, [0], 3),
        ({"strategy": DDPStrategy(), "devices": "2", "num_nodes": 2}, DDPStrategy, CPUAccelerator, [0, 1], 4),
        ({"strategy": DDPStrategy(parallel_devices=[CPU] * 3)}, DDPStrategy, CPUAccelerator, [0, 1, 2], 3),
    ],
)
def test_a_trainer_tells_of_the_processes_that_it_was_built_for(arguments, strategy, accelerator, ids, world_size):
    trainer = Trainer(accelerator="cpu", **arguments, **QUIET)
    assert type(trainer.strategy) is strategy
    assert type(trainer.accelerator) is accelerator
    assert (trainer.device_ids, trainer.num_devices, trainer.world_size) == (ids, len(ids), world_size)
    assert trainer.num_nodes == arguments.get("num_nodes", 1)
    assert (trainer.global_rank, trainer.local_rank, trainer.node_rank, trainer.is_global_zero) == (0, 0, 0, True)
    assert trainer.root_device == CPU
    sampled = None if strategy is SingleDeviceStrategy else {"num_replicas": world_size, "rank": 0}
    assert trainer.distributed_sampler_kwargs == sampled


@pytest.mark.usefixtures("four_gpus")
@pytest.mark.parametrize(
    ("arguments", "strategy", "ids"),
    [
        ({"devices": 1}, SingleDeviceStrategy, [0]),
        ({"devices": "auto"}, SingleDeviceStrategy, [0]),
        ({"devices": [2]}, SingleDeviceStrategy, [2]),
        ({"devices": 2}, DDPStrategy, [0, 1]),
        ({"devices": "0, 2"}, DDPStrategy, [0, 2]),
        ({"devices": -1}, DDPStrategy, [0, 1, 2, 3]),
        ({"devices": "auto", "strategy": "ddp"}, DDPStrategy, [0, 1, 2, 3]),
        ({"devices": 1, "strategy": "ddp"}, DDPStrategy, [0]),
    ],
)
def test_gpus_are_shown_by_their_numbers(arguments, strategy, ids):
    trainer = Trainer(accelerator="gpu", **arguments, **QUIET)
    assert type(trainer.strategy) is strategy
    assert trainer.device_ids == ids
    assert trainer.strategy.root_device == torch.device("cuda", ids[0])
    assert [*trainer.strategy.devices] == [torch.device("cuda", index) for index in ids]


@pytest.mark.parametrize("name", DDP)
def test_each_name_of_ddp_stands_for_its_arguments(name):
    strategy = hardware_for("cpu", 2, 1, name)
    unused = {"_true": {"find_unused_parameters": True}, "_false": {"find_unused_parameters": False}}
    assert strategy.ddp_kwargs == next((value for end, value in unused.items() if name.endswith(end)), {})
    started = {"ddp_spawn": "spawn", "ddp_fork": "fork", "ddp_notebook": "fork"}
    assert strategy.start_method == next((how for start, how in started.items() if name.startswith(start)), "popen")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"strategy": "single_device", "devices": 2}, "has one process, but .* ask for 2"),
        ({"strategy": SingleDeviceStrategy(), "num_nodes": 2}, "has one process, but .* ask for 2"),
        ({"strategy": DDPStrategy(parallel_devices=[CPU]), "devices": 2}, r"DDPStrategy\(cpu\), but .* cpu, cpu"),
        ({"strategy": DDPStrategy(CUDAAccelerator())}, "strategy has a CUDAAccelerator, but .* ask for cpu"),
        ({"strategy": DDPStrategy(checkpoint_io=object())}, "strategy is a DDPStrategy with a checkpoint_io"),
        ({"plugins": [object()]}, "plugins is an object"),
        ({"plugins": MixedPrecision("16-mixed", "cpu", torch.amp.GradScaler("cpu"))}, "a scaler of its own"),
        ({"plugins": DoublePrecision(), "precision": 64}, "precision=64, and .* hold 1 precision plugin. Set"),
        ({"plugins": [DoublePrecision(), HalfPrecision()]}, "hold 2 precision plugins. Set the precision once"),
    ],
)
def test_what_does_not_agree_is_found_when_the_trainer_is_built(arguments, words):
    with pytest.raises(SettingsError, match=words):
        Trainer(accelerator="cpu", **arguments, **QUIET)


@pytest.mark.parametrize("plugin", [DoublePrecision(), HalfPrecision("bf16-true"), MixedPrecision("bf16-mixed", "cpu")])
def test_a_precision_plugin_sets_the_precision(plugin):
    for arguments in ({"plugins": plugin}, {"plugins": [plugin]}, {"strategy": DDPStrategy(precision_plugin=plugin)}):
        trainer = Trainer(accelerator="cpu", **arguments, **QUIET)
        assert trainer.precision == plugin.precision
        assert trainer.precision_plugin is trainer.strategy.precision_plugin is plugin


class OwnDDP(DDPStrategy):
    def configure_ddp(self):
        raise AssertionError("never called")


@pytest.mark.parametrize(
    ("arguments", "argument"),
    [
        ({"devices": 2}, "devices is 2, but"),
        ({"num_nodes": 2, "strategy": "ddp"}, "num_nodes is 2, but"),
        ({"strategy": OwnDDP()}, "strategy is an OwnDDP, but"),
        ({"strategy": DDPStrategy(ddp_comm_hook=print)}, "strategy is a DDPStrategy with ddp_comm_hook"),
        ({"strategy": DDPStrategy(cluster_environment=object())}, "strategy is a DDPStrategy in an object, but"),
        ({"profiler": "simple"}, "profiler is 'simple', but"),
    ],
)
def test_what_needs_more_than_one_process_is_refused_by_each_run(arguments, argument):
    trainer, model = Trainer(accelerator="cpu", **arguments, **QUIET), BoringModel()
    for run in (trainer.fit, trainer.validate, trainer.test, trainer.predict):
        with pytest.raises(SettingsError) as caught:
            run(model)
        assert str(caught.value).startswith(argument)
        assert str(caught.value).endswith(LATER[argument.split()[0]][1])


def test_one_of_several_processes_of_torchrun_is_not_run_as_if_it_were_alone(monkeypatch):
    monkeypatch.setenv("TORCHELASTIC_RUN_ID", "one")
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(SettingsError, match="in each of 2 processes of one job"):
        Trainer(accelerator="cpu", strategy="ddp", **QUIET).fit(BoringModel())


def test_a_strategy_for_several_processes_tells_which_of_them_this_is(monkeypatch):
    monkeypatch.setenv("NODE_RANK", "1")
    monkeypatch.setenv("LOCAL_RANK", "1")
    trainer = Trainer(accelerator="cpu", devices=2, num_nodes=2, **QUIET)
    assert (trainer.global_rank, trainer.local_rank, trainer.node_rank) == (3, 1, 1)
    assert not trainer.is_global_zero
    assert trainer.distributed_sampler_kwargs == {"num_replicas": 4, "rank": 3}
    alone = Trainer(accelerator="cpu", **QUIET)
    assert (alone.global_rank, alone.local_rank, alone.node_rank, alone.is_global_zero) == (0, 0, 0, True)


@pytest.mark.parametrize(
    ("variable", "words"), [("LOCAL_RANK", "calls it 2, 2 on machine 0"), ("NODE_RANK", "calls it 4, 0 on machine 2")]
)
def test_a_process_too_many_is_found_when_the_trainer_is_built(monkeypatch, variable, words):
    monkeypatch.setenv(variable, "2")
    with pytest.raises(SettingsError, match=f"{words}, but devices and num_nodes make 2 on each of 2"):
        Trainer(accelerator="cpu", devices=2, num_nodes=2, **QUIET)


def test_one_process_of_a_strategy_for_several_runs_and_says_whose_order_the_batches_have():
    with pytest.warns(LeydenWarning, match="use_distributed_sampler=False"):
        Trainer(accelerator="cpu", strategy="ddp", fast_dev_run=True, **QUIET).fit(BoringModel())


def test_one_process_of_ddp_trains_as_a_single_device_does():
    weights = []
    for strategy in ("ddp", DDPStrategy(find_unused_parameters=True, gradient_as_bucket_view=True), "auto"):
        torch.manual_seed(3)
        model = BoringModel()
        trainer = Trainer(accelerator="cpu", strategy=strategy, use_distributed_sampler=False, fast_dev_run=2, **QUIET)
        trainer.fit(model)
        assert trainer.strategy.model is model
        weights.append(model.layer.weight)
    assert torch.equal(weights[0], weights[2])
    assert torch.equal(weights[1], weights[2])


class Skips(BoringModel):
    def training_step(self, batch, batch_idx):
        return None


def test_a_batch_is_not_skipped_where_other_processes_would_wait():
    trainer = Trainer(accelerator="cpu", fast_dev_run=True, **QUIET)
    trainer.strategy.world_size = 2
    with pytest.raises(RuntimeError, match="returned None in one of 2 processes"):
        trainer.fit(Skips())


class Bare(Strategy):
    devices = (CPU,)
    root_device = CPU
    world_size = 1


@pytest.mark.parametrize("strategy", [Bare(), CPUAccelerator(), DDPStrategy])
def test_what_is_no_strategy_of_leydens_is_refused(strategy):
    with pytest.raises(SettingsError, match=r"strategy=.* is not available in this version. Use 'auto'"):
        Trainer(strategy=strategy, **QUIET)
