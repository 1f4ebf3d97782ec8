"""Parts of a Trainer that are private in Lightning, and that published programs reach for all the same."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar, final

from leyden.session import Session


@final
class CheckpointConnector:
    """What MLflow's autologging writes a checkpoint with, together with ``strategy.save_checkpoint``."""

    def __init__(self, session: Callable[[], Session]) -> None:
        self._session = session

    def dump_checkpoint(self, weights_only: bool | None = None) -> dict[str, Any]:
        """The dictionary of a checkpoint of this moment."""
        return self._session().dump(bool(weights_only))


@final
class Results:
    """What programs spell the names of metrics of several loaders with."""

    DATALOADER_SUFFIX: ClassVar[str] = "/dataloader_idx_{}"
