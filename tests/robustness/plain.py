"""Train with encryption in every way of saving, and look before every step of writing for what must not be on the disk.

    python -m tests.robustness.plain DIRECTORY

The directory is also where temporary files and settings go, so that all that is written lies in it: a file that is
opened for writing elsewhere is a finding, too. A crash can leave no more than what is seen here, since every file is
looked at before the step that would change, rename or remove it.
"""

from __future__ import annotations

import contextlib
import os
import sys
import tempfile
import threading
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import pyrage
import torch
from tests.callbacks.scripted import Scripted, train

import leyden as L
from leyden.callbacks import ModelCheckpoint, OnExceptionCheckpoint
from leyden.checkpoint.load import load

TEXT: Final = b"plain-text-that-nobody-may-see"
WRITES: Final = os.O_WRONLY | os.O_RDWR | os.O_CREAT
STEPS: Final = {"open", "os.rename", "os.remove", "os.link", "os.symlink", "os.truncate", "shutil.copyfile"}


class Marked(Scripted):
    """Has the text among its hyperparameters, its weights and what its hook adds."""

    def __init__(self, text: str = TEXT.decode(), fails_at: int | None = None) -> None:
        super().__init__([3, 1, 2], fails_at=fails_at)
        self.save_hyperparameters()
        self.register_buffer("hidden", torch.frombuffer(bytearray(TEXT * 3000), dtype=torch.uint8))

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        checkpoint["more"] = TEXT


class Watch:
    """Looks at every file of a directory whenever one is about to be opened for writing, renamed or removed."""

    def __init__(self, root: Path) -> None:
        self.root, self.looks, self.found, self.elsewhere = root, 0, set[str](), set[str]()
        self.looking = threading.local()  # files are written by a thread, too

    def __call__(self, event: str, arguments: tuple[Any, ...]) -> None:
        if vars(self.looking) or event not in STEPS or (event == "open" and not arguments[2] & WRITES):
            return
        self.looking.now = True
        if event == "open" and isinstance(arguments[0], str) and arguments[0].startswith("/"):
            path = Path(arguments[0])
            if not path.is_relative_to(self.root) and path != Path(os.devnull):
                self.elsewhere.add(str(path))
        self.look()
        del self.looking.now

    def look(self) -> None:
        self.looks += 1
        for folder, _, names in os.walk(self.root):
            for path in (Path(folder, name) for name in names):
                with contextlib.suppress(FileNotFoundError):  # the other thread is at work
                    if path.is_file() and TEXT in path.read_bytes():
                        self.found.add(path.name)


def ways(root: Path, encryption: L.Encryption) -> dict[str, Callable[[], object]]:
    def kept(name: str, model: Marked, *callbacks: Any, **how: Any) -> Any:
        return train(root / name, model, *callbacks, size=2, max_epochs=2, encryption=encryption, **how)

    def failing() -> None:
        try:
            kept("failing", Marked(fails_at=1), OnExceptionCheckpoint(root / "failing"))
        except RuntimeError:
            return
        raise AssertionError("it was to fail")

    def saver(name: str, **how: Any) -> ModelCheckpoint:
        return ModelCheckpoint(root / name, monitor="val", save_top_k=1, **how)

    return {
        "best and last": lambda: kept("last", Marked(), saver("last", save_last=True)),
        "a link": lambda: kept("link", Marked(), saver("link", save_last="link")),
        "weights": lambda: kept("weights", Marked(), saver("weights", save_weights_only=True)),
        "in the background": lambda: kept(
            "background", Marked(), saver("background", save_last=True), async_checkpointing=True
        ),
        "by hand": lambda: kept("hand", Marked()).save_checkpoint(root / "hand" / "hand.ckpt"),
        "after an error": failing,
        "go on": lambda: kept("last", Marked(), saver("last", save_last=True), ckpt_path=root / "last" / "last.ckpt"),
    }


def main() -> None:
    root = Path(sys.argv[1]).resolve()
    os.environ["LEYDEN_HOME"], tempfile.tempdir = str(root / "home"), str(root)
    os.chdir(root)
    key = pyrage.x25519.Identity.generate()
    (root / "keys").touch(0o600)
    (root / "keys").write_text(str(key))
    encryption = L.Encryption(str(key.to_public()), keys=root / "keys")
    warnings.simplefilter("ignore")
    watch = Watch(root)
    sys.addaudithook(watch)
    for name, run in ways(root, encryption).items():
        run()
        watch.look()
        assert not watch.found, f"{name}: {watch.found} held what should be hidden"
    assert not watch.elsewhere, f"{watch.elsewhere} were written"
    files = sorted(root.rglob("*.ckpt"))
    for path in files:
        assert load(path, encryption=encryption)["more"] == TEXT
    (root / "plain").write_bytes(TEXT)
    watch.look()
    assert watch.found == {"plain"}, "the watch sees nothing"
    print(f"{len(files)} files, {watch.looks} looks, nothing plain")


if __name__ == "__main__":
    main()
