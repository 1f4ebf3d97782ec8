"""Variables of the environment that change what a program runs, whom it trusts, or what it loads."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final, final

from leyden.audit.doctor.line import Line, Status

SECTION: Final = "variables"
_TRUE: Final = ("1", "true", "y", "yes", "on")


def _is_true(value: str) -> bool:
    return value.lower() in _TRUE


def _is_false(value: str) -> bool:
    return value.lower() in ("0", "false", "n", "no", "off", "")


def _is_set(value: str) -> bool:
    return bool(value)


def _is_plain(value: str) -> bool:
    return value.lower().startswith("http://")


def _is_remote(value: str) -> bool:
    return value not in ("", "localhost", "127.0.0.1", "::1")


@final
@dataclass(frozen=True)
class _Variable:
    name: str
    dangerous: Callable[[str], bool]
    status: Status
    meaning: str
    advice: str


_CODE: Final = "Unset it, unless you know who set it and what lies there."
_TLS: Final = "Unset it: anybody on the way can replace what is downloaded."
_VARIABLES: Final = (
    _Variable("LD_PRELOAD", _is_set, Status.WARN, "libraries are loaded into every program", _CODE),
    _Variable("LD_AUDIT", _is_set, Status.WARN, "libraries are loaded into every program", _CODE),
    _Variable("DYLD_INSERT_LIBRARIES", _is_set, Status.WARN, "libraries are loaded into every program", _CODE),
    _Variable("PYTHONPATH", _is_set, Status.WARN, "modules are imported from there before installed ones", _CODE),
    _Variable("PYTHONHOME", _is_set, Status.WARN, "Python's own library is taken from there", _CODE),
    _Variable("PYTHONBREAKPOINT", lambda v: v not in ("", "0"), Status.WARN, "breakpoint() calls what it names", _CODE),
    _Variable("PYTHONINSPECT", _is_set, Status.WARN, "Python stays open after a program", "Unset it."),
    _Variable(
        "TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD",
        _is_true,
        Status.PROBLEM,
        "every torch.load runs whatever a file names",
        "Unset it, and give `weights_only=False` where you trust the file, or convert it: `leyden convert`.",
    ),
    _Variable("PYTHONHTTPSVERIFY", _is_false, Status.PROBLEM, "certificates are not checked", _TLS),
    _Variable("CURL_CA_BUNDLE", lambda value: not value, Status.PROBLEM, "certificates are not checked", _TLS),
    _Variable("REQUESTS_CA_BUNDLE", lambda value: not value, Status.PROBLEM, "certificates are not checked", _TLS),
    _Variable("GIT_SSL_NO_VERIFY", _is_set, Status.PROBLEM, "git does not check certificates", _TLS),
    _Variable("HF_ENDPOINT", _is_plain, Status.PROBLEM, "models are downloaded without encryption", _TLS),
    _Variable("PIP_TRUSTED_HOST", _is_set, Status.WARN, "pip does not check the certificates of some hosts", _TLS),
    _Variable(
        "PIP_EXTRA_INDEX_URL",
        _is_set,
        Status.WARN,
        "whichever index has the higher version of a name is believed",
        "Use one index, or `--require-hashes`.",
    ),
    _Variable("PIP_INDEX_URL", _is_plain, Status.PROBLEM, "packages are downloaded without encryption", _TLS),
    _Variable(
        "MASTER_ADDR",
        _is_remote,
        Status.WARN,
        "processes meet on a network, where the store of torch.distributed asks nobody who they are",
        "Use a network that nobody else is on.",
    ),
)


def lines(environment: Mapping[str, str]) -> Iterator[Line]:
    """The variables that are set so; their values are not shown, since they may hold passwords."""
    found = False
    for one in _VARIABLES:
        value = environment.get(one.name)
        if value is not None and one.dangerous(value):
            found = True
            yield Line(SECTION, one.name, f"is set: {one.meaning}", one.status, one.advice)
    if not found:
        yield Line(SECTION, "dangerous ones", "none is set")
