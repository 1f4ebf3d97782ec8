"""How a trainer's checkpoints are written and read: whose are accepted, for whom they are encrypted, their chain."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, final

from leyden.checkpoint.lineage import Lineage
from leyden.checkpoint.load import read
from leyden.checkpoint.save import write
from leyden.errors import SealError
from leyden.security import ledger
from leyden.security.encryption import Encryption
from leyden.security.policy import Policy
from leyden.wire.origin import Origin
from leyden.wire.tree import Encoded


@final
@dataclass(frozen=True)
class Moment:
    """When in a run a checkpoint is made."""

    step: int
    epoch: int


@final
@dataclass
class Store:
    """Writes and reads checkpoints under one policy. Each that is written names the one before it.

    ``configuration`` is a digest of the settings of the run.
    """

    policy: Policy = Policy.DEFAULT
    encryption: Encryption | None = None
    configuration: str | None = None
    lineage: Lineage = field(default_factory=Lineage.begins)

    def write(self, tree: Encoded, path: Path, moment: Moment) -> None:
        """Write a checkpoint and note that it is there."""
        origin = self.lineage.origin(moment.step, moment.epoch, self.configuration)
        digest = write(tree, path, self.encryption, origin)
        self.lineage.committed(origin, digest, path)

    def read(self, path: Path, goes_on: bool, by_name: bool, describe: Collection[str] = ()) -> dict[str, Any]:
        """The tree of a checkpoint.

        Args:
            path: the file.
            goes_on: what is written from now on follows this checkpoint.
            by_name: nobody named this file; it was found as the best or the last. Then it has to be the one that was
                written there last, as far as there is a record.
            describe: see ``load``.

        Raises:
            SealError: the policy does not allow this file, or it is not the one that was written there.
        """
        found = read(path, map_location="cpu", policy=self.policy, encryption=self.encryption, describe=describe)
        if found.origin is not None:
            if by_name and not self.policy.rolled_back:
                _check_newest(path, found.digest, found.origin)
            if goes_on:
                self.lineage = Lineage.goes_on(found.origin, found.digest)
        return found.tree


def moment_of(tree: Mapping[str, Any]) -> Moment:
    """What a checkpoint says under Lightning's keys; 0 where a hook has put something else there."""
    step, epoch = tree.get("global_step"), tree.get("epoch")
    return Moment(step if type(step) is int and step >= 0 else 0, epoch if type(epoch) is int and epoch >= 0 else 0)


def _check_newest(path: Path, digest: str, origin: Origin) -> None:
    entries = ledger.read(origin.run) or []
    place = str(path.resolve())
    written = [entry for entry in entries if str(Path(entry.path).resolve()) == place]
    # A file that is not in the record was written by a process that died before it could note it.
    if written and written[-1].digest != digest and any(entry.digest == digest for entry in entries):
        raise SealError(
            f"{path} is not read: the run wrote another checkpoint there after this one (save {origin.number}), so it "
            "was rolled back or swapped (rule 'rolled_back'). If you did that yourself, give its path as ckpt_path, or "
            "allow it in code: policy=replace(policy, rolled_back=True)."
        )
