from __future__ import annotations

from typing import Any

import pytest
import torch
from tests.callbacks.scripted import Scripted, batches

import leyden as L
from leyden.callbacks.gradient_accumulation_scheduler import GradientAccumulationScheduler
from leyden.core.warnings import LeydenWarning
from leyden.errors import ModuleError, SettingsError


class Steps(L.Callback):
    """Notes the optimizer steps after each batch, by epoch; ``change`` sets another number after a batch."""

    def __init__(self, change: tuple[int, int, int] | None = None) -> None:
        self.taken: list[list[int]] = []
        self.change = change

    def on_train_epoch_start(self, trainer, pl_module):
        self.taken.append([])

    def on_train_batch_end(self, trainer, pl_module, outputs, batch, batch_idx):
        self.taken[-1].append(trainer.global_step)
        if self.change is not None and self.change[:2] == (trainer.current_epoch, batch_idx):
            trainer.accumulate_grad_batches = self.change[2]


def trainer(*callbacks: L.Callback, **settings: Any) -> L.Trainer:
    quiet = {"logger": False, "enable_checkpointing": False, "enable_progress_bar": False, "max_epochs": 3}
    quiet["limit_val_batches"] = 0
    return L.Trainer(accelerator="cpu", enable_model_summary=False, callbacks=list(callbacks), **(quiet | settings))


def test_windows_change_at_the_start_of_their_epoch():
    steps = Steps()
    trainer(GradientAccumulationScheduler({1: 2, 2: 3}), steps).fit(Scripted(), batches(5))
    assert steps.taken == [[1, 2, 3, 4, 5], [5, 6, 6, 7, 8], [8, 8, 9, 9, 10]]


def test_the_trainer_tells_the_number_that_counts():
    run = trainer(GradientAccumulationScheduler({0: 4}), max_epochs=1)
    assert run.accumulate_grad_batches == 1
    run.fit(Scripted(), batches(4))
    assert run.accumulate_grad_batches == 4
    assert run.estimated_stepping_batches == 1


def test_the_loss_of_a_window_is_divided_by_its_batches():
    losses = []

    class Loss(L.Callback):
        def on_before_backward(self, trainer, pl_module, loss):
            losses.append(loss.item())

    module = Scripted()
    torch.nn.init.zeros_(module.layer.weight)
    torch.nn.init.ones_(module.layer.bias)
    trainer(GradientAccumulationScheduler({0: 4}), Loss(), max_epochs=1).fit(module, batches(4))
    assert losses == [0.25] * 4


@pytest.mark.parametrize("before", [1, 2])
def test_the_number_may_be_set_between_two_batches(before):
    steps = Steps(change=(0, 1, 3))
    trainer(steps, accumulate_grad_batches=before, max_epochs=2).fit(Scripted(), batches(5))
    first = {1: [1, 2, 3, 3, 4], 2: [0, 1, 2, 2, 3]}[before]
    assert steps.taken == [first, [first[-1], first[-1], first[-1] + 1, first[-1] + 1, first[-1] + 2]]


def test_the_number_may_be_set_before_a_fit():
    run = trainer(max_epochs=1)
    run.accumulate_grad_batches = 4
    run.fit(Scripted(), batches(5))
    assert run.global_step == 2


@pytest.mark.parametrize("number", [0, -1, 1.5, "2", True])
def test_a_number_that_has_no_meaning_is_refused(number):
    run = trainer()
    with pytest.raises(SettingsError, match="accumulate_grad_batches="):
        run.accumulate_grad_batches = number
    assert run.accumulate_grad_batches == 1


def test_a_run_that_goes_on_inside_an_epoch_has_its_windows(tmp_path):
    class Save(L.Callback):
        def on_train_batch_end(self, trainer, pl_module, outputs, batch, batch_idx):
            if (trainer.current_epoch, batch_idx) == (1, 1):
                trainer.save_checkpoint(tmp_path / "middle.ckpt")

    whole, resumed = Steps(), Steps()
    resumed.taken.append([])
    trainer(GradientAccumulationScheduler({1: 2}), whole, Save()).fit(Scripted(), batches(5))
    again = trainer(GradientAccumulationScheduler({1: 2}), resumed)
    again.fit(Scripted(), batches(5), ckpt_path=tmp_path / "middle.ckpt")
    assert resumed.taken == [whole.taken[1][2:], whole.taken[2]]


def test_a_second_fit_is_scheduled_too():
    steps = Steps()
    run = trainer(GradientAccumulationScheduler({0: 2, 2: 1}), steps, max_epochs=1)
    run.fit(Scripted(), batches(2))
    run.fit_loop.max_epochs = 3
    run.fit(Scripted(), batches(2))
    assert steps.taken == [[0, 1], [1, 2], [3, 4]]


def test_the_epochs_of_a_schedule():
    scheduler = GradientAccumulationScheduler({4: 2, 1: 8})
    assert (scheduler.scheduling, scheduler.epochs) == ({0: 1, 1: 8, 4: 2}, [0, 1, 4])
    assert [scheduler.get_accumulate_grad_batches(epoch) for epoch in range(6)] == [1, 8, 8, 8, 2, 2]
    assert scheduler.going_to_accumulate_grad_batches()
    assert not GradientAccumulationScheduler({3: 1}).going_to_accumulate_grad_batches()


@pytest.mark.parametrize("scheduling", [{}, None, [1], {"a": 1}, {-1: 2}, {1.0: 2}, {0: 0}, {0: 2.5}, {0: True}])
def test_a_schedule_that_has_no_meaning_is_refused(scheduling):
    with pytest.raises(SettingsError, match=r"GradientAccumulationScheduler\(scheduling="):
        GradientAccumulationScheduler(scheduling)


def test_a_number_of_the_trainers_own_contradicts_it():
    with pytest.raises(SettingsError, match=r"accumulate_grad_batches=2, but .* Leave out accumulate_grad_batches"):
        trainer(GradientAccumulationScheduler({0: 2}), accumulate_grad_batches=2)


def test_a_number_of_the_trainers_own_contradicts_one_that_comes_later():
    run = trainer(accumulate_grad_batches=2)
    run.callbacks.append(GradientAccumulationScheduler({0: 2}))
    with pytest.raises(SettingsError, match="accumulate_grad_batches=2"):
        run.fit(Scripted(), batches(2))


def test_steps_of_the_modules_own_are_mentioned():
    class Own(Scripted):
        def optimizer_zero_grad(self, epoch, batch_idx, optimizer):
            optimizer.zero_grad()

    with pytest.warns(LeydenWarning, match=r"Own overrides optimizer_step\(\) or optimizer_zero_grad\(\)"):
        trainer(GradientAccumulationScheduler({1: 2}), max_epochs=1).fit(Own(), batches(2))
    trainer(GradientAccumulationScheduler({1: 1}), max_epochs=1).fit(Own(), batches(2))


def test_manual_optimization_contradicts_it():
    class Manual(Scripted):
        automatic_optimization = False

    with pytest.raises(ModuleError, match=r"Manual sets automatic_optimization=False"):
        trainer(GradientAccumulationScheduler({0: 2})).fit(Manual(), batches(2))
