from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch.utils.data import DataLoader, IterableDataset, TensorDataset

import leyden as L
from leyden.callbacks.progress_bar import ProgressBar
from leyden.errors import DetachedError
from leyden.loggers.logger import Logger


class Line(L.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layer = torch.nn.Linear(4, 1)

    def training_step(self, batch, batch_idx):
        loss = self.layer(batch[0]).sum()
        self.log("loss", loss, prog_bar=True)
        self.log("hidden", 1.0)
        return loss

    def test_step(self, batch, batch_idx, dataloader_idx=0):
        pass

    def predict_step(self, batch, batch_idx, dataloader_idx=0):
        return 0

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), lr=0.1)


class Validated(Line):
    def validation_step(self, batch, batch_idx, dataloader_idx=0):
        pass


class Endless(IterableDataset):
    def __iter__(self):
        return iter([(torch.ones(4),)] * 4)


def loader(batches: int) -> DataLoader:
    return DataLoader(TensorDataset(torch.ones(batches, 4)), batch_size=1)


def trainer(*callbacks: L.Callback, **settings: Any) -> L.Trainer:
    fixed = {
        "accelerator": "cpu",
        "logger": False,
        "enable_checkpointing": False,
        "enable_model_summary": False,
        "num_sanity_val_steps": 0,
        "max_epochs": 1,
    }
    return L.Trainer(**fixed | settings, callbacks=list(callbacks))


class Notes(ProgressBar):
    """Notes what it asks itself about, when a stage begins."""

    def __init__(self, *questions: str) -> None:
        super().__init__()
        self.questions = questions
        self.answers: list[tuple[Any, ...]] = []
        self.on = True

    def enable(self) -> None:
        self.on = True

    def disable(self) -> None:
        self.on = False

    def note(self, *_: Any) -> None:
        self.answers.append(tuple(getattr(self, question) for question in self.questions))


class TrainNotes(Notes):
    def on_train_epoch_start(self, trainer, pl_module):
        self.note()


class LoaderNotes(Notes):
    def batch_start(self, trainer, pl_module, batch, batch_idx, dataloader_idx=0):
        if self.has_dataloader_changed(dataloader_idx):
            self.note()

    on_validation_batch_start = on_test_batch_start = on_predict_batch_start = batch_start

    def on_validation_end(self, trainer, pl_module):
        self.reset_dataloader_idx_tracker()


# The numbers here are those that pytorch-lightning 2.6.6 gives in the same place.


@pytest.mark.parametrize(
    ("settings", "totals"),
    [
        ({"max_epochs": 2}, [5, 5]),
        ({"max_epochs": 5, "max_steps": 3}, [5]),
        ({"max_epochs": -1, "max_steps": 7}, [5, 2]),
        ({"limit_train_batches": 2}, [2]),
    ],
)
def test_an_epoch_has_as_many_batches_as_the_run_will_make_of_it(settings, totals):
    notes = TrainNotes("total_train_batches")
    trainer(notes, **settings).fit(Line(), loader(5))
    assert [total for (total,) in notes.answers] == totals


def test_a_loader_without_a_length_has_infinitely_many_batches():
    notes = TrainNotes("total_train_batches")
    trainer(notes).fit(Line(), DataLoader(Endless()))
    assert notes.answers == [(math.inf,)]


def test_an_epoch_without_validation_counts_no_validation_batches():
    notes = TrainNotes("total_val_batches")
    runs = trainer(notes, max_epochs=3, check_val_every_n_epoch=2, num_sanity_val_steps=1)
    runs.fit(Validated(), loader(1), [loader(3), loader(2)])
    assert notes.answers == [(0,), (5,), (0,)]


def test_each_loader_of_a_validation_has_its_own_total():
    notes = LoaderNotes("total_val_batches_current_dataloader")
    trainer(notes, num_sanity_val_steps=2).fit(Validated(), loader(1), [loader(3), loader(1)])
    assert notes.answers == [(2,), (1,), (3,), (1,)]  # the first two before training


@pytest.mark.parametrize("kind", ["test", "predict"])
def test_each_loader_of_a_test_or_prediction_has_its_own_total(kind):
    notes = LoaderNotes(f"total_{kind}_batches_current_dataloader")
    getattr(trainer(notes), kind)(Line(), [loader(3), loader(2)])
    assert notes.answers == [(3,), (2,)]


def test_a_bar_without_a_run_says_so():
    with pytest.raises(DetachedError, match="gets one in setup"):
        _ = Notes().total_train_batches


def test_the_loader_that_runs_is_unknown_outside_of_an_evaluation():
    notes = Notes()
    trainer(notes).fit(Validated(), loader(1), loader(1))
    with pytest.raises(DetachedError, match="No evaluation is running"):
        _ = notes.total_val_batches_current_dataloader


def test_metrics_are_those_that_were_logged_for_the_bar():
    shown: dict[str, Any] = {}

    class Shows(Notes):
        def on_train_epoch_end(self, trainer, pl_module):
            shown.update(self.get_metrics(trainer, pl_module))

    trainer(Shows()).fit(Line(), loader(2))
    assert list(shown) == ["loss"]


class Versioned(Logger):
    name = "versioned"

    def __init__(self, version: Any) -> None:
        self._version = version

    @property
    def version(self) -> Any:
        return self._version

    def log_metrics(self, metrics, step=None):
        pass

    def log_hyperparams(self, params, *args, **kwargs):
        pass


@pytest.mark.parametrize(
    ("versions", "text"),
    [
        ([0], 0),
        ([123456], 123456),
        (["abcdefgh"], "efgh"),
        (["abc"], "abc"),
        ([5, 6], "5_6"),
        ([12345, 67890], "7890"),
        ([None, 3], 3),
        ([None], None),
        ([""], None),
        ([], None),
    ],
)
def test_the_version_of_the_loggers_is_shown_and_cut_to_its_end(versions, text):
    bar = Notes()
    runs = trainer(bar, logger=[Versioned(version) for version in versions])
    assert bar.get_metrics(runs, Line()).get("v_num") == text


def test_a_metric_that_hides_the_version_is_warned_of():
    class Hides(Line):
        def training_step(self, batch, batch_idx):
            self.log("v_num", 7.0, prog_bar=True)
            return super().training_step(batch, batch_idx)

    class Shows(Notes):
        def on_train_epoch_end(self, trainer, pl_module):
            with pytest.warns(UserWarning, match="'v_num' takes the place"):
                assert self.get_metrics(trainer, pl_module)["v_num"] == 7.0

    trainer(Shows(), logger=Versioned(3)).fit(Hides(), loader(1))


def test_a_bar_is_disabled_on_every_process_but_the_first():
    class Second(L.Trainer):
        is_global_zero = False

    bar = Notes()
    bar.setup(Second(accelerator="cpu", logger=False, enable_checkpointing=False), Line(), "fit")
    assert not bar.on


def test_a_bare_subclass_prints_as_print_does(capsys):
    Notes().print("a", 1, sep="-", end="!")
    assert capsys.readouterr().out == "a-1!"
