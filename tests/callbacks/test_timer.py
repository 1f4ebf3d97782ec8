from __future__ import annotations

import logging
from datetime import timedelta
from typing import Any

import pytest
from tests.callbacks.scripted import Scripted, batches

import leyden as L
from leyden.callbacks import timer as timer_file
from leyden.callbacks.timer import Interval, Timer
from leyden.core.stage import RunningStage
from leyden.core.warnings import LeydenWarning
from leyden.errors import FormatError, SettingsError


class Module(Scripted):
    def test_step(self, batch, batch_idx):
        pass


@pytest.fixture(autouse=True)
def clock(monkeypatch):
    """A clock on which a training batch takes ten seconds, a validation one and a test two."""
    now = [100.0]
    monkeypatch.setattr(timer_file, "monotonic", lambda: now[0])

    class Clock(L.Callback):
        def on_train_batch_start(self, trainer, pl_module, batch, batch_idx):
            now[0] += 10

        def on_validation_batch_start(self, trainer, pl_module, batch, batch_idx, dataloader_idx=0):
            now[0] += 1

        def on_test_batch_start(self, trainer, pl_module, batch, batch_idx, dataloader_idx=0):
            now[0] += 2

    return Clock()


def trainer(*callbacks: L.Callback, **settings: Any) -> L.Trainer:
    quiet = {"logger": False, "enable_checkpointing": False, "enable_progress_bar": False, "max_epochs": 3}
    quiet |= {"num_sanity_val_steps": 0, "enable_model_summary": False}
    return L.Trainer(accelerator="cpu", callbacks=list(callbacks), **(quiet | settings))


def fit(*callbacks: L.Callback, ckpt_path: Any = None, **settings: Any) -> L.Trainer:
    run = trainer(*callbacks, **settings)
    run.fit(Module(), batches(4), batches(1), ckpt_path=ckpt_path)
    return run


def test_a_limit_ends_training_after_the_batch_in_which_it_is_reached(clock):
    run = fit(clock, Timer("00:00:01:00"))
    assert (run.global_step, run.should_stop) == (6, True)


def test_a_limit_may_be_looked_at_when_an_epoch_ends(clock):
    run = fit(clock, Timer(timedelta(seconds=50), interval="epoch"))
    assert (run.global_step, run.current_epoch) == (8, 2)


def test_a_limit_of_nothing_ends_a_run_before_it_begins(clock):
    assert fit(clock, Timer({"seconds": 0})).global_step == 0


def test_the_least_number_of_steps_is_reached_first(clock):
    assert fit(clock, Timer({"seconds": 0}), min_steps=5).global_step == 5


def test_without_a_limit_nothing_ends(clock):
    timer = Timer()
    assert fit(clock, timer).global_step == 12
    assert timer.time_remaining() is None


def test_each_stage_has_its_time(clock):
    timer = Timer()
    run = fit(clock, timer)
    run.test(Module(), batches(3), verbose=False)
    assert timer.time_elapsed() == timer.time_elapsed("train") == 12 * 10 + 3
    assert timer.time_elapsed("validate") == 1  # the last time
    assert timer.time_elapsed(RunningStage.TESTING) == 6
    assert (timer.start_time(), timer.end_time()) == (100.0, 223.0)
    assert (timer.start_time("predict"), timer.end_time("predict"), timer.time_elapsed("predict")) == (None, None, 0)


def test_the_time_that_is_left_shrinks_while_training(clock):
    timer = Timer({"minutes": 10})
    left = []

    class Look(L.Callback):
        def on_train_batch_end(self, trainer, pl_module, outputs, batch, batch_idx):
            left.append((timer.time_elapsed(), timer.time_remaining(), timer.end_time()))

    fit(clock, timer, Look(), max_steps=2)
    assert left == [(10, 590, None), (20, 580, None)]


def test_the_time_of_a_run_that_is_resumed_counts_on(clock, tmp_path):
    first = Timer({"seconds": 55})
    run = fit(clock, first, max_epochs=1)
    run.save_checkpoint(tmp_path / "a.ckpt")
    resumed = Timer({"seconds": 55})
    again = fit(clock, resumed, ckpt_path=tmp_path / "a.ckpt", limit_val_batches=0)
    assert again.global_step == 6
    assert resumed.time_elapsed() == 41 + 20


def test_a_run_that_is_resumed_after_its_time_does_nothing(clock, tmp_path):
    fit(clock, Timer(), max_epochs=1).save_checkpoint(tmp_path / "a.ckpt")
    assert fit(clock, Timer({"seconds": 40}), ckpt_path=tmp_path / "a.ckpt").global_step == 4


def test_a_second_fit_has_the_whole_time_again(clock):
    timer = Timer({"seconds": 60})
    run = trainer(clock, timer, max_epochs=1)
    run.fit(Module(), batches(4), batches(1))
    run.fit_loop.max_epochs = 2
    run.fit(Module(), batches(4), batches(1))
    assert run.global_step == 8
    assert timer.time_elapsed() == 41


def test_the_end_is_logged_unless_it_is_not_wanted(clock, caplog):
    caplog.set_level(logging.INFO, logger="leyden")
    fit(clock, Timer({"seconds": 20}, verbose=False))
    assert caplog.messages == []
    fit(clock, Timer({"seconds": 20}))
    assert caplog.messages == ["The time is up: 0:00:20 were spent training."]


def test_the_state_is_a_number_of_seconds_for_each_stage(clock):
    timer = Timer()
    fit(clock, timer, max_epochs=1)
    assert timer.state_key == "Timer"
    assert timer.state_dict() == {
        "time_elapsed": {"train": 41.0, "sanity_check": 0.0, "validate": 1.0, "test": 0.0, "predict": 0.0}
    }


@pytest.mark.parametrize("elapsed", [{"train": -1}, {"train": "1"}, {"train": float("inf")}, {"train": [1]}, 3])
def test_a_malformed_state_is_refused(elapsed):
    timer = Timer()
    with pytest.raises(FormatError, match="saved state of Timer"):
        timer.load_state_dict({"time_elapsed": elapsed})


def test_a_state_without_a_time_is_that_of_a_run_that_begins():
    timer = Timer()
    timer.load_state_dict({})
    assert timer.time_elapsed() == 0


def test_max_time_is_a_timer(clock):
    run = fit(clock, max_epochs=None, max_time="00:00:00:30")
    (timer,) = [callback for callback in run.callbacks if isinstance(callback, Timer)]
    assert timer.time_remaining() == -1
    assert (run.global_step, run.max_epochs) == (3, -1)


def test_max_time_stands_after_the_users_callbacks_and_before_those_that_save(clock):
    run = trainer(clock, max_time={"hours": 1}, enable_checkpointing=True, enable_model_summary=True)
    assert [type(callback).__name__ for callback in run.callbacks] == [
        "Clock",
        "Timer",
        "ModelSummary",
        "ModelCheckpoint",
    ]


def test_a_short_run_has_its_timer_too():
    assert any(isinstance(callback, Timer) for callback in trainer(max_time={"hours": 1}, fast_dev_run=True).callbacks)


def test_a_timer_of_the_users_own_counts_more_than_max_time():
    own = Timer({"hours": 2})
    with pytest.warns(LeydenWarning, match="max_time has no effect"):
        run = trainer(own, max_time={"hours": 1})
    assert [callback for callback in run.callbacks if isinstance(callback, Timer)] == [own]


@pytest.mark.parametrize("interval", ["batch", None, 1])
def test_an_unknown_interval_is_refused(interval):
    with pytest.raises(SettingsError, match=r"Timer\(interval=.*'step' or 'epoch'"):
        Timer(interval=interval)


def test_an_interval_is_text_or_a_member_of_its_enum():
    assert Timer(interval=Interval.epoch)._interval is Interval.epoch == "epoch"


def test_an_unknown_duration_is_refused():
    with pytest.raises(SettingsError, match="duration='1 hour' is not a duration"):
        Timer("1 hour")


def test_an_unknown_stage_is_refused():
    for ask in (Timer().start_time, Timer().end_time, Timer().time_elapsed, Timer({"days": 1}).time_remaining):
        with pytest.raises(SettingsError, match="stage='training' is no stage. Known are train,"):
            ask("training")
