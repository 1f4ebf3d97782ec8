"""Text in a page: nothing in it is an element."""

from __future__ import annotations

import re
from html import escape

from leyden.audit.formats.plain import printable


def text(value: str) -> str:
    """Any text, as a page shows it."""
    return escape(printable(value), quote=True)


def marked(value: str) -> str:
    """The same, with what stands between backticks as code: the texts of rules are Markdown."""
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", text(value))
