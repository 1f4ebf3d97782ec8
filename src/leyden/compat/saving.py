"""Hyperparameters in files of their own, under Lightning's names."""

from __future__ import annotations

import csv
import io
from argparse import Namespace
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from leyden.api.hparams_yaml import load_hparams_csv, load_hparams_yaml, save_hparams_yaml
from leyden.security.paths import replacing


def load_hparams_from_yaml(config_yaml: str | Path, use_omegaconf: bool = True) -> dict[str, Any]:
    """Read hyperparameters; ``use_omegaconf`` is accepted for compatibility, the answer is a plain dict."""
    return load_hparams_yaml(config_yaml)


def save_hparams_to_yaml(
    config_yaml: str | Path, hparams: Mapping[str, Any] | Namespace, use_omegaconf: bool = True
) -> None:
    """Write hyperparameters; ``use_omegaconf`` is accepted for compatibility and changes nothing."""
    save_hparams_yaml(config_yaml, _mapping(hparams))


def load_hparams_from_tags_csv(tags_csv: str | Path) -> dict[str, Any]:
    """Read hyperparameters from a table with the columns key and value."""
    return load_hparams_csv(tags_csv)


def save_hparams_to_tags_csv(tags_csv: str | Path, hparams: Mapping[str, Any] | Namespace) -> None:
    """Write hyperparameters as a table with the columns key and value."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerows([("key", "value"), *_mapping(hparams).items()])
    with replacing(Path(tags_csv)) as file:
        file.write(text.getvalue().encode())


def _mapping(hparams: Mapping[str, Any] | Namespace) -> Mapping[str, Any]:
    return vars(hparams) if isinstance(hparams, Namespace) else hparams
