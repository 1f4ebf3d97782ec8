"""The kills of ``kills.py`` under pytorch-lightning, to compare: what is left when such a training is killed.

    python -m tests.robustness.lightning_kills --kills 40

Each run is killed once, and goes on from its last checkpoint, or the newest that can be read. Only what is found is
counted, since nothing here is Leyden's. TMPDIR is on another file system, if there is one.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import tempfile
import time
import warnings
from collections import Counter
from pathlib import Path

import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import ModelCheckpoint
from tests.callbacks.scripted import batches
from tests.robustness.every_step import in_child
from tests.robustness.kills import MEMORY, killed
from tests.robustness.program import EPOCHS, SCORES, WAYS


class Scripted(pl.LightningModule):
    """As Leyden's of that name."""

    def __init__(self):
        super().__init__()
        self.layer = torch.nn.Linear(2, 1)
        self.register_buffer("validations", torch.tensor(0))

    def training_step(self, batch, batch_idx):
        return self.layer(batch[0]).pow(2).mean()

    def validation_step(self, batch, batch_idx):
        self.log("val", torch.tensor(float(SCORES[min(int(self.validations), len(SCORES) - 1)])))

    def on_validation_epoch_end(self):
        self.validations += 1

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), lr=0.01)


def run(root: Path, way: str, ckpt_path: str | None = None) -> None:
    torch.manual_seed(0)
    saver = ModelCheckpoint(dirpath=root / "ckpts", **WAYS[way])
    quiet = {"logger": False, "enable_progress_bar": False, "enable_model_summary": False, "num_sanity_val_steps": 0}
    trainer = pl.Trainer(accelerator="cpu", max_epochs=EPOCHS, default_root_dir=root, callbacks=[saver], **quiet)
    trainer.fit(Scripted(), batches(2), batches(1), ckpt_path=ckpt_path, weights_only=True)


def readable(path: Path) -> bool:
    try:
        return bool(torch.load(path, weights_only=True))
    except Exception:  # noqa: BLE001 - whatever torch says of half a file
        return False


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=40)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--way", default="two best and last", choices=[*WAYS])
    asked = parser.parse_args()
    warnings.simplefilter("ignore")
    chance, found = random.Random(asked.seed), Counter({"kills": 0})
    here = Path(tempfile.mkdtemp(dir=Path.cwd(), prefix=".kills-"))
    tempfile.tempdir = tempfile.mkdtemp(dir=MEMORY if MEMORY.is_dir() else here)
    try:
        run(here / "whole", asked.way)
        whole = {path.name for path in (here / "whole" / "ckpts").iterdir()}
        began = time.monotonic()
        in_child(lambda: run(here / "again", asked.way))
        lasts = time.monotonic() - began
        for number in range(asked.kills):
            root = here / str(number)
            killed(lambda: run(root, asked.way), chance.uniform(0, lasts))  # noqa: B023 - it runs at once
            look(root, asked.way, whole, found)
            shutil.rmtree(root, ignore_errors=True)
        found["temporary files in TMPDIR at the end"] = len(os.listdir(tempfile.tempdir))  # noqa: PTH208
    finally:
        shutil.rmtree(here)
        shutil.rmtree(tempfile.tempdir)
    print(f"pytorch-lightning {pl.__version__}, {asked.way}: {json.dumps(found)}")


def look(root: Path, way: str, whole: set[str], found: Counter[str]) -> None:
    """Count what a kill has left, and what is left when the run has gone on to its end."""
    found["kills"] += 1
    there = sorted((root / "ckpts").iterdir(), key=lambda path: path.stat().st_mtime) if root.exists() else []
    broken = [path for path in there if not readable(path)]
    found["checkpoints that cannot be read, after the kill"] += len(broken)
    found["kills that left the last checkpoint unreadable"] += any(path.name == "last.ckpt" for path in broken)
    sound = [path for path in there if path not in broken]
    last = [path for path in sound if path.name == "last.ckpt"]
    source = str((last or sound[-1:])[0]) if sound else None
    if in_child(lambda: run(root, way, source)) != 0:
        found["runs that could not go on"] += 1
        return
    after = {path.name for path in (root / "ckpts").iterdir()}
    found["runs that ended with more files"] += bool(after - whole)
    found["runs that ended without a file"] += bool(whole - after)


if __name__ == "__main__":
    main()
