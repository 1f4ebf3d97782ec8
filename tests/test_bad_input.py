"""Mistakes that users make, from the outside: each is an error that says what is wrong, where, and the way out."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from tests.tiny import Tiny, batches, trainer
from torch.utils.data import DataLoader

import leyden as L
from leyden.callbacks import EarlyStopping, ModelCheckpoint
from leyden.core.warnings import LeydenWarning
from leyden.errors import (
    DataError,
    DetachedError,
    DigestError,
    EncodeError,
    FormatError,
    LeydenError,
    LogError,
    MismatchError,
    ModuleError,
    MonitorError,
    NoModelError,
    PathError,
    SettingsError,
    TrustError,
)


class Case:
    """One mistake: what a user does, and the error with the parts of its message."""

    def __init__(self, mistake, error, *said):
        self.mistake, self.error, self.said = mistake, error, said


def module(**methods):
    """A module with one method written wrongly."""
    return type("Mine", (Tiny,), methods)()


def fit(own=None, *callbacks, train=None, **arguments):
    own = Tiny() if own is None else own
    trainer(".", *callbacks, **arguments).fit(own, batches(3) if train is None else train, batches(1))


def scheduled(scheduler, **more):
    """A module whose optimizer has this scheduler."""

    def configure_optimizers(self):
        optimizer = torch.optim.SGD(self.parameters(), lr=0.1)
        return {"optimizer": optimizer, "lr_scheduler": scheduler(optimizer), **more}

    return module(configure_optimizers=configure_optimizers)


def saving(weights_only=False, **arguments):
    """Write a.ckpt, and return its bytes."""
    run = trainer(".", **arguments)
    run.fit(Tiny(), batches(3), batches(1))
    run.save_checkpoint("a.ckpt", weights_only=weights_only)
    return bytearray(Path("a.ckpt").read_bytes())


def resume(content, own=None, **arguments):
    """Resume from a file with these bytes."""
    Path("b.ckpt").write_bytes(content)
    run = trainer(".", **({"max_epochs": 2} | arguments))
    run.fit(Tiny() if own is None else own, batches(3), batches(1), ckpt_path="b.ckpt")


def tampered(content):
    content[-1] ^= 1
    return content


def wide():
    wider = Tiny()
    wider.layer = torch.nn.Linear(3, 1)
    return wider


def renamed():
    other = Tiny()
    other.head = other.layer
    del other.layer
    return other


def adam(self):
    return torch.optim.Adam(self.parameters())


def plateau(optimizer):
    return torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer)


MODULES = {
    "no training step": Case(
        lambda: fit(module(training_step=L.Module.training_step)),
        ModuleError,
        "Mine has no training_step()",
        "Define training_step(self, batch, batch_idx)",
    ),
    "no optimizer": Case(
        lambda: fit(module(configure_optimizers=L.Module.configure_optimizers)),
        ModuleError,
        "Mine has no configure_optimizers()",
        "Define configure_optimizers(self)",
    ),
    "no validation step": Case(
        lambda: trainer(".").validate(module(validation_step=L.Module.validation_step), batches(1)),
        ModuleError,
        "Mine has no validation_step()",
        "Define validation_step(self, batch, batch_idx)",
    ),
    "nothing to predict with": Case(
        lambda: trainer(".").predict(module(forward=L.Module.forward), batches(1)),
        ModuleError,
        "Mine has neither predict_step() nor forward()",
        "Define forward(self, batch)",
    ),
    "a plain torch module": Case(
        lambda: fit(torch.nn.Linear(2, 1)), ModuleError, "a Linear as model", "a subclass of leyden.Module"
    ),
    "a class": Case(lambda: fit(Tiny), ModuleError, "the class Tiny and not an object of it", "Pass an object"),
    "an argument too many": Case(
        lambda: fit(module(training_step=lambda self, batch, batch_idx, optimizer_idx: None)),
        ModuleError,
        "training_step() wants optimizer_idx",
        "Drop it, or give it a default",
    ),
    "an argument too few": Case(
        lambda: trainer(".").test(module(test_step=lambda self, batch, batch_idx: None), [batches(1), batches(1)]),
        ModuleError,
        "there are 2 loaders",
        "Define test_step(self, batch, batch_idx, dataloader_idx)",
    ),
    "a loss that is a number": Case(
        lambda: fit(module(training_step=lambda self, batch, batch_idx: 1.0)),
        ModuleError,
        "training_step() returned a float",
        "Return the loss as a tensor",
    ),
    "a loss under another name": Case(
        lambda: fit(module(training_step=lambda self, batch, batch_idx: {"my_loss": 1.0})),
        ModuleError,
        "a dict with the keys ['my_loss']",
        "a dict with it under 'loss'",
    ),
    "a loss for each sample": Case(
        lambda: fit(module(training_step=lambda self, batch, batch_idx: self(batch).repeat(4, 1))),
        ModuleError,
        "a loss of shape (4, 1)",
        "Return its mean",
    ),
    "a detached loss": Case(
        lambda: fit(module(training_step=lambda self, batch, batch_idx: self(batch).mean().detach())),
        ModuleError,
        "a loss without a graph",
        "Do not detach it",
    ),
    "an optimizer by name": Case(
        lambda: fit(module(configure_optimizers=lambda self: "adam")),
        ModuleError,
        "configure_optimizers() returned a str",
        "Return an optimizer",
    ),
    "two optimizers": Case(
        lambda: fit(module(configure_optimizers=lambda self: [adam(self), adam(self)])),
        ModuleError,
        "returned 2 optimizers",
        "automatic_optimization = False",
    ),
    "a scheduler by metric without a metric": Case(
        lambda: fit(scheduled(plateau)), ModuleError, "ReduceLROnPlateau steps on a metric", "'monitor'"
    ),
    "self.trainer without a trainer": Case(
        lambda: Tiny().trainer, DetachedError, "self.trainer of Tiny needs a running trainer", "Use it inside"
    ),
}

METRICS = {
    "early stopping": Case(
        lambda: fit(None, EarlyStopping("val_loss")), MonitorError, "'val_loss'", "'val'", "self.log('val_loss'"
    ),
    "a checkpoint": Case(
        lambda: fit(None, ModelCheckpoint(monitor="acc"), enable_checkpointing=True),
        MonitorError,
        "'acc'",
        "'val'",
        "self.log('acc'",
    ),
    "a scheduler": Case(
        lambda: fit(scheduled(plateau, monitor="val_loss")),
        MonitorError,
        "ReduceLROnPlateau watches the metric 'val_loss'",
        "'val'",
        "Log it with self.log()",
    ),
    "a vector": Case(
        lambda: fit(module(training_step=lambda self, batch, batch_idx: self.log("x", torch.ones(3)))),
        LogError,
        "self.log('x') in training_step",
        "shape (3,)",
        "Log its mean",
    ),
    "a place without a batch": Case(
        lambda: fit(module(on_fit_start=lambda self: self.log("x", 1))),
        LogError,
        "self.log('x') in on_fit_start",
        "Log it in a step",
    ),
}

DATA = {
    "no loader": Case(
        lambda: trainer(".").fit(Tiny()), DataError, "fit() has no training data", "train_dataloaders=loader"
    ),
    "no loader to test": Case(
        lambda: trainer(".").test(Tiny()), DataError, "test() has no data", "define test_dataloader()"
    ),
    "a loader method without an answer": Case(
        lambda: trainer(".").fit(module(train_dataloader=lambda self: None), None, batches(1)),
        DataError,
        "train_dataloader() of Mine returned None",
        "Return a loader",
    ),
    "no iterable": Case(
        lambda: fit(train=3), DataError, "train_dataloader", "an int, which cannot be iterated", "Use a DataLoader"
    ),
    "loaders and a data module": Case(
        lambda: trainer(".").fit(Tiny(), batches(1), datamodule=L.DataModule()),
        SettingsError,
        "both loaders and a data module",
        "Give one",
    ),
    "a loader as data module": Case(
        lambda: trainer(".").fit(Tiny(), datamodule=batches(1)), SettingsError, "a DataLoader", "leyden.DataModule"
    ),
    "an interval beyond the epoch": Case(
        lambda: fit(val_check_interval=500), SettingsError, "val_check_interval=500", "3 batches", "Use at most 3"
    ),
    "a fraction of a batch": Case(
        lambda: fit(limit_train_batches=0.1), SettingsError, "limit_train_batches=0.1", "Use limit_train_batches=1"
    ),
}

CHECKPOINTS = {
    "another shape": Case(
        lambda: resume(saving(), wide()),
        MismatchError,
        "b.ckpt does not fit Tiny",
        "layer.weight (shape [1, 3] in the model, [1, 2] in the file)",
        "Build the model with the arguments",
    ),
    "another name": Case(
        lambda: resume(saving(), renamed()),
        MismatchError,
        "b.ckpt does not fit Tiny",
        "head.weight",
        "layer.weight",
        "strict=False",
    ),
    "another optimizer": Case(
        lambda: resume(saving(), module(configure_optimizers=adam)),
        MismatchError,
        "b.ckpt was made with another kind of optimizer than Adam",
        "Resume with the configure_optimizers()",
    ),
    "another scheduler": Case(
        lambda: resume(saving(), scheduled(lambda optimizer: torch.optim.lr_scheduler.StepLR(optimizer, 1))),
        MismatchError,
        "b.ckpt has the states of 0 learning-rate schedulers, and this run has 1",
        "Resume with the configure_optimizers()",
    ),
    "weights alone": Case(
        lambda: resume(saving(weights_only=True)),
        MismatchError,
        "b.ckpt has weights and no training state",
        "load_from_checkpoint()",
    ),
    "more epochs than are allowed": Case(
        lambda: resume(saving(max_epochs=3), max_epochs=1),
        SettingsError,
        "b.ckpt was made after 3 epochs, but max_epochs=1",
        "Raise max_epochs to 4",
    ),
    "cut short": Case(lambda: resume(saving()[:-10]), FormatError, "b.ckpt is cut short", "Use another copy"),
    "empty": Case(lambda: resume(b""), FormatError, "b.ckpt has 0 bytes", "Use another copy"),
    "text": Case(lambda: resume(b"epoch: 3\nloss: 0.1\n"), FormatError, "b.ckpt is not a checkpoint", "Check the path"),
    "tampered": Case(
        lambda: resume(tampered(saving())), DigestError, "b.ckpt", "is not what was saved", "Use another copy"
    ),
    "a pickle of weights": Case(
        lambda: (torch.save({"state_dict": {}}, "a.ckpt"), resume(Path("a.ckpt").read_bytes())),
        MismatchError,
        "b.ckpt has weights and no training state",
        "load_from_checkpoint()",
    ),
    "a pickle with an object": Case(
        lambda: (torch.save({"state_dict": {}, "x": Tiny()}, "a.ckpt"), resume(Path("a.ckpt").read_bytes())),
        TrustError,
        "tests.tiny.Tiny at x (byte ",
        "leyden convert OLD NEW --allow-class",
    ),
    "a directory": Case(lambda: fit_from("."), FormatError, ". is not a file", "name the file in it"),
    "no file": Case(lambda: fit_from("c.ckpt"), FileNotFoundError, "c.ckpt", "check the path"),
    "no best": Case(
        lambda: trainer(".").validate(Tiny(), batches(1), ckpt_path="best"),
        SettingsError,
        "ckpt_path='best', but this trainer has made no such checkpoint",
        "Fit with ModelCheckpoint",
    ),
    "a number": Case(lambda: fit_from(3), SettingsError, "ckpt_path=3 is no path", "'best' or 'last'"),
    "saving before a run": Case(
        lambda: trainer(".").save_checkpoint("a.ckpt"),
        NoModelError,
        "this trainer has run none",
        "Call it after fit()",
    ),
    "saving over a directory": Case(lambda: saving_as("."), PathError, ". is a directory", "Choose another"),
    "saving what has no encoding": Case(
        lambda: saving_as("a.ckpt", module(on_save_checkpoint=lambda self, checkpoint: checkpoint.update(x=object()))),
        EncodeError,
        "x is a builtins.object",
        "Save what it is made of",
    ),
}


def fit_from(ckpt_path):
    trainer(".").fit(Tiny(), batches(3), batches(1), ckpt_path=ckpt_path)


def saving_as(path, own=None):
    run = trainer(".")
    run.fit(own or Tiny(), batches(1), batches(1))
    run.save_checkpoint(path)


ARGUMENTS = {
    "a callback that is a class": Case(
        lambda: trainer(".", EarlyStopping), SettingsError, "the class EarlyStopping", "Use objects"
    ),
    "a switch and its contrary": Case(
        lambda: trainer(".", ModelCheckpoint()), SettingsError, "enable_checkpointing=False", "ModelCheckpoint", "Drop"
    ),
    "a duration": Case(lambda: trainer(".", max_time="1h"), SettingsError, "max_time='1h'", "'00:12:00:00'"),
    "a device that is not there": Case(
        lambda: trainer(".", accelerator="tpu"), SettingsError, "accelerator='tpu' is unknown", "Use one of"
    ),
    "least over most": Case(
        lambda: trainer(".", min_epochs=5), SettingsError, "min_epochs=5 is more than max_epochs=1", "Lower one"
    ),
    "an unknown mode": Case(lambda: EarlyStopping("val", mode="best"), SettingsError, "mode='best'", "'min'", "'max'"),
    "a name that leaves its directory": Case(
        lambda: fit(None, ModelCheckpoint(filename="../../x"), enable_checkpointing=True),
        SettingsError,
        "filename='../../x' leads out of the directory",
        "Give the directory as dirpath",
    ),
}

TABLE = {
    f"{kind}: {name}": case
    for kind, cases in {
        "module": MODULES,
        "metric": METRICS,
        "data": DATA,
        "checkpoint": CHECKPOINTS,
        "argument": ARGUMENTS,
    }.items()
    for name, case in cases.items()
}


@pytest.mark.parametrize("case", TABLE.values(), ids=TABLE)
def test_a_mistake_is_named_with_its_place_and_the_way_out(case, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(case.error) as caught:
        case.mistake()
    message = str(caught.value)
    assert [part for part in case.said if part not in message] == [], message
    if isinstance(caught.value, LeydenError):
        assert message.endswith((".", ")")), message
        assert ". " in message or " must be " in message, f"the way out is missing: {message}"


@pytest.mark.parametrize(
    ("mistake", "said"),
    [
        (lambda: fit(train=DataLoader(torch.ones(3, 2), 8, drop_last=True)), "has no batches.*drop_last"),
        (lambda: fit(module(training_step=lambda self, batch, batch_idx: None)), r"training_step\(\) returned None"),
        (lambda: fit(module(configure_optimizers=lambda self: None)), "changes no weights"),
        (lambda: fit(module(validation_step=L.Module.validation_step)), r"has no validation_step\(\)"),
        (lambda: trainer(".").fit(Tiny(), batches(1)), "there is no val_dataloader"),
        (lambda: fit(max_epochs=None, limit_train_batches=0), "1000 epochs"),
        (lambda: Tiny().log("x", 1), "no trainer is attached"),
    ],
)
def test_what_works_and_is_probably_not_meant_is_a_warning(mistake, said, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.warns(LeydenWarning, match=said):
        mistake()


def test_a_mistake_leaves_nothing_behind_but_what_the_run_wrote(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ModuleError):
        fit(module(training_step=L.Module.training_step), enable_checkpointing=True, logger=True)
    assert list(tmp_path.iterdir()) == []
