"""ModelCheckpoint in runs that go on from files of Lightning's, which anybody may have made."""

from __future__ import annotations

import pytest
import torch
from tests.tiny import Tiny, batches, trainer

from leyden.callbacks import ModelCheckpoint
from leyden.errors import SealError


def of_lightning(path, model, saving, folder):
    """A checkpoint as Lightning writes one after an epoch; its ModelCheckpoint keeps files in ``folder``."""
    optimizer = model.configure_optimizers()
    counts = dict.fromkeys(("ready", "started", "processed", "completed"), 1)
    batches = {"total": counts, "current": counts, "is_last_batch": True}
    best = str(folder / "best.ckpt")
    state = {
        "monitor": "loss",
        "best_model_score": torch.tensor(9.0),
        "best_model_path": best,
        "current_score": torch.tensor(9.0),
        "dirpath": str(folder),
        "best_k_models": {best: torch.tensor(9.0)},
        "kth_best_model_path": best,
        "kth_value": torch.tensor(9.0),
        "last_model_path": str(folder / "last.ckpt"),
    }
    tree = {
        "epoch": 1,
        "global_step": 1,
        "pytorch-lightning_version": "2.6.6",
        "state_dict": model.state_dict(),
        "loops": {
            "fit_loop": {
                "epoch_loop.batch_progress": batches,
                "epoch_progress": {"total": counts, "current": counts},
                "epoch_loop.state_dict": {"_batches_that_stepped": 1},
            }
        },
        "callbacks": {saving.state_key: state},
        "optimizer_states": [optimizer.state_dict()],
        "lr_schedulers": [],
    }
    torch.save(tree, path)


@pytest.mark.parametrize("inside", [True, False])
@pytest.mark.filterwarnings("ignore:The checkpoints so far are in")
def test_paths_in_a_file_of_lightnings_are_followed_only_inside_of_the_runs_own_directory(tmp_path, inside):
    own, others = tmp_path / "own", tmp_path / "others"
    for folder in (own, others):
        folder.mkdir()
        (folder / "best.ckpt").write_text("precious")
    saving = ModelCheckpoint(own, monitor="loss", save_top_k=1, every_n_epochs=1)
    of_lightning(tmp_path / "old.ckpt", Tiny(), saving, own if inside else others)
    trainer(tmp_path, saving, max_epochs=2, enable_checkpointing=True).fit(
        Tiny(), batches(1), batches(1), ckpt_path=tmp_path / "old.ckpt"
    )
    assert (others / "best.ckpt").read_text() == "precious"
    assert saving.best_model_path.startswith(str(own))


def test_a_strict_policy_resumes_from_no_pickled_file(tmp_path):
    saving = ModelCheckpoint(tmp_path, monitor="loss")
    of_lightning(tmp_path / "old.ckpt", Tiny(), saving, tmp_path)
    strict = trainer(tmp_path, max_epochs=2, policy="strict")
    with pytest.raises(SealError, match="rule 'pickled'"):
        strict.fit(Tiny(), batches(1), batches(1), ckpt_path=tmp_path / "old.ckpt")
