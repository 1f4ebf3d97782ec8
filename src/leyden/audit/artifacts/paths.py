"""Names of files that come out of a file."""

from __future__ import annotations


def escapes(name: str) -> bool:
    """Whether following ``name`` from a directory may lead out of it, on any system."""
    plain = name.replace("\\", "/")
    return plain.startswith("/") or plain[1:2] == ":" or "://" in plain or ".." in plain.split("/") or "\0" in name
