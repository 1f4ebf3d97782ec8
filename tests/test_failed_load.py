"""A load that fails leaves the model, the callbacks and the data module as they were, wherever it fails."""

from __future__ import annotations

import copy
from collections import deque

import pytest
import torch
from tests.tiny import Tiny, batches, trainer

import leyden as L
from leyden.checkpoint.load import load
from leyden.checkpoint.save import save
from leyden.errors import CheckpointError


class Model(Tiny):
    """With a buffer, extra state, and an attribute that its checkpoints carry."""

    def __init__(self, fails=False):
        super().__init__()
        self.fails, self.note, self.history, self.extra = fails, "own", [], "own"
        self.register_buffer("seen", torch.zeros(1))

    def get_extra_state(self):
        return {"extra": self.extra}

    def set_extra_state(self, state):
        self.extra = state["extra"]

    def on_save_checkpoint(self, checkpoint):
        checkpoint["note"] = "saved"

    def on_load_checkpoint(self, checkpoint):
        self.note = checkpoint["note"]
        self.history.append("loaded")
        self.later = True
        if self.fails:
            self.layer = torch.nn.Linear(2, 1)
            raise KeyError("mine")

    def training_step(self, batch, batch_idx):
        self.seen += 1
        return super().training_step(batch, batch_idx)


class Adaptive(Model):
    def configure_optimizers(self):
        return torch.optim.Adam(self.parameters())


class Scheduled(Model):
    def configure_optimizers(self):
        optimizer = super().configure_optimizers()
        return [optimizer], [torch.optim.lr_scheduler.StepLR(optimizer, 1)]


class Unconfigured(Model):
    def configure_optimizers(self):
        raise ValueError("mine")


class Keeping(L.Callback):
    """Takes its state in every way in which one can."""

    def __init__(self, fails=""):
        self.fails, self.count, self.names, self.recent, self.tags = fails, 0, {}, deque([1]), {"own"}
        self.average = {"w": torch.zeros(2)}

    def state_dict(self):
        return {"count": 3, "names": {"a": 1}, "average": torch.ones(2)}

    def load_state_dict(self, state_dict):
        self.count = state_dict["count"]
        self.names.update(state_dict["names"])
        self.recent.append(2)
        self.tags.add("loaded")
        self.average["w"].copy_(state_dict["average"])
        if self.fails == "load_state_dict":
            raise ValueError("mine")

    def on_load_checkpoint(self, trainer, pl_module, checkpoint):
        with torch.no_grad():
            pl_module.layer.bias.fill_(7.0)
        if self.fails == "on_load_checkpoint":
            raise ValueError("mine")


class Data(L.DataModule):
    def __init__(self, count=3, fails=False, loaders=1):
        super().__init__()
        self.count, self.fails, self.loaders, self.kept = count, fails, loaders, {"place": 0}

    def train_dataloader(self):
        return batches(self.count) if self.loaders == 1 else [batches(self.count)] * self.loaders

    def val_dataloader(self):
        return batches(1)

    def state_dict(self):
        return {"place": 5}

    def load_state_dict(self, state_dict):
        self.kept.update(state_dict)
        if self.fails:
            raise ValueError("mine")


@pytest.fixture
def path(tmp_path):
    """A checkpoint that was made inside an epoch."""

    class Saving(L.Callback):
        def on_train_batch_end(self, trainer, *_):
            if trainer.global_step == 5:
                trainer.save_checkpoint(tmp_path / "a.ckpt")

    torch.manual_seed(1)
    model = Model()
    model.extra = "saved"
    trainer(tmp_path, Keeping(), Saving(), max_epochs=3).fit(model, datamodule=Data())
    return tmp_path / "a.ckpt"


def known(owner):
    """What an object is, without what a trainer lends."""
    return {name: copy.deepcopy(value) for name, value in vars(owner).items() if not name.startswith("_")}


def spoiled(path, change):
    checkpoint = load(path)
    change(checkpoint)
    save(checkpoint, path)


FAILURES = {
    "another kind of optimizer": {"said": "another kind of optimizer", "model": Adaptive},
    "another number of schedulers": {"said": "0 learning-rate schedulers", "model": Scheduled},
    "configure_optimizers": {"said": "mine", "model": Unconfigured},
    "on_load_checkpoint of the module": {"said": "mine", "model": lambda: Model(fails=True)},
    "on_load_checkpoint of a callback": {"said": "mine", "callback": lambda: Keeping("on_load_checkpoint")},
    "load_state_dict of a callback": {"said": "mine", "callback": lambda: Keeping("load_state_dict")},
    "load_state_dict of the data module": {"said": "mine", "data": lambda: Data(fails=True)},
    "fewer epochs": {"said": "after 1 epochs, but max_epochs=0", "max_epochs": 0},
    "fewer batches": {"said": "has fewer", "data": lambda: Data(count=1)},
    "more loaders": {"said": "there are 2", "data": lambda: Data(loaders=2)},
    "a malformed loss scaler": {
        "said": "loss scaler",
        "change": lambda checkpoint: checkpoint.update(MixedPrecision={"scale": "x"}),
    },
    "malformed callbacks": {
        "said": "'callbacks' are no dict",
        "change": lambda checkpoint: checkpoint.update(callbacks=3),
    },
    "no states of optimizers": {
        "said": "no list of states",
        "change": lambda checkpoint: checkpoint.update(optimizer_states=None),
    },
    "other weights": {
        "said": "seen",
        "change": lambda checkpoint: checkpoint["state_dict"].pop("seen"),
    },
}


@pytest.mark.parametrize("case", FAILURES.values(), ids=FAILURES.keys())
def test_what_a_failed_resume_had_loaded_is_undone(case, path, tmp_path):
    torch.manual_seed(2)
    model, callback, data = (
        case.get(name, kind)() for name, kind in (("model", Model), ("callback", Keeping), ("data", Data))
    )
    if "change" in case:
        spoiled(path, case["change"])
    weights, layers = copy.deepcopy(model.state_dict()), list(model.modules())
    before = [known(owner) for owner in (model, callback, data)]
    run = trainer(tmp_path, callback, max_epochs=case.get("max_epochs", 3))
    with pytest.raises((CheckpointError, ValueError, KeyError), match=case["said"]):
        run.fit(model, datamodule=data, ckpt_path=path)
    after = model.state_dict()
    assert after.pop("_extra_state") == weights.pop("_extra_state")
    assert all(torch.equal(value, weights[name]) for name, value in after.items())
    assert list(model.modules()) == layers
    assert all(weight.grad is None for weight in model.parameters())
    for owner, own in zip((model, callback, data), before, strict=True):
        now = known(owner)
        for holder in (own, now):
            holder.pop("trainer", None)
            holder.pop("average", None)
        assert now == own
    assert callback.average["w"].tolist() == [0, 0]
    assert (run.global_step, run.current_epoch) == (0, 0)


def test_a_run_after_a_failed_resume_is_as_if_that_had_not_been_tried(path, tmp_path):
    def trained(tries):
        torch.manual_seed(2)
        model, run = Model(), trainer(tmp_path, Keeping(), max_epochs=2)
        if tries:
            with pytest.raises(CheckpointError, match="fewer"):
                run.fit(model, datamodule=Data(count=1), ckpt_path=path)
        run.fit(model, datamodule=Data())
        return model, run.checkpoint_writer.store.lineage.parent

    (first, parent), (second, other) = trained(True), trained(False)
    assert torch.equal(first.layer.weight, second.layer.weight)
    assert parent == other


def test_an_evaluation_whose_load_fails_leaves_the_model_as_it_was(path, tmp_path):
    model = Model()
    before = copy.deepcopy(model.layer.state_dict())
    with pytest.raises(ValueError, match="mine"):
        trainer(tmp_path, Keeping("on_load_checkpoint")).validate(model, batches(1), ckpt_path=path)
    assert all(torch.equal(value, before[name]) for name, value in model.layer.state_dict().items())
    assert (model.note, model.history) == ("own", [])


def test_nothing_is_saved_of_a_run_whose_load_failed(path, tmp_path):
    savers = [
        L.callbacks.OnExceptionCheckpoint(tmp_path / "a"),
        L.callbacks.ModelCheckpoint(tmp_path / "b", save_on_exception=True),
    ]
    run = trainer(tmp_path, *savers, Keeping("load_state_dict"), enable_checkpointing=True, max_epochs=3)
    with pytest.raises(ValueError, match="mine"):
        run.fit(Model(), datamodule=Data(), ckpt_path=path)
    assert not list(tmp_path.glob("?/*"))


def test_what_has_been_changed_since_the_load_is_not_undone(path, tmp_path):
    class Opening(Keeping):
        state_key = "Keeping"

        def on_fit_start(self, trainer, pl_module):
            self.opened = True

    callback = Opening()
    with pytest.raises(CheckpointError):
        trainer(tmp_path, callback, max_epochs=3).fit(Adaptive(), datamodule=Data(), ckpt_path=path)
    assert callback.opened  # so that it can be closed in teardown
    assert callback.count == 0


def test_once_the_run_goes_on_nothing_is_kept(path, tmp_path):
    run = trainer(tmp_path, Keeping(), max_epochs=3)
    held = []

    class Looking(Model):
        def training_step(self, batch, batch_idx):
            held.append(run._session._kept)
            return super().training_step(batch, batch_idx)

    run.fit(Looking(), datamodule=Data(), ckpt_path=path)
    assert held
    assert held == [None] * len(held)
    with pytest.raises(CheckpointError):
        run.fit(Adaptive(), datamodule=Data(), ckpt_path=path)
    assert run._session._kept is None
