"""Checkpoints that nobody named: whether one that was found as the best or the last is what was written there."""

from __future__ import annotations

from leyden.checkpoint.content import content
from leyden.checkpoint.trust import is_proven
from leyden.errors import CheckpointError, SealError
from leyden.security import keys, ledger
from leyden.security.encryption import Encryption
from leyden.security.ledger import Entry
from leyden.security.policy import Policy, way_to_allow
from leyden.security.remote import Place, Remote
from leyden.wire import envelope
from leyden.wire.origin import Origin
from leyden.wire.seal import Seal


def check_found(path: Place, seal: Seal | None, origin: Origin | None, policy: Policy) -> None:
    """SealError unless this file may be taken for the best or the last, though nobody named it.

    It has to be what was written last in that place, as far as this machine has a record of it; without one its seal
    has to show that it is the user's own.
    """
    newest = newest_at(path)
    if newest is None:
        if not policy.unrecorded:
            raise _refusal(path, "this machine has no record of it, so it may have been rolled back", "unrecorded")
        if not policy.unproven and (seal is None or not is_proven(seal)):
            raise _refusal(path, f"nothing shows that a run of yours wrote it{_trust(seal)}", "unproven")
        return
    run, entry = newest
    if seal is not None and (seal.digest == entry.digest or _is_newer_link(path, seal.digest, entry)):
        return
    if seal is None or not is_proven(seal):
        if not policy.unproven:
            wrote = f"the run {run} wrote its save {entry.number} there, and nothing shows that this is yours"
            raise _refusal(path, f"{wrote}{_trust(seal)}", "unproven")
        return
    if policy.rolled_back:
        return
    noted = any(one.digest == seal.digest for one in ledger.read(origin.run) or []) if origin is not None else False
    if origin is not None and not noted and ledger.may_follow(origin, run, entry):
        return
    this = "this is another" if origin is None else f"this is save {origin.number} of the run {origin.run}"
    why = f"the run {run} wrote its save {entry.number} there, and {this}: it was rolled back or swapped"
    raise _refusal(path, why, "rolled_back")


def _is_newer_link(path: Place, digest: str, entry: Entry) -> bool:
    """Whether a link leads to what was written after it was made: a process died before it could make it anew."""
    if isinstance(path, Remote) or not path.is_symlink():
        return False
    target = newest_at(path.resolve())
    return target is not None and target[1].digest == digest and target[1].time >= entry.time


def is_planted(path: Place, encryption: Encryption | None) -> bool:
    """Whether neither a record nor a seal shows that a file is the user's own."""
    try:
        data, where = content(path, True, encryption)
        seal = envelope.read(memoryview(data), where).seal
    except (CheckpointError, OSError):
        return True
    newest = newest_at(path)
    return seal is None or not (is_proven(seal) or (newest is not None and newest[1].digest == seal.digest))


def newest_at(path: Place) -> tuple[str, Entry] | None:
    """The run that wrote last in a place, and what; None where no run of this machine's record did."""
    place = ledger.place(path)
    written = [
        (run, entries[-1])
        for run in ledger.runs_at(path)
        if (entries := [entry for entry in ledger.read(run) or [] if entry.path == place])
    ]
    return max(written, key=lambda one: one[1].time, default=None)


def _trust(seal: Seal | None) -> str:
    if seal is None or seal.signer is None:
        return ""
    text = keys.text_of(seal.signer)
    return f"; {text} sealed it, which you may trust with: leyden key trust {text}"


def _refusal(path: Place, why: str, rule: str) -> SealError:
    return SealError(
        f"{path} is not read: {why} (rule {rule!r}). If you know where it comes from, give its path as ckpt_path, "
        f"or {way_to_allow(rule)}"
    )
