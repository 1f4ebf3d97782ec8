"""Environments made of written files: nothing is installed."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from pathlib import Path

from leyden.audit.advisories.listed import listed
from leyden.audit.environment import places
from leyden.audit.environment.survey import look
from leyden.audit.finding import Finding


def environment(prefix: Path, configuration: str = "home = /usr/bin\n") -> Path:
    """An empty virtual environment; the directory that packages go to."""
    folder = prefix / "lib" / "python3.12" / "site-packages"
    folder.mkdir(parents=True)
    (prefix / "pyvenv.cfg").write_text(configuration)
    return folder


def line(name: str, content: bytes) -> str:
    digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
    return f"{name},sha256={digest},{len(content)}"


def install(
    folder: Path, name: str, version: str, files: Mapping[str, bytes] | None = None, record: str | None = None
) -> Path:
    """A distribution with these files and a RECORD that fits, or with another one; its dist-info directory."""
    files = {f"{name}/__init__.py": b"x = 1\n"} if files is None else files
    info = folder / f"{name}-{version}.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n\nName: other\n")
    (info / "INSTALLER").write_text("pip\n")
    for path, content in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(content)
    listed = [*(line(path, content) for path, content in files.items()), f"{info.name}/RECORD,,"]
    (info / "RECORD").write_text("\n".join(listed) + "\n" if record is None else record)
    return info


def found(prefix: Path, everything: bool = False) -> list[Finding]:
    return [one for one in look(places.named(prefix), listed(), everything) if isinstance(one, Finding)]


def rules(prefix: Path, everything: bool = False) -> list[tuple[str, str]]:
    return [(one.rule, one.severity.name.lower()) for one in found(prefix, everything)]
