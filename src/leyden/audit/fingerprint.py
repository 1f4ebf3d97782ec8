"""A name for a finding that stays when lines move: what a baseline holds and what SARIF calls a partial fingerprint."""

from __future__ import annotations

import hashlib
import os
from collections import Counter
from dataclasses import replace
from typing import final

from leyden.audit.finding import Finding
from leyden.audit.walk import beneath


@final
class Fingerprints:
    """Numbers the findings of one file that are otherwise alike, in their order."""

    def __init__(self, label: str) -> None:
        self._label = label
        self._alike: Counter[str] = Counter()

    def of(self, finding: Finding) -> Finding:
        """``finding`` with its fingerprint: from rule, file, member and what was found, never from line or offset."""
        found = " ".join((finding.key or finding.snippet or finding.message).split())
        digest = hashlib.sha256()
        for part in (finding.rule, self._label, *finding.place.inside, found):
            encoded = part.encode("utf-8", "surrogatepass")
            digest.update(len(encoded).to_bytes(8, "little") + encoded)
        same = digest.hexdigest()[:32]
        self._alike[same] += 1
        return replace(finding, fingerprint=f"{same}:{self._alike[same]}")


def label(path: str, root: str) -> str:
    """``path`` as it is called in fingerprints and patterns: from ``root`` on where it lies beneath, with ``/``."""
    whole = os.path.abspath(path)  # noqa: PTH100 - resolving would name what a link leads to
    return (os.path.relpath(whole, root) if beneath(whole, root) else whole).replace(os.sep, "/")
