"""Loaders: combining them, limiting them, and finding one's place in them again."""

from __future__ import annotations

from leyden.data.combined import CombinedLoader

__all__ = ["CombinedLoader"]
