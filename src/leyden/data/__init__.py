"""Loaders: combining them, limiting them, and finding one's place in them again; and what data there is."""

from __future__ import annotations

from leyden.data.combined import CombinedLoader
from leyden.security.manifest import Manifest, manifest

__all__ = ["CombinedLoader", "Manifest", "manifest"]
