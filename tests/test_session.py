"""What happens around the loops: who is called at the start, at the end, and after a mistake."""

from __future__ import annotations

import pytest
import torch
from tests.tiny import Tiny, batches, trainer

import leyden as L
from leyden.callbacks import EarlyStopping, ModelCheckpoint
from leyden.checkpoint.load import load
from leyden.errors import ModuleError
from leyden.loggers.logger import Logger


class Notes(Logger):
    """A logger that keeps what it is given."""

    def __init__(self):
        super().__init__()
        self.rows, self.hparams, self.ended = [], [], []

    name = version = "notes"

    def log_metrics(self, metrics, step=None):
        self.rows.append((metrics, step))

    def log_hyperparams(self, params, *args, **kwargs):
        self.hparams.append(params)

    def finalize(self, status):
        self.ended.append(status)


class Calls:
    """Notes the calls that stand around a run, of a module, a data module or a callback."""

    calls: list

    def _note(self, name, given):
        stage = [one.value if hasattr(one, "value") else one for one in given if isinstance(one, str)]
        self.calls.append((type(self).__name__, name, *stage))


def noting(*names):
    """Methods of these names that note that they were called."""
    return {name: lambda self, *given, name=name: self._note(name, given) for name in names}


AROUND = noting("setup", "teardown", "on_fit_start", "on_fit_end")
OwnModule = type("OwnModule", (Calls, Tiny), AROUND | noting("prepare_data", "configure_model"))
OwnCallback = type("OwnCallback", (Calls, L.Callback), AROUND | noting("on_exception"))


class OwnData(Calls, L.DataModule):
    def train_dataloader(self):
        return batches(1)

    def val_dataloader(self):
        return batches(1)

    def prepare_data(self):
        self._note("prepare_data", ())

    def setup(self, stage):
        self._note("setup", (stage,))

    def teardown(self, stage):
        self._note("teardown", (stage,))

    def on_exception(self, exception):
        self._note("on_exception", ())


@pytest.fixture
def calls():
    Calls.calls = []
    return Calls.calls


class Failing(OwnModule):
    """Fails in one place."""

    def __init__(self, place="training_step"):
        super().__init__()
        self.place = place

    def fail(self, place):
        if place == self.place:
            raise ZeroDivisionError(place)

    def training_step(self, batch, batch_idx):
        self.fail("training_step")
        return super().training_step(batch, batch_idx)

    def configure_optimizers(self):
        self.fail("configure_optimizers")
        return super().configure_optimizers()

    def on_train_epoch_end(self):
        self.fail("on_train_epoch_end")

    def on_fit_end(self):
        self.fail("on_fit_end")


# Around a run


def test_a_run_sets_up_from_the_data_to_the_module_and_tears_down_likewise(tmp_path, calls):
    trainer(tmp_path, OwnCallback()).fit(OwnModule(), datamodule=OwnData())
    assert calls == [
        ("OwnData", "prepare_data"),
        ("OwnModule", "prepare_data"),
        ("OwnData", "setup", "fit"),
        ("OwnCallback", "setup", "fit"),
        ("OwnModule", "setup", "fit"),
        ("OwnModule", "configure_model"),
        ("OwnCallback", "on_fit_start"),
        ("OwnModule", "on_fit_start"),
        ("OwnCallback", "on_fit_end"),
        ("OwnModule", "on_fit_end"),
        ("OwnData", "teardown", "fit"),
        ("OwnCallback", "teardown", "fit"),
        ("OwnModule", "teardown", "fit"),
    ]


def test_loggers_are_ended_with_success(tmp_path):
    notes = Notes()
    run = trainer(tmp_path, logger=notes)
    run.fit(Tiny(), batches(1), batches(1))
    run.validate(Tiny(), batches(1), verbose=False)
    assert notes.ended == ["success", "success"]


def test_a_row_has_the_step_the_values_and_the_epoch(tmp_path):
    notes = Notes()
    trainer(tmp_path, logger=notes, log_every_n_steps=1).fit(Tiny(), batches(2), batches(1))
    assert [(sorted(row), step) for row, step in notes.rows] == [
        (["epoch", "loss"], 0),
        (["epoch", "loss"], 1),
        (["epoch", "val"], 1),
    ]
    assert all(type(value) in (float, int) for row, _ in notes.rows for value in row.values())


@pytest.mark.parametrize("wanted", [True, False])
def test_hyperparameters_are_written_unless_ruled_out(tmp_path, wanted):
    class Sized(Tiny):
        def __init__(self, width=3):
            super().__init__()
            self.save_hyperparameters()

    notes = Notes()
    trainer(tmp_path, logger=notes, enable_autolog_hparams=wanted).fit(Sized(), batches(1), batches(1))
    assert notes.hparams == ([{"width": 3}] if wanted else [])


def test_torchs_switches_are_those_asked_for_and_put_back(tmp_path):
    class Switched(Tiny):
        def on_train_start(self):
            seen.append((torch.are_deterministic_algorithms_enabled(), torch.is_grad_enabled()))

    seen = []
    with torch.no_grad():
        trainer(tmp_path, deterministic=True).fit(Switched(), batches(1), batches(1))
        assert not torch.is_grad_enabled()
    assert seen == [(True, True)]
    assert not torch.are_deterministic_algorithms_enabled()


# After a mistake


def test_a_mistake_is_told_to_the_callbacks_and_the_data_module_and_everything_is_torn_down(tmp_path, calls):
    notes, run = Notes(), None
    run = trainer(tmp_path, OwnCallback(), logger=notes)
    with pytest.raises(ZeroDivisionError):
        run.fit(Failing(), datamodule=OwnData())
    assert calls[-5:] == [
        ("OwnCallback", "on_exception"),
        ("OwnData", "on_exception"),
        ("OwnData", "teardown", "fit"),
        ("OwnCallback", "teardown", "fit"),
        ("Failing", "teardown", "fit"),
    ]
    assert notes.ended == ["failed"]
    assert (run.state.status, run.state.stage, run.interrupted) == ("interrupted", None, True)


@pytest.mark.parametrize("place", ["configure_optimizers", "on_train_epoch_end", "on_fit_end"])
def test_wherever_a_mistake_happens_it_is_told_once(tmp_path, calls, place):
    with pytest.raises(ZeroDivisionError, match=place):
        trainer(tmp_path, OwnCallback()).fit(Failing(place), datamodule=OwnData())
    names = [name for _, name, *_ in calls]
    assert (names.count("on_exception"), names.count("teardown")) == (2, 3)


def test_a_training_step_that_does_not_fit_is_found_before_anything_is_set_up(tmp_path, calls):
    class Old(OwnModule):
        def training_step(self, batch, batch_idx, optimizer_idx):
            raise AssertionError

    with pytest.raises(ModuleError, match="optimizer_idx"):
        trainer(tmp_path).fit(Old(), batches(1), batches(1))
    assert calls == []


def test_what_was_never_set_up_is_not_torn_down(tmp_path, calls):
    with pytest.raises(ModuleError):
        trainer(tmp_path, OwnCallback()).fit(L.Module(), datamodule=OwnData())
    assert calls == [("OwnCallback", "on_exception"), ("OwnData", "on_exception")]


def test_a_trainer_can_be_used_again_after_a_mistake(tmp_path, calls):
    run = trainer(tmp_path)
    with pytest.raises(ZeroDivisionError):
        run.fit(Failing(), batches(2), batches(1))
    run.fit(Tiny(), batches(2), batches(1))
    assert (run.state.status, run.global_step, run.interrupted) == ("finished", 2, False)


def test_switches_are_put_back_after_a_mistake(tmp_path, calls):
    with pytest.raises(ZeroDivisionError):
        trainer(tmp_path, deterministic=True).fit(Failing(), batches(1), batches(1))
    assert not torch.are_deterministic_algorithms_enabled()


# Callbacks that come and go


class Heard(L.Callback):
    def __init__(self):
        self.heard = []

    def on_train_batch_end(self, trainer, pl_module, outputs, batch, batch_idx):
        self.heard.append(batch_idx)


def test_a_callback_that_is_added_during_a_run_is_heard_from_the_next_hook_on(tmp_path):
    class Adding(Heard):
        def on_train_batch_end(self, trainer, pl_module, outputs, batch, batch_idx):
            super().on_train_batch_end(trainer, pl_module, outputs, batch, batch_idx)
            if batch_idx == 0:
                trainer.callbacks.append(late)

    late, adding = Heard(), Adding()
    trainer(tmp_path, adding).fit(Tiny(), batches(3), batches(1))
    assert (adding.heard, late.heard) == ([0, 1, 2], [1, 2])


def test_a_hook_that_is_set_on_an_object_during_a_run_is_heard(tmp_path):
    class Changing(Heard):
        def on_train_start(self, trainer, pl_module):
            pl_module.on_train_batch_start = lambda batch, batch_idx: -1 if batch_idx == 1 else None
            self.on_train_epoch_end = lambda trainer, pl_module: self.heard.append("end")

    changing = Changing()
    trainer(tmp_path, changing).fit(Tiny(), batches(3), batches(1))
    assert changing.heard == [0, "end"]


def test_a_callback_may_log(tmp_path):
    class Logging(L.Callback):
        def on_train_batch_end(self, trainer, pl_module, outputs, batch, batch_idx):
            self.log("a", batch_idx)
            self.log_dict({"b": 1.0})

    run = trainer(tmp_path, Logging())
    run.fit(Tiny(), batches(2), batches(1))
    assert {name: value.item() for name, value in run.callback_metrics.items() if name in "ab"} == {"a": 1.0, "b": 1.0}


def test_the_callbacks_of_a_module_replace_those_of_their_type_and_savers_stay_last(tmp_path):
    class Bringing(Tiny):
        def configure_callbacks(self):
            return [own, Heard()]

    own, other = EarlyStopping("val", patience=9), EarlyStopping("loss")
    saver = ModelCheckpoint(dirpath=tmp_path / "saved")
    run = trainer(tmp_path, other, saver, enable_checkpointing=None)
    run.fit(Bringing(), batches(1), batches(1))
    assert [type(callback).__name__ for callback in run.callbacks] == ["EarlyStopping", "Heard", "ModelCheckpoint"]
    assert run.early_stopping_callback is own


@pytest.mark.parametrize("brought", [None, [], (), Heard()])
def test_a_module_may_bring_no_callback_or_one(tmp_path, brought):
    class Bringing(Tiny):
        def configure_callbacks(self):
            return brought

    run = trainer(tmp_path)
    run.fit(Bringing(), batches(1), batches(1))
    assert run.callbacks == ([brought] if isinstance(brought, Heard) else [])


@pytest.mark.parametrize(("brought", "said"), [(["x"], "a str"), (Heard, "the class Heard"), ({"a": 1}, "a dict")])
def test_what_a_module_brings_must_be_callbacks(tmp_path, brought, said):
    class Bringing(Tiny):
        def configure_callbacks(self):
            return brought

    with pytest.raises(ModuleError, match=rf"configure_callbacks\(\) returned {said}"):
        trainer(tmp_path).fit(Bringing(), batches(1), batches(1))


# What is saved and comes back


class Stateful(L.Callback):
    def __init__(self):
        self.loaded = None

    def state_dict(self):
        return {"x": 1}

    def load_state_dict(self, state_dict):
        self.loaded = state_dict

    def on_save_checkpoint(self, trainer, pl_module, checkpoint):
        checkpoint["added"] = [2]

    def on_load_checkpoint(self, trainer, pl_module, checkpoint):
        self.added = checkpoint["added"]


class DataWithState(OwnData):
    def __init__(self):
        super().__init__()
        self.loaded = None

    def state_dict(self):
        return {"seen": 7}

    def load_state_dict(self, state_dict):
        self.loaded = state_dict


def test_callbacks_and_data_module_get_their_states_back(tmp_path, calls):
    run = trainer(tmp_path, Stateful())
    run.fit(Tiny(), datamodule=DataWithState())
    run.save_checkpoint(tmp_path / "a.ckpt")
    callback, data = Stateful(), DataWithState()
    trainer(tmp_path, callback, max_epochs=2).fit(Tiny(), datamodule=data, ckpt_path=tmp_path / "a.ckpt")
    assert (callback.loaded, callback.added, data.loaded) == ({"x": 1}, [2], {"seen": 7})


def test_an_evaluation_takes_the_weights_and_leaves_what_callbacks_know(tmp_path):
    module, run = Tiny(), trainer(tmp_path, Stateful())
    run.fit(module, batches(2), batches(1))
    run.save_checkpoint(tmp_path / "a.ckpt")
    callback, other = Stateful(), Tiny()
    trainer(tmp_path, callback).validate(other, batches(1), ckpt_path=tmp_path / "a.ckpt", verbose=False)
    assert torch.equal(other.layer.weight, module.layer.weight)
    assert callback.loaded is None


def test_weights_alone_are_saved_without_what_a_run_needs_to_go_on(tmp_path):
    run = trainer(tmp_path, Stateful())
    run.fit(Tiny(), batches(1), batches(1))
    run.save_checkpoint(tmp_path / "a.ckpt", weights_only=True)
    assert load(tmp_path / "a.ckpt").keys() == {
        *("epoch", "global_step", "pytorch-lightning_version", "state_dict", "loops"),
    }


def test_a_module_may_change_what_is_saved_and_what_is_loaded(tmp_path):
    class Changing(Tiny):
        def on_save_checkpoint(self, checkpoint):
            checkpoint["state_dict"] = {"renamed." + name: value for name, value in checkpoint["state_dict"].items()}

        def on_load_checkpoint(self, checkpoint):
            weights = checkpoint["state_dict"].items()
            checkpoint["state_dict"] = {name.removeprefix("renamed."): value for name, value in weights}

    module, run = Changing(), trainer(tmp_path)
    run.fit(module, batches(1), batches(1))
    run.save_checkpoint(tmp_path / "a.ckpt")
    other = Changing()
    trainer(tmp_path).validate(other, batches(1), ckpt_path=tmp_path / "a.ckpt", verbose=False)
    assert torch.equal(other.layer.weight, module.layer.weight)


def test_a_second_fit_goes_on_counting_where_the_first_ended(tmp_path):
    run = trainer(tmp_path, max_epochs=2)
    run.fit(Tiny(), batches(3), batches(1))
    run.fit(Tiny(), batches(3), batches(1))
    assert (run.current_epoch, run.global_step) == (2, 6)
