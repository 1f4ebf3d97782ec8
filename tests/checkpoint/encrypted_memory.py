"""How much memory saving and loading an encrypted checkpoint takes, as a multiple of the file, native memory and all.

    python -m tests.checkpoint.encrypted_memory --mib 256

Linux only: the peak is that of /proc/self/status, counted anew for each way. Trying a passphrase takes 256 MiB for a
moment, whatever the size of the file.
"""

from __future__ import annotations

import argparse
import gc
import os
import tempfile
from collections.abc import Callable
from pathlib import Path

import pyrage
import torch

from leyden.checkpoint.load import load
from leyden.checkpoint.save import save
from leyden.security.encryption import Encryption
from leyden.security.redact import Secret

STATUS, REFERENCES = Path("/proc/self/status"), Path("/proc/self/clear_refs")


def kib(name: str) -> int:
    return next(int(line.split()[1]) for line in STATUS.read_text().splitlines() if line.startswith(name))


def peak(run: Callable[[], object]) -> int:
    """Bytes beyond what was there before."""
    gc.collect()
    REFERENCES.write_text("5")  # the peak begins anew
    before = kib("VmRSS")
    run()
    return (kib("VmHWM") - before) << 10


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--mib", type=int, default=256)
    size = parser.parse_args().mib << 20
    with tempfile.TemporaryDirectory() as folder:
        os.environ["LEYDEN_HOME"] = folder
        keys, path = Path(folder, "keys"), Path(folder, "a.ckpt")
        key = pyrage.x25519.Identity.generate()
        keys.touch(0o600)
        keys.write_text(str(key))
        tree = {"state_dict": {str(n): torch.full((size // 4 // 16,), float(n)) for n in range(16)}}
        for name, encryption in {
            "keys": Encryption(str(key.to_public()), keys=keys),
            "passphrase": Encryption(passphrase=Secret("x")),
        }.items():
            save({"a": 1}, path, encryption)  # what the first use needs
            load(path, encryption=encryption)
            saving = peak(lambda: save(tree, path, encryption))  # noqa: B023 - it runs at once
            loading = peak(lambda: load(path, encryption=encryption))  # noqa: B023
            print(f"{name}: save {saving / size:.2f}, load {loading / size:.2f}")


if __name__ == "__main__":
    main()
