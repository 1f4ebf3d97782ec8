"""Names that secrets go by in code, and text that looks like one."""

from __future__ import annotations

import re
from typing import Final

_NAME: Final = re.compile(
    r"(?:.*[_-])?(?:password|passwd|passphrase|pwd|secret|api_?key|access_?key|private_?key|secret_?key|auth_?key"
    r"|client_?secret|credentials?|bearer|(?:auth|access|api|hf|hub|wandb|github|gitlab|slack|bot|refresh|id)_?token)"
    r"|token",
    re.IGNORECASE,
)
# Services that give their keys a form of their own.
_KNOWN: Final = re.compile(
    r"(?:sk-(?:proj-|ant-)?[A-Za-z0-9_-]{20,}|hf_[A-Za-z0-9]{30,}|gh[pousr]_[A-Za-z0-9]{30,}|github_pat_\w{30,}"
    r"|AKIA[0-9A-Z]{16}|xox[abpr]-[A-Za-z0-9-]{20,}|glpat-[\w-]{20,}|AIza[\w-]{35}|npm_[A-Za-z0-9]{36}|pypi-[\w-]{50,})"
)
_PLACEHOLDER: Final = re.compile(
    r"(?i).*(?:your|example|changeme|change_me|placeholder|dummy|todo|xxx|insert|test|fake|sample|none|null|redacted)"
    r"|[<{$%\[].*|(.)\1*|.*\*\*\*"
)
_SHAPE: Final = re.compile(r"[A-Za-z0-9+/=_.:!@#%^&*~-]{8,200}")
_PARTS: Final = (re.compile("[0-9]"), re.compile("[A-Za-z]"))


def is_secret_name(name: str) -> bool:
    """Whether something of this name is most likely a secret: ``api_key`` and ``token``, but no ``pad_token``."""
    return _NAME.fullmatch(name) is not None


def is_secret(name: str, text: str) -> bool:
    """Whether ``text`` under this name is a secret, and no placeholder, path or word."""
    if _KNOWN.fullmatch(text):
        return True
    if not is_secret_name(name) or not _SHAPE.fullmatch(text) or _PLACEHOLDER.fullmatch(text):
        return False
    return all(part.search(text) for part in _PARTS) and "://" not in text and not text.startswith(("/", "./"))
