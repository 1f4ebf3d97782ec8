"""Hyperparameters in a checkpoint of Lightning that name code."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from leyden.audit.artifacts.names import is_dangerous
from leyden.audit.finding import File, Finding, Severity
from leyden.audit.rules.artifacts import NAMES_CODE
from leyden.wire.pickle.nodes import Dict, Object, Value, walk

_HPARAMS: Final = ("hyper_parameters", "datamodule_hyper_parameters", "hparams")
# What Lightning's own command line writes there.
_STOCK: Final = frozenset(f"{root}.cli.instantiate_module" for root in ("lightning.pytorch", "pytorch_lightning"))


def read_checkpoint(file: File, value: Value) -> Iterator[Finding]:
    """What is wrong with the hyperparameters of a checkpoint; nothing where ``value`` is none."""
    if not isinstance(value, Dict):
        return
    for key in _HPARAMS:
        hparams = value.get(key)
        if isinstance(hparams, (Dict, Object)):
            yield from _read_hparams(file, key, hparams)


def _read_hparams(file: File, where: str, hparams: Value) -> Iterator[Finding]:
    for inside in walk(hparams):
        pairs = inside.pairs if isinstance(inside, (Dict, Object)) else None
        for name, value in zip((pairs or [])[::2], (pairs or [])[1::2], strict=False):
            if type(name) is not str or type(value) is not str:
                continue
            severity = _severity(name, value)
            if severity is not None:
                message = f"{where} has {name} = {value!r}, which Lightning before 2.6.6 imports and calls."
                yield NAMES_CODE.at(
                    file.place, message, severity=severity, key=f"{name} {value}", snippet=f"{name}: {value}"
                )


def _severity(name: str, value: str) -> Severity | None:
    module, _, attribute = value.rpartition(".")
    bad = is_dangerous((module, attribute))
    match name:
        case "_instantiator":
            return None if value in _STOCK else Severity.CRITICAL
        case "_class_path":
            return Severity.CRITICAL if bad else Severity.INFO
        case "class_path" | "_target_":
            return Severity.CRITICAL if bad else None
        case _:
            return None
