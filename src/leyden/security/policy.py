"""What Leyden may read, and how it must write."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import ClassVar, Final, TypeAlias, final

from leyden.errors import KeyStoreError, PathError, PolicyError, SealError, SettingsError
from leyden.security import keys
from leyden.security.keys import Standing
from leyden.security.paths import read_regular
from leyden.wire import pyproject
from leyden.wire.seal import Seal

VARIABLE = "LEYDEN_POLICY"


@final
@dataclass(frozen=True)
class Policy:
    """What may be read, as True or False for each kind, and whether a run must be able to seal what it writes.

    ``Policy.OPEN``, ``Policy.DEFAULT`` and ``Policy.STRICT`` are levels to begin with; ``dataclasses.replace`` changes
    single fields. Whatever code chooses, ``LEYDEN_POLICY`` in the environment and ``[tool.leyden.policy]`` in a
    pyproject.toml can only tighten it.
    """

    unsealed: bool  # checkpoints that nobody has signed
    strangers: bool  # those that are sealed by a key that the user has not trusted
    revoked: bool  # those that are sealed by a key that the user has revoked
    rolled_back: bool  # a best or last one in the place of one that was written there later
    unproven: bool  # a best or last one that neither a seal nor a record shows to be the user's own
    unrecorded: bool  # a best or last one of which this machine has no record, so that it may have been rolled back
    pickled: bool  # Lightning's and torch's files, whose pickles are interpreted and never run
    seals: bool  # a run starts only where it can seal its checkpoints

    OPEN: ClassVar[Policy]
    DEFAULT: ClassVar[Policy]
    STRICT: ClassVar[Policy]

    def tightened(self, other: Policy) -> Policy:
        """What both allow."""
        return Policy(
            unsealed=self.unsealed and other.unsealed,
            strangers=self.strangers and other.strangers,
            revoked=self.revoked and other.revoked,
            rolled_back=self.rolled_back and other.rolled_back,
            unproven=self.unproven and other.unproven,
            unrecorded=self.unrecorded and other.unrecorded,
            pickled=self.pickled and other.pickled,
            seals=self.seals or other.seals,
        )


Policy.OPEN = Policy(
    unsealed=True,
    strangers=True,
    revoked=True,
    rolled_back=True,
    unproven=True,
    unrecorded=True,
    pickled=True,
    seals=False,
)
Policy.DEFAULT = replace(Policy.OPEN, revoked=False, rolled_back=False, unproven=False)
Policy.STRICT = replace(Policy.DEFAULT, unsealed=False, strangers=False, unrecorded=False, pickled=False, seals=True)

LEVELS: dict[str, Policy] = {"open": Policy.OPEN, "default": Policy.DEFAULT, "strict": Policy.STRICT}


def resolve(chosen: Policy | str | None, environment: Mapping[str, str] = os.environ, here: Path = Path()) -> Policy:
    """The policy that counts: what code chose, or the default, tightened from outside the program.

    Tighten may ``LEYDEN_POLICY`` and the table ``[tool.leyden.policy]`` of each pyproject.toml in ``here`` and the
    directories above it. PolicyError where one of them cannot be read, has no meaning, or would loosen something.
    """
    policy = _level(chosen, "policy") if isinstance(chosen, str) else chosen or Policy.DEFAULT
    for _, tightening in _from_outside(environment, here):
        policy = policy.tightened(tightening)
    return policy


def explained(environment: Mapping[str, str] = os.environ, here: Path = Path()) -> dict[str, tuple[bool, str]]:
    """Each rule of the policy for who chooses none, and where it comes from; "" where that is the default."""
    policy = Policy.DEFAULT
    found = {field.name: (getattr(policy, field.name), "") for field in fields(Policy)}
    for where, tightening in _from_outside(environment, here):
        policy = policy.tightened(tightening)
        for name, (value, _) in found.items():
            if getattr(policy, name) is not value:
                found[name] = getattr(policy, name), where
    return found


def _from_outside(environment: Mapping[str, str], here: Path) -> Iterator[tuple[str, Policy]]:
    for where, words in (*_of_environment(environment), *_of_projects(here)):
        for name, value in words:
            yield where, _tightening(name, value, where)


def admit(seal: Seal | None, where: str, policy: Policy) -> None:
    """SealError unless ``policy`` lets a file with this seal be read; ``seal`` is None in a file without any."""
    if seal is None or seal.signer is None:
        if not policy.unsealed:
            raise _refusal(where, "nobody has sealed it", "unsealed", "seal it with a key that you trust")
        return
    if policy.revoked and policy.strangers:
        return
    signer = keys.text_of(seal.signer)
    match keys.standing(seal.signer):
        case Standing.REVOKED if not policy.revoked:
            raise _refusal(where, f"{signer} sealed it, which you have revoked", "revoked", _TRUST + signer)
        case Standing.UNKNOWN if not policy.strangers:
            raise _refusal(
                where, f"{signer} sealed it, which you have not said that you trust", "strangers", _TRUST + signer
            )
        case _:
            return


def admit_pickled(where: str, policy: Policy) -> None:
    """SealError unless ``policy`` lets a pickled file be read, which nobody can seal."""
    if not policy.pickled:
        raise _refusal(
            where, "it is a pickled file, which nobody can seal", "pickled", "convert it: leyden convert --seal OLD NEW"
        )


def check_sealing(policy: Policy, environment: Mapping[str, str] = os.environ) -> None:
    """PolicyError where checkpoints have to be sealed and there is no key to do it with."""
    if not policy.seals:
        return
    try:
        keys.identity(environment)
    except KeyStoreError as error:
        raise PolicyError(
            f"The policy wants every checkpoint sealed (rule 'seals'), and there is no key to do it with: {error} Or "
            f"{way_to_allow('seals', False)}"
        ) from None


_TRUST = "trust it: leyden key trust "


def way_to_allow(rule: str, value: bool = True) -> str:
    """How a program allows what a rule forbids."""
    return (
        f"allow it in code: policy=replace(policy, {rule}={value}), unless {VARIABLE} or a {pyproject.NAME} forbids it."
    )


def _refusal(where: str, why: str, rule: str, way: str) -> SealError:
    return SealError(
        f"{where} is not read: {why}, and the policy does not allow that (rule {rule!r}). "
        f"If you know where the file comes from, {way}, or {way_to_allow(rule)}"
    )


def _level(word: str, what: str) -> Policy:
    level = LEVELS.get(word)
    if level is None:
        raise PolicyError(f"{what}={word[:40]!r} is no level. Use one of {', '.join(map(repr, LEVELS))}.")
    return level


_Words: TypeAlias = list[tuple[str, object]]


def _of_environment(environment: Mapping[str, str]) -> Iterator[tuple[str, _Words]]:
    """``strict``, or ``default,unsealed=false``."""
    text = environment.get(VARIABLE, "").strip()
    if text:
        parts = [part.strip().partition("=") for part in text.split(",")]
        yield VARIABLE, [(name, _TRUTH.get(value, value)) if sign else ("level", name) for name, sign, value in parts]


def _of_projects(here: Path) -> Iterator[tuple[str, _Words]]:
    """All that lie above count, since none may hide what another one forbids."""
    try:
        folder = here.resolve()
    except FileNotFoundError:  # the directory was deleted
        return
    for above in (folder, *folder.parents):
        path = above / pyproject.NAME
        content = _content(path)
        # Most projects that use Leyden name it without saying anything of a policy.
        if b"leyden" in content and b"policy" in content and b"tool" in content:
            yield str(path), _words(content, str(path))


def _words(content: bytes, where: str) -> _Words:
    try:
        found = pyproject.table(content, ("tool", "leyden", "policy"), where, f"set {VARIABLE} instead")
    except SettingsError as error:
        raise PolicyError(str(error)) from None
    match found:
        case str():
            return [("level", found)]
        case dict():
            return [(str(name), value) for name, value in found.items()]
        case _:
            raise PolicyError(f"{where}: [tool.leyden.policy] is not a table.")


def _content(path: Path) -> bytes:
    try:
        return read_regular(path, pyproject.LARGEST)
    except (FileNotFoundError, NotADirectoryError, PathError):
        return b""
    except OSError as error:
        raise PolicyError(f"{path} may hold a policy and cannot be read: {error.strerror}.") from None


def _tightening(name: str, value: object, where: str) -> Policy:
    """The loosest policy that has this field, or this level."""
    if name == "level":
        level = _level(value if isinstance(value, str) else repr(value), f"{where}: level")
        if level == Policy.OPEN:
            raise PolicyError(f"{where}: the level 'open' would loosen the policy. {_ONLY_TIGHTENS}")
        return level
    loosest: object = getattr(Policy.OPEN, name, None) if name in {field.name for field in fields(Policy)} else None
    if not isinstance(loosest, bool):
        names = ", ".join(field.name for field in fields(Policy))
        raise PolicyError(f"{where}: {name[:40]!r} is no rule of a policy. The rules are {names}; or say level.")
    if not isinstance(value, bool):
        raise PolicyError(f"{where}: {name}={str(value)[:40]!r} is neither true nor false.")
    if value is loosest:
        raise PolicyError(f"{where}: {name}={str(value).lower()} would loosen the policy. {_ONLY_TIGHTENS}")
    return replace(Policy.OPEN, **{name: value})


_TRUTH: Final = {"true": True, "false": False}
_ONLY_TIGHTENS: Final = (
    "From outside the program it can only be tightened. Remove that, and allow it in code: "
    "policy=dataclasses.replace(leyden.Policy.DEFAULT, ...)."
)
