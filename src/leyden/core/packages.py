"""Packages that optional parts need: is one there, and what to say where it is not."""

from __future__ import annotations

from importlib.util import find_spec

from leyden.errors import PackageError


def installed(package: str) -> bool:
    """Can this package be imported? It is not imported to find out."""
    return find_spec(package) is not None


def require(package: str, part: str) -> None:
    """Find that a package is missing before it is needed.

    Raises:
        PackageError: it is.
    """
    if not installed(package):
        raise PackageError(
            f"{part} needs {package}, which is not installed. Install it with pip install 'leyden[{package}]'.",
            name=package,
        )
