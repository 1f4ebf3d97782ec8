"""What programs read of a trainer: before, during and after a run."""

from __future__ import annotations

from math import inf

import pytest
import torch
from tests.tiny import Tiny, batches, trainer

import leyden as L
from leyden.callbacks import EarlyStopping, ModelCheckpoint
from leyden.errors import NoModelError
from leyden.loggers import CSVLogger

STAGES = ("training", "validating", "testing", "predicting", "sanity_checking", "evaluating")


class Read(L.Callback):
    """Reads some names of the trainer in every batch and epoch hook."""

    def __init__(self, *names):
        self.names = names
        self.values = {}

    def _read(self, hook, trainer):
        self.values.setdefault(hook, []).append(tuple(getattr(trainer, name) for name in self.names))

    def on_sanity_check_start(self, trainer, pl_module):
        self._read("sanity", trainer)

    def on_train_batch_start(self, trainer, pl_module, batch, batch_idx):
        self._read("batch start", trainer)

    def on_train_batch_end(self, trainer, pl_module, outputs, batch, batch_idx):
        self._read("batch end", trainer)

    def on_validation_batch_start(self, trainer, pl_module, batch, batch_idx, dataloader_idx=0):
        self._read("validation", trainer)

    def on_test_batch_start(self, trainer, pl_module, batch, batch_idx, dataloader_idx=0):
        self._read("test", trainer)

    def on_predict_batch_start(self, trainer, pl_module, batch, batch_idx, dataloader_idx=0):
        self._read("predict", trainer)

    def on_train_epoch_end(self, trainer, pl_module):
        self._read("epoch end", trainer)


def read(folder, *names, size=3, val=1, **arguments):
    """What a fit shows under these names, hook by hook."""
    callback = Read(*names)
    trainer(folder, callback, **arguments).fit(Tiny(), batches(size), batches(val))
    return callback.values


def test_before_a_run_everything_can_be_read(tmp_path):
    run = trainer(tmp_path)
    names = [name for name in dir(type(run)) if isinstance(getattr(type(run), name), property)]
    values = {name: getattr(run, name) for name in names}
    assert len(values) > 70
    assert (run.current_epoch, run.global_step, run.logged_steps, run.should_stop) == (0, 0, 0, False)
    assert (run.model, run.lightning_module, run.datamodule, run.optimizers, run.ckpt_path) == (
        None,
        None,
        None,
        [],
        None,
    )
    assert (run.num_training_batches, run.num_val_batches, run.train_dataloader) == (inf, [], None)
    assert (run.state.status, run.state.fn, run.state.stage) == ("initializing", None, None)
    assert run.callback_metrics == run.logged_metrics == run.progress_bar_metrics == {}


def test_a_checkpoint_can_be_made_as_autologging_does(tmp_path):
    run = trainer(tmp_path)
    with pytest.raises(NoModelError):
        run._checkpoint_connector.dump_checkpoint()
    run.fit(Tiny(), batches(1), batches(1))
    checkpoint = run._checkpoint_connector.dump_checkpoint(False)
    assert {"state_dict", "optimizer_states", "epoch"} <= checkpoint.keys()
    assert "optimizer_states" not in run._checkpoint_connector.dump_checkpoint(True)
    run.strategy.save_checkpoint(checkpoint, tmp_path / "a.ckpt")
    resumed = trainer(tmp_path, max_epochs=2)
    resumed.fit(Tiny(), batches(1), batches(1), ckpt_path=tmp_path / "a.ckpt")
    assert resumed.global_step == 2


def test_metrics_of_several_loaders_are_told_apart_by_the_suffix_that_programs_ask_for(tmp_path):
    run = trainer(tmp_path)
    run.validate(Tiny(), [batches(1), batches(1)], verbose=False)
    assert [f"val{run._results.DATALOADER_SUFFIX.format(number)}" for number in (0, 1)] == list(run.callback_metrics)


def test_a_data_module_can_be_set_and_stays_until_another_comes(tmp_path):
    class Data(L.DataModule):
        def test_dataloader(self):
            return batches(2)

    run, data = trainer(tmp_path), Data()
    run.datamodule = data
    assert run.datamodule is data
    run.fit(Tiny(), batches(1), batches(1))
    assert run.datamodule is data
    assert run.test(verbose=False)
    assert run.num_test_batches == [2]


def test_who_asks_to_stop_before_the_minimum_is_told_once_that_the_run_goes_on(tmp_path, caplog):
    class Stop(L.Callback):
        def on_train_batch_end(self, trainer, pl_module, outputs, batch, batch_idx):
            trainer.should_stop = True

    with caplog.at_level("INFO", logger="leyden"):
        trainer(tmp_path, Stop(), max_epochs=3, min_epochs=2).fit(Tiny(), batches(2), batches(1))
    (told,) = [record.getMessage() for record in caplog.records if "asked to stop" in record.getMessage()]
    assert told.endswith("min_epochs=2 and min_steps=None.")


def test_the_counters_in_a_batch_and_at_its_end(tmp_path):
    values = read(tmp_path, "current_epoch", "global_step", "logged_steps", "is_last_batch", size=2, max_epochs=2)
    assert values["batch start"] == [(0, 0, 0, False), (0, 1, 1, True), (1, 2, 2, False), (1, 3, 3, True)]
    assert values["batch end"] == [(0, 1, 0, False), (0, 2, 1, True), (1, 3, 2, False), (1, 4, 3, True)]
    assert values["epoch end"] == [(0, 2, 1, True), (1, 4, 3, True)]


def test_steps_are_those_of_the_optimizer(tmp_path):
    values = read(tmp_path, "global_step", "logged_steps", accumulate_grad_batches=2)
    assert values["batch end"] == [(0, 0), (1, 0), (2, 1)]


@pytest.mark.parametrize(
    ("call", "hook", "stage"),
    [
        (lambda run: run.fit(Tiny(), batches(1), batches(1)), "batch start", "training"),
        (lambda run: run.fit(Tiny(), batches(1), batches(1)), "validation", "validating"),
        (lambda run: run.validate(Tiny(), batches(1), verbose=False), "validation", "validating"),
        (lambda run: run.test(Tiny(), batches(1), verbose=False), "test", "testing"),
        (lambda run: run.predict(Tiny(), batches(1)), "predict", "predicting"),
    ],
)
def test_exactly_one_stage_is_running(tmp_path, call, hook, stage):
    callback = Read(*STAGES)
    run = trainer(tmp_path, callback)
    call(run)
    (shown,) = callback.values[hook]
    expected = {stage, "evaluating"} if stage in ("validating", "testing") else {stage}
    assert {name for name, on in zip(STAGES, shown, strict=True) if on} == expected
    assert not any(getattr(run, name) for name in STAGES)


def test_a_sanity_check_is_a_stage_of_its_own(tmp_path):
    values = read(tmp_path, *STAGES, num_sanity_val_steps=1)
    shown = dict(zip(STAGES, values["sanity"][0], strict=True))
    assert [name for name, on in shown.items() if on] == ["sanity_checking", "evaluating"]


def test_a_validation_that_follows_is_shown_at_the_end_of_its_batch(tmp_path):
    assert read(tmp_path, "validation_due", val_check_interval=2)["batch end"] == [(False,), (True,), (False,)]


def test_the_sizes_of_the_loaders_stay_readable_after_the_run_and_other_runs(tmp_path):
    run, module = trainer(tmp_path, limit_val_batches=2, num_sanity_val_steps=1), Tiny()
    run.fit(module, batches(3), batches(4))
    run.test(module, [batches(1), batches(5)], verbose=False)
    run.predict(module, batches(6))
    assert (run.num_training_batches, run.num_val_batches, run.num_sanity_val_batches) == (3, [2], [1])
    assert (run.num_test_batches, run.num_predict_batches) == ([1, 5], [6])


def test_loaders_are_shown_as_they_were_given(tmp_path):
    train, val, test = batches(1), batches(1), [batches(1), batches(1)]
    run = trainer(tmp_path)
    run.fit(Tiny(), train, val)
    run.test(Tiny(), test, verbose=False)
    assert (run.train_dataloader, run.val_dataloaders, run.test_dataloaders) == (train, val, test)


@pytest.mark.parametrize(
    ("arguments", "steps"),
    [
        ({"max_epochs": 4}, 12),
        ({"max_epochs": 4, "accumulate_grad_batches": 2}, 8),
        ({"max_epochs": 4, "max_steps": 5}, 5),
        ({"max_epochs": -1, "max_steps": 7}, 7),
        ({"max_epochs": -1}, inf),
        ({"max_epochs": 2, "limit_train_batches": 2}, 4),
    ],
)
def test_the_steps_of_a_whole_fit_are_known_when_schedulers_are_made(tmp_path, arguments, steps):
    class Asking(Tiny):
        def configure_optimizers(self):
            asked.append(self.trainer.estimated_stepping_batches)
            raise KeyError

    asked = []
    with pytest.raises(KeyError):
        trainer(tmp_path, **arguments).fit(Asking(), batches(3), batches(1))
    assert asked == [steps]


@pytest.mark.parametrize(
    ("arguments", "name", "value"),
    [
        ({"max_epochs": -1}, "max_epochs", -1),
        ({"max_epochs": None}, "max_epochs", None),
        ({"max_steps": 5}, "max_steps", 5),
        ({}, "max_steps", -1),
        ({"min_steps": 3}, "min_steps", 3),
        ({}, "min_steps", None),
        ({"fast_dev_run": 3}, "fast_dev_run", 3),
        ({"accumulate_grad_batches": 2}, "accumulate_grad_batches", 2),
        ({"gradient_clip_val": 0.5}, "gradient_clip_val", 0.5),
        ({}, "gradient_clip_val", None),
        ({"gradient_clip_algorithm": "value"}, "gradient_clip_algorithm", "value"),
        ({"precision": "bf16"}, "precision", "bf16-mixed"),
        ({"num_sanity_val_steps": -1}, "num_sanity_val_steps", inf),
        ({"limit_val_batches": 0.5}, "limit_val_batches", 0.5),
        ({"log_every_n_steps": 7}, "log_every_n_steps", 7),
        ({"val_check_interval": 0.25}, "val_check_interval", 0.25),
        ({"check_val_every_n_epoch": 2}, "check_val_every_n_epoch", 2),
    ],
)
def test_what_a_trainer_was_told_can_be_read(tmp_path, arguments, name, value):
    assert getattr(trainer(tmp_path, **arguments), name) == value


@pytest.mark.parametrize(
    ("arguments", "batch"), [({}, 4), ({"val_check_interval": 0.5}, 2), ({"val_check_interval": 3}, 3)]
)
def test_the_batches_between_validations_are_known_once_fit_has_seen_the_loader(tmp_path, arguments, batch):
    run = trainer(tmp_path, **arguments)
    assert run.val_check_batch is None
    run.fit(Tiny(), batches(4), batches(1))
    assert run.val_check_batch == batch


# Who takes part


def test_callbacks_are_found_by_their_kind(tmp_path):
    stopper, saver = EarlyStopping("val"), ModelCheckpoint()
    run = trainer(tmp_path, saver, stopper, enable_checkpointing=True, enable_progress_bar=True)
    assert (run.early_stopping_callback, run.early_stopping_callbacks) == (stopper, [stopper])
    assert (run.checkpoint_callback, run.checkpoint_callbacks) == (saver, [saver])
    assert type(run.progress_bar_callback).__name__ == "TQDMProgressBar"
    bare = trainer(tmp_path)
    assert (bare.early_stopping_callback, bare.checkpoint_callback, bare.progress_bar_callback) == (None, None, None)


def test_callbacks_may_be_assigned_as_a_whole(tmp_path):
    run, callback = trainer(tmp_path, Read()), Read("current_epoch")
    listed = run.callbacks
    run.callbacks = [callback]
    assert run.callbacks is listed == [callback]
    run.fit(Tiny(), batches(1), batches(1))
    assert callback.values["batch end"] == [(0,)]


def test_the_first_logger_is_the_logger(tmp_path):
    first, second = CSVLogger(str(tmp_path)), CSVLogger(str(tmp_path), name="second")
    run = trainer(tmp_path, logger=[first, second])
    assert (run.logger, run.loggers) == (first, [first, second])
    assert run.log_dir == first.log_dir
    run.logger = None
    assert (run.logger, run.loggers, run.log_dir) == (None, [], str(tmp_path))
    run.logger = second
    assert run.loggers == [second]


def test_a_run_shows_its_model_its_optimizers_and_its_schedulers(tmp_path):
    class Scheduled(Tiny):
        def configure_optimizers(self):
            optimizer = super().configure_optimizers()
            return [optimizer], [{"scheduler": torch.optim.lr_scheduler.StepLR(optimizer, 1), "name": "lr"}]

    run, module = trainer(tmp_path), Scheduled()
    run.fit(module, batches(1), batches(1))
    assert run.model is run.lightning_module is module
    assert [type(optimizer).__name__ for optimizer in run.optimizers] == ["SGD"]
    assert [(config.name, config.interval) for config in run.lr_scheduler_configs] == [("lr", "epoch")]
    assert module.lr_schedulers() is run.lr_scheduler_configs[0].scheduler


def test_there_is_one_process_on_one_device(tmp_path):
    run = trainer(tmp_path)
    assert (run.is_global_zero, run.global_rank, run.local_rank, run.node_rank) == (True, 0, 0, 0)
    assert (run.world_size, run.num_nodes, run.num_devices, run.device_ids) == (1, 1, 1, [0])
    assert run.root_device == torch.device("cpu")


def test_metrics_stay_readable_after_the_run(tmp_path):
    run = trainer(tmp_path)
    run.fit(Tiny(), batches(2), batches(1))
    assert run.callback_metrics.keys() == run.logged_metrics.keys() == {"loss", "val"}
    assert all(isinstance(value, torch.Tensor) for value in run.callback_metrics.values())
    assert run.progress_bar_metrics == {}
