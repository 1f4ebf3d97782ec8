from __future__ import annotations

import pytest
import torch

from leyden.checkpoint.lightning import as_checkpoint
from leyden.core.metrics import Log
from leyden.core.state import State
from leyden.errors import FormatError


def counts(ready, started, processed, completed):
    return {"ready": ready, "started": started, "processed": processed, "completed": completed}


def checkpoint(epochs, total, current=None, *, last=False, steps=3, stepped=3, **more):
    """As Lightning 2.6 counts: epochs, batches of the run and of the epoch."""
    progress = {"step": {"total": {"ready": steps, "completed": steps}, "current": {"ready": 1, "completed": 1}}}
    loop = {
        "state_dict": {},
        "epoch_loop.state_dict": {"_batches_that_stepped": stepped},
        "epoch_loop.batch_progress": {
            "total": counts(*total),
            "current": counts(*(current or total)),
            "is_last_batch": last,
        },
        "epoch_loop.automatic_optimization.optim_progress": {"optimizer": progress},
        "epoch_progress": {"total": counts(*epochs), "current": counts(*epochs)},
    }
    tree = {
        "epoch": epochs[3],
        "global_step": steps,
        "pytorch-lightning_version": "2.6.6",
        "loops": {"fit_loop": loop},
        "optimizer_states": [],
        "lr_schedulers": [],
    }
    return tree | more


def state_of(tree) -> State:
    return State.from_state_dict(as_checkpoint(tree, "a.ckpt")["leyden"]["state"])


@pytest.mark.parametrize(
    ("tree", "epoch", "batch", "at", "stepped"),
    [
        (checkpoint((2, 2, 2, 2), (6, 6, 6, 6), (3, 3, 3, 3), last=True, steps=6, stepped=6), 2, 0, "epoch_start", 6),
        (checkpoint((1, 1, 1, 0), (3, 3, 3, 3), last=True), 1, 0, "epoch_start", 3),
        (checkpoint((1, 0, 0, 0), (0, 0, 0, 0), steps=0, stepped=0), 0, 0, "batch", 0),
        (checkpoint((1, 1, 0, 0), (2, 1, 1, 1), steps=1, stepped=1), 0, 1, "batch", 1),
        (checkpoint((1, 1, 0, 0), (2, 2, 2, 1), steps=2, stepped=1), 0, 2, "batch", 2),
        (checkpoint((1, 1, 0, 0), (2, 2, 2, 2), steps=2, stepped=1), 0, 2, "batch", 2),
        (checkpoint((1, 1, 0, 0), (3, 3, 3, 3), last=True, stepped=2), 0, 3, "validated", 3),
        (checkpoint((1, 1, 0, 0), (3, 3, 3, 2), last=True, stepped=2), 0, 3, "validated", 3),
        (checkpoint((1, 1, 0, 0), (3, 2, 2, 2), last=True, steps=2, stepped=2), 0, 2, "batch", 2),
        (checkpoint((1, 1, 0, 0), (2, 2, 2, 1), steps=1, stepped=1), 0, 2, "batch", 1),
    ],
    ids=[
        "after a fit",
        "on_train_epoch_end",
        "on_train_epoch_start",
        "on_train_batch_start",
        "on_train_batch_end",
        "a validation inside an epoch",
        "a validation at the end of an epoch",
        "on_train_batch_end of the last batch",
        "on_train_batch_start of the last batch",
        "inside an accumulation window",
    ],
)
def test_the_counts_tell_where_a_run_goes_on(tree, epoch, batch, at, stepped):
    found = state_of(tree)
    assert (found.epoch, found.batch, found.at, found.stepped, found.log_step) == (epoch, batch, at, stepped, stepped)
    assert found.step == tree["global_step"]


def test_what_leyden_adds_can_be_read_by_what_reads_its_own_checkpoints():
    own = as_checkpoint(checkpoint((1, 1, 0, 0), (2, 2, 2, 2)), "a.ckpt")["leyden"]
    Log().load_state_dict(own["log"])
    assert own["data"] == {"inside": True, "skipped": 2, "states": []}
    assert own["random"] is None


def test_steps_of_manual_optimization_and_of_older_loops_count():
    tree = checkpoint((1, 1, 1, 1), (3, 3, 3, 3), steps=0)
    loop = tree["loops"]["fit_loop"]
    loop["epoch_loop.manual_optimization.optim_step_progress"] = {"total": {"completed": 5}, "current": {}}
    assert state_of(tree).step == 5
    tree = checkpoint((1, 1, 1, 1), (3, 3, 3, 3))
    loop = tree["loops"]["fit_loop"]
    name = "epoch_loop.automatic_optimization.optim_progress"
    loop["epoch_loop.batch_loop.optimizer_loop.optim_progress"] = loop.pop(name)
    assert state_of(tree | {"pytorch-lightning_version": "1.7.2"}).step == 3


@pytest.mark.parametrize("version", ["1.5.10", "1.0.0", "0.9.1"])
def test_before_version_1_6_the_counts_stand_outside_of_the_loops(version):
    tree = {"epoch": 2, "global_step": 7, "pytorch-lightning_version": version, "optimizer_states": []}
    found = state_of(tree)
    assert (found.epoch, found.step, found.stepped, found.at) == (2, 7, 7, "epoch_start")


def test_loaders_that_keep_their_position_get_it_back():
    tree = checkpoint((1, 1, 0, 0), (2, 2, 2, 2))
    tree["loops"]["fit_loop"]["state_dict"]["combined_loader"] = [{"done": 2}]
    assert as_checkpoint(tree, "a.ckpt")["leyden"]["data"]["states"] == [{"done": 2}]


def test_weights_alone_and_checkpoints_of_leyden_get_no_other_position():
    assert "leyden" not in as_checkpoint({"state_dict": {}}, "a.ckpt")
    assert as_checkpoint(checkpoint((1, 1, 0, 0), (2, 2, 2, 2), leyden={"own": 1}), "a.ckpt")["leyden"] == {"own": 1}


def test_what_older_versions_called_otherwise_has_its_present_name():
    score = {"best_model_score": torch.ones(())}
    name = "ModelCheckpoint{'monitor': 'v', 'train_time_interval': None, 'save_on_train_epoch_end': True}"
    tree = {
        "hparams": {"lr": 1},
        "native_amp_scaling_state": {"scale": 2.0},
        "callbacks": {"EarlyStopping": {"wait": 1}, name: score},
    }
    found = as_checkpoint(tree, "a.ckpt")
    assert found["hyper_parameters"] == {"lr": 1}
    assert found["MixedPrecision"] == {"scale": 2.0}
    today = "ModelCheckpoint{'monitor': 'v', 'train_time_interval': None}"
    assert found["callbacks"] == {"EarlyStopping": {"wait": 1}, today: score}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("epoch_progress", {"total": {"ready": -1}}),
        ("epoch_progress", None),
        ("epoch_loop.batch_progress", {"total": {}, "current": {"processed": True}}),
        ("epoch_loop.batch_progress", {"total": {}, "current": {"ready": 1}, "is_last_batch": 3}),
        ("epoch_loop.state_dict", {"_batches_that_stepped": "3"}),
        ("state_dict", {"combined_loader": {}}),
    ],
)
def test_counts_that_cannot_be_are_an_error(name, value):
    tree = checkpoint((1, 1, 0, 0), (2, 2, 2, 2))
    tree["loops"]["fit_loop"][name] = value
    with pytest.raises(FormatError, match=r"a\.ckpt: its counts .*load_from_checkpoint\(\)"):
        as_checkpoint(tree, "a.ckpt")


@pytest.mark.parametrize("tree", [[1], torch.ones(1), {1: 2}, None])
def test_what_is_no_dictionary_with_text_for_keys_is_no_checkpoint(tree):
    with pytest.raises(FormatError, match=r"a\.ckpt holds a .* and is no checkpoint"):
        as_checkpoint(tree, "a.ckpt")
