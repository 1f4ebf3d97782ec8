"""Classes of Lightning's that Leyden does not have yet. Programs may name them; using one is an error that names it.

A program imports more than it uses: a strategy to compare the trainer's with, a logger that another configuration
needs.
"""

from __future__ import annotations

from abc import ABCMeta
from typing import Any

from leyden.errors import UsageError


class AbsentType(ABCMeta):
    """The class of such classes: they can be compared with, annotated with and subclassed, and nothing is one."""

    explanation: str

    def __call__(cls, *args: Any, **kwargs: Any) -> Any:
        raise UsageError(cls.explanation)

    def __getattr__(cls, name: str) -> Any:
        if name.startswith("_"):  # what inspect, typing and their like ask any class
            raise AttributeError(name)
        raise AttributeError(cls.explanation, name=name, obj=cls)


def absent(module: str, name: str, explanation: str) -> AbsentType:
    """Such a class, which says ``explanation`` when it is used."""
    return AbsentType(name, (), {"__module__": module, "__doc__": explanation, "explanation": explanation})
