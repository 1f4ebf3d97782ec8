"""How checkpoints reach the disk, under the names that programs pass as plugins."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, final

from leyden.core.described import described
from leyden.errors import SettingsError


@final
class AsyncCheckpointIO:
    """As one of the ``plugins``, does what ``Trainer(async_checkpointing=True)`` does.

    Args:
        checkpoint_io: None. Checkpoints have one format, which is written safely in one way.
    """

    def __init__(self, checkpoint_io: None = None) -> None:
        if checkpoint_io is not None:
            raise SettingsError(
                f"AsyncCheckpointIO was given {described(checkpoint_io)} to write with. Leave it out: this version "
                "writes its own format alone."
            )


def without_checkpoint_io(plugins: Any) -> tuple[Any, bool]:
    """The other plugins, and whether checkpoints are to be written in the background."""
    if isinstance(plugins, AsyncCheckpointIO):
        return None, True
    if not isinstance(plugins, Iterable) or isinstance(plugins, str):
        return plugins, False
    listed = list(plugins)
    others = [plugin for plugin in listed if not isinstance(plugin, AsyncCheckpointIO)]
    return others, len(others) < len(listed)
