"""What programs ask a trainer's strategy."""

from __future__ import annotations

from datetime import timedelta

import pytest
import torch

from leyden.compat.boring import BoringModel
from leyden.errors import DetachedError, SettingsError
from leyden.strategies import CPUAccelerator, DDPStrategy, DoublePrecision, SingleDeviceStrategy, Strategy
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


def test_a_trainer_refuses_a_strategy_that_it_would_not_call():
    with pytest.raises(SettingsError, match=r"strategy is a Mine, but .* Use strategy='auto'"):
        Trainer(strategy=Mine(), **QUIET)


def test_a_strategy_for_several_devices_can_be_configured():
    strategy = DDPStrategy(
        process_group_backend="gloo", timeout=timedelta(minutes=1), start_method="spawn", static_graph=True
    )
    assert (strategy.process_group_backend, strategy.timeout, strategy.start_method) == (
        "gloo",
        timedelta(minutes=1),
        "spawn",
    )
    assert strategy.ddp_kwargs == {"static_graph": True}


def test_before_a_trainer_has_it_a_strategy_has_no_devices():
    strategy = DDPStrategy()
    assert (strategy.num_processes, strategy.world_size) == (0, 0)
    with pytest.raises(DetachedError, match="DDPStrategy has no devices yet"):
        assert strategy.root_device


def test_a_strategy_shows_the_precision_of_its_trainer():
    trainer = Trainer(accelerator="cpu", precision="64-true", **QUIET)
    assert isinstance(trainer.strategy.precision_plugin, DoublePrecision)


def test_a_strategy_computes_gradients_with_the_hooks_around_it():
    heard = []

    class Model(BoringModel):
        automatic_optimization = False

        def training_step(self, batch, batch_idx):
            loss = self.step(batch)
            assert self.trainer.strategy.backward(loss, self.optimizers()) is loss
            heard.append(self.layer.weight.grad is not None)

        def on_before_backward(self, loss):
            heard.append("before")

        def on_after_backward(self):
            heard.append("after")

    Trainer(fast_dev_run=True, accelerator="cpu", **QUIET).fit(Model())
    assert heard == ["before", "after", True]
    with pytest.raises(DetachedError, match="running fit"):
        SingleDeviceStrategy().backward(torch.ones((), requires_grad=True))


def test_a_strategy_writes_reads_and_removes_checkpoints(tmp_path):
    strategy, path = SingleDeviceStrategy(), tmp_path / "one.ckpt"
    strategy.save_checkpoint({"state_dict": {"weight": torch.ones(2)}, "epoch": 3}, path)
    read = strategy.load_checkpoint(path)
    assert read["epoch"] == 3
    assert torch.equal(read["state_dict"]["weight"], torch.ones(2))
    strategy.remove_checkpoint(path)
    strategy.remove_checkpoint(path)
    assert not path.exists()


def test_a_strategy_makes_its_device_ready_and_leaves_it():
    strategy = SingleDeviceStrategy("meta", CPUAccelerator())
    with pytest.raises(SettingsError, match="of type 'cpu'"):
        strategy.setup_environment()
    SingleDeviceStrategy("meta").setup_environment()
    strategy = SingleDeviceStrategy("cpu", CPUAccelerator())
    strategy.setup_environment()
    strategy.teardown()
    strategy.connect(BoringModel())
    strategy.teardown()
    assert strategy.model.layer.weight.device.type == "cpu"
    loader = [1]
    assert strategy.process_dataloader(loader) is loader
