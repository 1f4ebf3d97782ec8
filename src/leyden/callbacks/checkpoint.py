"""Checkpoint: base of the callbacks that save checkpoints."""

from __future__ import annotations

from typing import ClassVar

from leyden.api.callback import Callback


class Checkpoint(Callback):
    """Base of callbacks that save checkpoints. The trainer puts them last, so that they save what the others did."""

    monitors: ClassVar[bool] = True
    saves: ClassVar[bool] = True
    catches_up: ClassVar[bool] = True
