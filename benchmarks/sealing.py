"""What the seal costs: the parts that a seal adds to a save and to a load, each alone, beside the whole.

    python -m benchmarks.sealing --mib 1 100 1024 --rounds 5 --directory .

Two whole saves differ by more than a seal costs, because of the disk; so the parts are timed by themselves, many times,
and set against the whole. For a save: making the signature, saying where the file comes from, noting it in the run's
record. For a load: checking the signature, asking whose key it is. Digests belong to every save, sealed or not. What a
process pays once (making or reading the key, naming the packages) is told apart. Medians.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

import torch

from leyden.checkpoint.lineage import packages
from leyden.checkpoint.load import load
from leyden.checkpoint.save import encoded
from leyden.checkpoint.sealing import signer
from leyden.checkpoint.store import Moment, Store
from leyden.security import keys, ledger
from leyden.security.policy import Policy, admit
from leyden.wire import envelope
from leyden.wire.origin import dumps
from leyden.wire.seal import check_signature, signature

PIECES = 16
MOMENT = Moment(1, 1)


def seconds(run: Callable[[], object], rounds: int) -> float:
    taken = []
    for _ in range(rounds):
        began = time.perf_counter()
        run()
        taken.append(time.perf_counter() - began)
    return median(taken)


def once() -> dict[str, float]:
    """Milliseconds that the first save of a process pays: a key is made, or read, and the packages are named."""
    made = seconds(keys.identity, 1)
    return {"make a key": made, "read the key": seconds(keys.identity, 9), "name the packages": seconds(packages, 1)}


def parts(digest: str, store: Store) -> tuple[dict[str, float], dict[str, float]]:
    """Seconds of each thing that a seal adds to a save, and to a load."""
    key, origin = signer(), store.lineage.origin(1, 1)
    assert key is not None
    made = signature(digest, key)
    seal = check_signature(digest, made, "the file")
    saving = {
        "sign": seconds(lambda: signature(digest, key), 200),
        "say where it comes from": seconds(lambda: dumps(store.lineage.origin(1, 1)), 50),
        "note it": seconds(lambda: ledger.note(origin.run, ledger.Entry(1, digest, "/a/path"), key), 200),
    }
    loading = {
        "check the signature": seconds(lambda: check_signature(digest, made, "the file"), 200),
        "whose key it is": seconds(lambda: admit(seal, "the file", Policy.DEFAULT), 200),
    }
    return saving, loading


def measured(mib: int, rounds: int, directory: Path) -> list[str]:
    """A row of the table."""
    store, path = Store(), directory / "a.ckpt"
    tree = {"epoch": 3, "state_dict": {str(n): torch.randn((mib << 20) // 4 // PIECES) for n in range(PIECES)}}
    store.write(encoded(tree), path, MOMENT)
    save = seconds(lambda: store.write(encoded(tree), path, MOMENT), rounds)
    read = seconds(lambda: load(path), rounds)
    seal = envelope.read(memoryview(path.read_bytes()), "the file").seal
    assert seal is not None
    saving, loading = (sum(found.values()) for found in parts(seal.digest, store))
    return [
        f"{mib} MiB",
        *(f"{1000 * value:.1f}" for value in (save, saving)),
        f"{saving / save:.1%}",
        *(f"{1000 * value:.1f}" for value in (read, loading)),
        f"{loading / read:.1%}",
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--mib", type=int, nargs="+", default=[1, 100, 1024])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--directory", type=Path, default=Path(), help="on the disk to be measured")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=asked.directory) as directory:
        os.environ["LEYDEN_HOME"] = f"{directory}/home"
        first = once()
        rows = [measured(mib, asked.rounds, Path(directory)) for mib in asked.mib]
        saving, loading = parts("5e" * 32, Store())
    heads = ["ms", "save", "of it the seal", "", "load", "of it the seal", ""]
    for line in (heads, ["---", *["---:"] * 6], *rows):
        print("| " + " | ".join(line) + " |")
    for name, found in {"once in a process": first, "each save": saving, "each load": loading}.items():
        print(f"{name}: " + ", ".join(f"{part} {1000 * value:.2f} ms" for part, value in found.items()))


if __name__ == "__main__":
    main()
