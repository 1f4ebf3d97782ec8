"""Files as commands read them."""

from __future__ import annotations

import mmap
from pathlib import Path


def content(path: Path) -> memoryview:
    """All bytes of a file, mapped."""
    with path.open("rb") as file:
        if not path.is_file() or path.stat().st_size == 0:  # neither can be mapped
            return memoryview(b"")
        return memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
