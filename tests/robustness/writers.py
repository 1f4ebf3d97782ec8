"""Two trainings that save to one directory in the same moments, over and over.

    python -m tests.robustness.writers --rounds 200

Both wait for each other before each save, and then choose the same name. The process forks for each of the two.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import tempfile
import warnings
from pathlib import Path
from typing import Any

from tests.callbacks.scripted import Scripted, files, train

from leyden.callbacks import Callback, ModelCheckpoint
from leyden.checkpoint.load import load

WAYS: dict[str, dict[str, Any]] = {
    "all and last": {"save_top_k": -1, "save_last": True},
    "all and a link": {"save_top_k": -1, "save_last": "link"},
    "in the background": {"save_top_k": -1, "save_last": True},
    "a link, in the background": {"save_top_k": -1, "save_last": "link"},
    "newest and last": {"save_top_k": 1, "save_last": True, "monitor": None},
}


class Together(Callback):
    """Waits for the other before each save."""

    def __init__(self, barrier: Any) -> None:
        self.barrier = barrier

    def on_validation_end(self, trainer, pl_module):
        if not trainer.sanity_checking:
            self.barrier.wait(60)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("ways", nargs="*", default=[*WAYS])
    parser.add_argument("--rounds", type=int, default=100)
    asked = parser.parse_args()
    for way in asked.ways:
        with tempfile.TemporaryDirectory() as directory:
            print(f"{way}: {check(Path(directory), way, asked.rounds)} of {2 * asked.rounds} had to take another name")


def check(root: Path, way: str, rounds: int) -> int:
    """AssertionError unless both runs have all that they saved; returns how often one took another name."""
    context = multiprocessing.get_context("fork")
    barrier = context.Barrier(2)
    writers = [context.Process(target=write, args=(root, way, rounds, name, barrier)) for name in ("1", "2")]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert [writer.exitcode for writer in writers] == [0, 0]
    told = [json.loads((root / f"{name}.json").read_text()) for name in ("1", "2")]
    there = files(root / "ckpts")
    kept = [path for one in told for path in one["kept"]]
    assert len(kept) == len(set(kept)) == (2 if WAYS[way]["save_top_k"] == 1 else 2 * rounds)
    assert {*kept, told[0]["last"], told[1]["last"]} == {name.partition(" -> ")[0] for name in there}
    assert told[0]["last"] != told[1]["last"]
    for one in told:
        for name in (*one["kept"], one["last"]):
            tree = load(root / "ckpts" / name)
            assert tree["state_dict"]["writer"].item() == one["writer"], f"{name} was overwritten"
    return sum("-v" in name for name in kept)


def write(root: Path, way: str, rounds: int, name: str, barrier: Any) -> None:
    """Train, and tell what was saved."""
    module = Scripted([*range(rounds)])
    module.register_buffer("writer", module.validations + int(name))
    saver = ModelCheckpoint(**({"dirpath": root / "ckpts", "monitor": "val"} | WAYS[way]))
    flying = 3 if "background" in way else 0
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the directory is not empty
        train(root, module, Together(barrier), saver, size=1, max_epochs=rounds, async_checkpointing=flying)
    kept = [*saver.best_k_models] or [saver.best_model_path]
    told = {"writer": int(name), "kept": [Path(path).name for path in kept], "last": Path(saver.last_model_path).name}
    (root / f"{name}.json").write_text(json.dumps(told))


if __name__ == "__main__":
    main()
