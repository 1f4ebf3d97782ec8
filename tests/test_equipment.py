from __future__ import annotations

import os
from pathlib import Path

import pytest
from tests.tiny import Tiny, batches, trainer

import leyden as L
from leyden.callbacks import (
    EarlyStopping,
    GradientAccumulationScheduler,
    LearningRateMonitor,
    ModelCheckpoint,
    ModelSummary,
    Timer,
    TQDMProgressBar,
)
from leyden.core.stage import TrainerFn
from leyden.core.warnings import LeydenWarning
from leyden.equipment import callbacks_for, checkpoint_named, loggers_for
from leyden.errors import RemoteError, SettingsError
from leyden.loggers import CSVLogger, TensorBoardLogger
from leyden.loggers.logger import DummyLogger

FIT, VALIDATE, TEST = TrainerFn.FITTING, TrainerFn.VALIDATING, TrainerFn.TESTING


def with_callbacks(callbacks):
    trainer = L.Trainer(logger=False, enable_checkpointing=False, enable_progress_bar=False, accelerator="cpu")
    trainer.callbacks = callbacks
    return trainer


def settings(root=".", **arguments):
    return trainer(root, **arguments).settings


def equipped(given=None, checkpointing=None, bar=None, summary=None, **arguments):
    return callbacks_for(given, settings(**arguments), checkpointing, bar, summary)


def kinds(callbacks):
    return [type(callback).__name__ for callback in callbacks]


class Own(L.Callback):
    pass


class Stateful(L.Callback):
    def __init__(self, key="Stateful"):
        self.key = key

    @property
    def state_key(self):
        return self.key

    def state_dict(self):
        return {"x": 1}


# Loggers


@pytest.mark.parametrize("given", [None, True])
@pytest.mark.parametrize(("packages", "kind"), [({"tensorboard"}, TensorBoardLogger), (set(), CSVLogger)])
def test_a_logger_is_there_by_default_in_the_root_directory(given, packages, kind, tmp_path, monkeypatch):
    monkeypatch.setattr("leyden.core.packages.find_spec", lambda name: name if name in packages else None)
    (logger,) = loggers_for(given, settings(tmp_path))
    assert isinstance(logger, kind)
    assert Path(logger.save_dir) == tmp_path


def test_loggers_are_those_given(tmp_path):
    first, second = CSVLogger(str(tmp_path)), CSVLogger(str(tmp_path), name="second")
    assert loggers_for(False, settings()) == loggers_for([], settings()) == []
    assert loggers_for(first, settings()) == [first]
    assert loggers_for([first, second], settings()) == loggers_for(iter((first, second)), settings()) == [first, second]


def test_a_short_run_logs_nowhere(tmp_path):
    short = settings(tmp_path, fast_dev_run=True)
    assert [type(logger) for logger in loggers_for(CSVLogger(str(tmp_path)), short)] == [DummyLogger]
    assert loggers_for(False, short) == []


@pytest.mark.parametrize(
    ("given", "said"),
    [(3, "an int"), ("csv", "a str"), ([CSVLogger], "the class CSVLogger and not an object"), (object(), "an object")],
)
def test_what_is_no_logger_is_refused(given, said):
    with pytest.raises(SettingsError, match=f"^logger holds {said}.*Use Logger objects"):
        loggers_for(given, settings())


def test_an_object_with_all_members_of_a_logger_may_take_its_place(tmp_path):
    class Collects:
        name, version, save_dir, log_dir = "own", 3, str(tmp_path), str(tmp_path / "own")

        def __init__(self):
            self.told = []

        def __getattr__(self, member):
            if member not in ("log_metrics", "log_hyperparams", "log_graph", "save", "finalize"):
                raise AttributeError(member)
            return lambda *args, **kwargs: self.told.append((member, args, kwargs))

        def after_save_checkpoint(self, checkpoint_callback):
            self.told.append(("after_save_checkpoint", checkpoint_callback))

    class Logs(Tiny):
        def training_step(self, batch, batch_idx):
            self.log("loss_now", 2.0)
            return super().training_step(batch, batch_idx)

    own = Collects()
    trainer(tmp_path, logger=own, log_every_n_steps=1).fit(Logs(), batches(1), batches(1))
    rows = [more["metrics"] for member, _, more in own.told if member == "log_metrics"]
    assert [row["loss_now"] for row in rows if "loss_now" in row] == [2.0]
    assert own.told[-1] == ("finalize", ("success",), {})


# Callbacks


def test_a_bar_a_summary_and_a_saver_are_there_by_default():
    assert kinds(equipped()) == ["TQDMProgressBar", "ModelSummary", "ModelCheckpoint"]


def test_what_is_ruled_out_is_not_there():
    assert equipped(checkpointing=False, bar=False, summary=False) == []
    assert kinds(equipped(checkpointing=False, bar=None, summary=False)) == ["TQDMProgressBar"]


def test_a_callback_of_a_kind_stands_for_the_default_of_that_kind():
    given = [TQDMProgressBar(), ModelSummary(), ModelCheckpoint(monitor="val")]
    assert equipped(given, checkpointing=True, bar=True, summary=True) == given


def test_callbacks_keep_their_order_and_those_that_save_come_last():
    saver, first, second = ModelCheckpoint(), Own(), EarlyStopping("val")
    assert equipped([saver, first, second], bar=False, summary=False) == [first, second, saver]


def test_one_callback_needs_no_list():
    own = Own()
    assert equipped(own, False, False, False) == equipped((own,), False, False, False) == [own]


def test_the_list_that_was_given_is_left_alone():
    given = [Own()]
    equipped(given)
    assert len(given) == 1


@pytest.mark.parametrize(
    ("given", "said"),
    [(3, "an int"), ([Own], "the class Own and not an object of it"), ("bar", "a str"), ([[Own()]], "a list of")],
)
def test_what_is_no_callback_is_refused(given, said):
    with pytest.raises(SettingsError, match=f"^callbacks holds {said}.*Use objects of subclasses of leyden.Callback"):
        equipped(given)


@pytest.mark.parametrize(
    ("argument", "callback", "said"),
    [
        ("checkpointing", ModelCheckpoint(), "enable_checkpointing=False, but callbacks has a ModelCheckpoint"),
        ("bar", TQDMProgressBar(), "enable_progress_bar=False, but callbacks has a TQDMProgressBar"),
        ("summary", ModelSummary(), "enable_model_summary=False, but callbacks has a ModelSummary"),
    ],
)
def test_a_callback_that_is_ruled_out_is_a_contradiction(argument, callback, said):
    with pytest.raises(SettingsError, match=said):
        equipped([callback], **{argument: False})


@pytest.mark.parametrize("argument", ["checkpointing", "bar", "summary"])
def test_a_switch_that_is_none_is_refused(argument):
    with pytest.raises(SettingsError, match=r"^enable_.*='no' is no switch\. Use True or False"):
        equipped(**{argument: "no"})


def test_two_bars_would_write_over_each_other():
    with pytest.raises(SettingsError, match=r"2 progress bars \(TQDMProgressBar, TQDMProgressBar\).*Keep one"):
        equipped([TQDMProgressBar(), TQDMProgressBar()])


def test_two_states_under_one_key_could_not_be_told_apart():
    with pytest.raises(SettingsError, match="share the state key 'Stateful'.*Override state_key in Stateful"):
        equipped([Stateful(), Stateful()])
    equipped([Stateful("a"), Stateful("b")])
    equipped([Own(), Own()])


def test_a_duration_is_kept_by_a_timer():
    (timer,) = equipped(None, False, False, False, max_time={"minutes": 2})
    assert timer.time_remaining() == 120
    own = Timer("00:00:01:00")
    with pytest.warns(LeydenWarning, match="max_time has no effect, since callbacks has a Timer"):
        assert equipped([own], False, False, False, max_time={"minutes": 2}) == [own]


@pytest.mark.parametrize(
    ("callback", "arguments", "said"),
    [
        (GradientAccumulationScheduler({0: 2}), {"accumulate_grad_batches": 4}, "accumulate_grad_batches=4"),
        (LearningRateMonitor(), {"logger": False}, "LearningRateMonitor"),
    ],
)
def test_callbacks_that_contradict_other_arguments_are_refused_with_both(callback, arguments, said):
    with pytest.raises(SettingsError, match=said):
        trainer(".", callback, **arguments)


# The checkpoint that a word names


def fitted(root, **arguments):
    """A saver after a fit that saved."""
    saver = ModelCheckpoint(dirpath=root / "saved", **arguments)
    trainer(root, saver, enable_checkpointing=None).fit(Tiny(), batches(1), batches(1))
    return saver


def test_a_path_is_taken_as_it_is_and_its_tilde_replaced(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    assert checkpoint_named("a/b.ckpt", FIT, False, with_callbacks([])) == Path("a/b.ckpt")
    assert checkpoint_named(Path("a.ckpt"), TEST, True, with_callbacks([])) == Path("a.ckpt")
    assert checkpoint_named("~/a.ckpt", FIT, False, with_callbacks([])) == tmp_path / "a.ckpt"


def test_a_fit_starts_anew_unless_told_otherwise(tmp_path):
    assert checkpoint_named(None, FIT, False, with_callbacks([fitted(tmp_path)])) is None


def test_evaluating_the_trainers_own_model_takes_its_best_checkpoint_and_says_so(tmp_path):
    saver = fitted(tmp_path)
    with pytest.warns(LeydenWarning, match="the best checkpoint of the last fit"):
        assert checkpoint_named(None, TEST, True, with_callbacks([saver])) == Path(saver.best_model_path)
    assert checkpoint_named(None, TEST, False, with_callbacks([saver])) is None
    assert checkpoint_named(None, TEST, True, with_callbacks([])) is None
    assert checkpoint_named(None, TEST, True, with_callbacks([ModelCheckpoint()])) is None


def test_best_and_last_name_what_a_saver_made(tmp_path):
    saver = fitted(tmp_path, save_last=True)
    assert checkpoint_named("best", TEST, False, with_callbacks([saver])) == Path(saver.best_model_path)
    assert checkpoint_named("last", VALIDATE, False, with_callbacks([saver])) == Path(saver.last_model_path)
    assert checkpoint_named("best", FIT, False, with_callbacks([ModelCheckpoint(), saver])) == Path(
        saver.best_model_path
    )


def test_the_last_checkpoint_may_be_of_an_earlier_process_and_the_newest_counts(tmp_path):
    fitted(tmp_path, save_last=True)
    moved = (tmp_path / "saved").rename(tmp_path / "moved")  # so that no record of the place says which is newer
    (moved / "last-v1.ckpt").write_bytes((moved / "last.ckpt").read_bytes())
    os.utime(moved / "last.ckpt", (1, 1))
    there = with_callbacks([ModelCheckpoint(dirpath=moved, save_last=True)])
    assert checkpoint_named("last", FIT, False, there) == moved / "last-v1.ckpt"


def test_a_first_fit_from_the_last_checkpoint_starts_anew_and_says_so():
    with pytest.warns(LeydenWarning, match="no such checkpoint, so training starts anew"):
        assert checkpoint_named("last", FIT, False, with_callbacks([])) is None


def test_an_evaluation_of_the_last_checkpoint_goes_on_without_one_and_says_with_which_weights():
    with pytest.warns(LeydenWarning, match=r"no such checkpoint, so test\(\) takes the weights that the model has"):
        assert checkpoint_named("last", TEST, True, with_callbacks([ModelCheckpoint()])) is None


@pytest.mark.parametrize("fn", [FIT, TEST])
def test_a_best_checkpoint_that_there_is_none_of_is_refused_with_the_callback_that_makes_it(fn):
    with pytest.raises(SettingsError) as caught:
        checkpoint_named("best", fn, True, with_callbacks([ModelCheckpoint()]))
    assert str(caught.value).startswith("ckpt_path='best', but this trainer has made no such checkpoint. Fit with")
    assert "ModelCheckpoint(" in str(caught.value)


def test_an_address_that_nobody_has_allowed_is_refused():
    with pytest.raises(RemoteError, match=r"example.com/a.ckpt is remote, and nobody has allowed that"):
        checkpoint_named("https://example.com/a.ckpt", FIT, False, with_callbacks([]))


@pytest.mark.parametrize("ckpt_path", [3, True, ["best"], b"best"])
def test_what_is_no_path_is_refused(ckpt_path):
    with pytest.raises(SettingsError) as caught:
        checkpoint_named(ckpt_path, FIT, False, with_callbacks([]))
    assert str(caught.value).startswith(f"ckpt_path={ckpt_path!r} is no path.")
