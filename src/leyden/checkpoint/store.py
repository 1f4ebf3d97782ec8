"""How a trainer's checkpoints are written and read: whose are accepted, for whom they are encrypted, their chain."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, final

from leyden.checkpoint.found import check_found, is_planted, newest_at
from leyden.checkpoint.lineage import Lineage
from leyden.checkpoint.load import Loaded, read
from leyden.checkpoint.save import write
from leyden.checkpoint.trust import is_proven
from leyden.core.warnings import warn
from leyden.security.encryption import Encryption
from leyden.security.policy import Policy
from leyden.security.remote import Place
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

    ``configuration`` is a digest of the settings of the run, ``data`` one of a manifest of its data.
    """

    policy: Policy = Policy.DEFAULT
    encryption: Encryption | None = None
    configuration: str | None = None
    data: str | None = None
    lineage: Lineage = field(default_factory=Lineage.begins)

    def write(self, tree: Encoded, path: Place, moment: Moment) -> None:
        """Write a checkpoint and note that it is there."""
        origin = self.lineage.origin(moment.step, moment.epoch, self.configuration, self.data)
        digest = write(tree, path, self.encryption, origin)
        self.lineage.committed(origin, digest, path)

    def read(self, path: Place, goes_on: bool, by_name: bool, describe: Collection[str] = ()) -> dict[str, Any]:
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
        if by_name and (found.digest is None or self.lineage.wrote(path) != found.digest):
            check_found(path, found.seal, found.origin, self.policy)
        if goes_on:
            self._go_on(found)
        return found.tree

    def linked(self, path: Place, target: Place) -> None:
        """Note that a link to a checkpoint was put at ``path``."""
        self.lineage.linked(path, target)

    def is_planted(self, path: Place) -> bool:
        """Whether nothing shows that a file is the user's own, so that it is not chosen unless somebody names it."""
        return not self.policy.unproven and is_planted(path, self.encryption)

    def noted(self, path: Place) -> int:
        """When something was written in a place, as this machine's records have it; 0 where they have nothing."""
        newest = newest_at(path)
        return 0 if newest is None else newest[1].time

    def _go_on(self, found: Loaded) -> None:
        origin, seal = found.origin, found.seal
        if seal is None:  # a pickled file has no digest that could be named
            self.lineage = Lineage.begins()
            return
        if origin is None or not is_proven(seal):  # a stranger's file says nothing of a run of the user's
            self.lineage = Lineage.after(seal.digest)
            return
        self.lineage = Lineage.goes_on(origin, seal.digest)
        if self.data is not None and origin.data is not None and self.data != origin.data:
            warn(
                "The data is not what the checkpoint was trained on: the digests of their manifests differ. "
                "`leyden verify CHECKPOINT --data PATH` names the files."
            )


def moment_of(tree: Mapping[str, Any]) -> Moment:
    """What a checkpoint says under Lightning's keys; 0 where a hook has put something else there."""
    step, epoch = tree.get("global_step"), tree.get("epoch")
    return Moment(step if type(step) is int and step >= 0 else 0, epoch if type(epoch) is int and epoch >= 0 else 0)
