"""What programs ask a trainer's strategy."""

from __future__ import annotations

import pytest
import torch

from leyden.compat.boring import BoringModel
from leyden.errors import SettingsError, UsageError
from leyden.strategies import CPUAccelerator, DDPStrategy, SingleDeviceStrategy, Strategy
from leyden.trainer import Trainer

QUIET = {"logger": False, "enable_checkpointing": False, "enable_progress_bar": False, "enable_model_summary": False}


def test_one_process_agrees_with_itself():
    strategy = SingleDeviceStrategy("cpu")
    value = torch.tensor(3.0)
    assert strategy.reduce(value) is strategy.broadcast(value) is strategy.all_gather(value) is value
    assert strategy.reduce_boolean_decision(True)
    assert not strategy.reduce_boolean_decision(False)
    assert strategy.barrier() is None
    assert (strategy.is_global_zero, strategy.global_rank, strategy.world_size) == (True, 0, 1)


def test_a_module_and_a_batch_move_to_its_device():
    strategy = SingleDeviceStrategy("meta")
    strategy.model_to_device()
    strategy.connect(BoringModel())
    strategy.model_to_device()
    assert strategy.model.layer.weight.device.type == "meta"
    assert strategy.batch_to_device([torch.ones(1)])[0].device.type == "meta"
    assert strategy.batch_to_device(torch.ones(1), torch.device("cpu")).device.type == "cpu"


def test_a_trainer_has_the_strategy_of_its_device():
    trainer = Trainer(accelerator="cpu", **QUIET)
    assert isinstance(trainer.strategy, SingleDeviceStrategy)
    assert isinstance(trainer.accelerator, CPUAccelerator)
    assert trainer.strategy.root_device == torch.device("cpu")
    assert trainer.strategy.model is None
    assert trainer.strategy.lightning_module_state_dict() == {}


def test_the_strategy_shows_the_module_and_optimizers_of_the_run():
    seen = []

    class Model(BoringModel):
        def on_train_start(self):
            strategy = self.trainer.strategy
            seen.append((strategy.model is self, strategy.optimizers[0] is self.trainer.optimizers[0]))

    model = Model()
    trainer = Trainer(fast_dev_run=True, accelerator="cpu", **QUIET)
    trainer.fit(model)
    assert seen == [(True, True)]
    assert list(trainer.strategy.lightning_module_state_dict()) == ["layer.weight", "layer.bias"]


def test_a_trainer_takes_hardware_as_objects():
    assert Trainer(accelerator=CPUAccelerator(), **QUIET).strategy.root_device.type == "cpu"
    strategy = SingleDeviceStrategy("cpu")
    assert Trainer(strategy=strategy, **QUIET).strategy is strategy


def test_the_strategy_hears_of_an_exception(monkeypatch):
    class Model(BoringModel):
        def on_fit_start(self):
            raise KeyError("mine")

    heard = []
    monkeypatch.setattr(Strategy, "on_exception", lambda self, exception: heard.append(exception))
    with pytest.raises(KeyError, match="mine") as caught:
        Trainer(fast_dev_run=True, **QUIET).fit(Model())
    assert heard == [caught.value]


class Mine(SingleDeviceStrategy):
    pass


@pytest.mark.parametrize("strategy", ["ddp", DDPStrategy(find_unused_parameters=True), Mine()])
def test_a_trainer_refuses_what_it_would_not_do(strategy):
    with pytest.raises(SettingsError, match="strategy=.*not available"):
        Trainer(strategy=strategy, **QUIET)


def test_a_strategy_for_several_devices_can_be_configured():
    strategy = DDPStrategy(process_group_backend="gloo", static_graph=True)
    assert (strategy.process_group_backend, strategy.ddp_kwargs) == ("gloo", {"static_graph": True})
    with pytest.raises(UsageError, match="does not run yet"):
        strategy.barrier()
