"""Which texts in code are secrets: what redaction hides at run time, less what only stands for one."""

from __future__ import annotations

import re
from typing import Final

from leyden.redaction import HIDDEN, redact_text, says_secret

# Of these, redaction has the value to go by; a parameter has its name alone.
_TOKENS: Final = re.compile(
    r"(?i)(?:.*_)?(?:access|api|auth|bot|github|gitlab|hf|hub|id|refresh|slack|wandb)_?token|token|(?:.*_)?pwd"
)
_PLACEHOLDER: Final = re.compile(
    r"(?i).*(?:your|example|changeme|change_me|placeholder|dummy|todo|xxx|insert|test|fake|sample|none|null|redacted).*"
    r"|[<{$%\[].*|(.)\1*|.*\*\*\*"
)
# What a text without secrets has none of: a word of a name with a value beside it, or how tokens begin.
WORDS: Final = r"(?i:passw\w{0,20}|passphrase|pwd|secret|key|token|auth|credentials?|bearer)"
BEGINNINGS: Final = (
    r"[\s\"'=:](?:sk-|hf_|gh[pousr]_|github_pat_|AKIA|ASIA|AGE-SECRET|xox|glpat-|AIza|npm_|pypi-|eyJ|nvapi-|dckr_pat_)"
    r"|-----BEGIN|hooks\.slack|AccountKey="
)
_SHAPE: Final = re.compile(r"(?=.*[0-9])(?=.*[A-Za-z])[A-Za-z0-9+/=_.:!@#%^&*~-]{8,200}")


def is_secret_name(name: str) -> bool:
    """Whether something of this name is most likely a secret: ``api_key`` and ``token``, but no ``pad_token``."""
    return says_secret(name) or _TOKENS.fullmatch(name) is not None


def is_placeholder(text: str) -> bool:
    """Whether text only stands for a secret that is to be put in."""
    return _PLACEHOLDER.fullmatch(text) is not None


def is_secret(name: str, text: str) -> bool:
    """Whether ``text`` under this name is a secret, and no placeholder, path or word."""
    if text != HIDDEN and redact_text(text, {}) == HIDDEN:  # it has the form that a service gives its keys
        return True
    if not is_secret_name(name) or not _SHAPE.fullmatch(text) or is_placeholder(text):
        return False
    return "://" not in text and not text.startswith(("/", "./"))
