"""What the two roots call Trainer, and what happens to programs that patch it in both."""

from __future__ import annotations

import subprocess
import sys
import textwrap

import pytest

PATCHED = """
import functools
import torch
import {first}
import {second}
from leyden.compat.lightning import install
from lightning.pytorch.demos.boring_classes import BoringModel

fits = []

def patch(cls):
    original = cls.fit
    @functools.wraps(original)
    def fit(self, *args, **kwargs):
        fits.append(cls.__module__)
        return original(self, *args, **kwargs)
    cls.fit = fit

patch({first}.Trainer)
patch({second}.Trainer)
for root in ({first}, {second}):
    trainer = root.Trainer(
        accelerator="cpu", fast_dev_run=1, enable_progress_bar=False, enable_model_summary=False, logger=False
    )
    trainer.fit(BoringModel())
    print(len(fits))
"""


def aliased(code: str) -> list[str]:
    """The lines that a new interpreter prints that serves the alias."""
    code = "from leyden.compat.lightning import install; install()\n" + textwrap.dedent(code)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return done.stdout.splitlines()


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("pytorch_lightning", "lightning"),
        ("lightning", "pytorch_lightning"),
        ("pytorch_lightning", "lightning.pytorch"),
    ],
)
def test_a_fit_that_is_patched_in_both_roots_is_patched_once(first, second):
    assert aliased(PATCHED.format(first=first, second=second)) == ["1", "2"]


def test_trainers_of_one_root_are_trainers_of_the_other():
    assert aliased("""
    from abc import ABC, abstractmethod
    import lightning as L, pytorch_lightning as pl
    print(isinstance(L.Trainer(logger=False), pl.Trainer), isinstance(pl.Trainer(logger=False), L.Trainer))
    print(issubclass(L.Trainer, pl.Trainer), issubclass(pl.Trainer, L.Trainer), isinstance(3, pl.Trainer))

    class Mine(pl.Trainer, ABC):
        pass

    print(isinstance(pl.Trainer(logger=False), Mine), isinstance(Mine(logger=False), (Mine, L.Trainer)))
    print(issubclass(Mine, pl.Trainer), issubclass(L.Trainer, Mine), pl.Trainer.__name__)
    """) == ["True True", "True True False", "False True", "True False Trainer"]


def test_every_entry_point_is_its_own():
    assert aliased("""
    import inspect, lightning, pytorch_lightning
    own = vars(pytorch_lightning.Trainer)
    entries = [name for name, value in vars(lightning.Trainer).items()
               if name[0] != "_" and inspect.isfunction(value) and "ckpt_path" in inspect.signature(value).parameters]
    print(*entries)
    print({own.get(name) is getattr(lightning.Trainer, name) for name in ["__init__", *entries]})
    """) == ["fit validate test predict", "{True}"]
