"""Hyperparameters in files of their own."""

from __future__ import annotations

from argparse import Namespace

import pytest

from leyden.compat.saving import (
    load_hparams_from_tags_csv,
    load_hparams_from_yaml,
    save_hparams_to_tags_csv,
    save_hparams_to_yaml,
)

HPARAMS = {"lr": 0.5, "layers": 3, "name": "a, b", "tied": True, "nothing": None}


@pytest.mark.parametrize("hparams", [HPARAMS, Namespace(**HPARAMS)])
@pytest.mark.parametrize(
    ("save", "load"),
    [(save_hparams_to_yaml, load_hparams_from_yaml), (save_hparams_to_tags_csv, load_hparams_from_tags_csv)],
)
def test_what_was_saved_is_what_is_loaded(tmp_path, hparams, save, load):
    save(tmp_path / "hparams", hparams)
    expected = HPARAMS if load is load_hparams_from_yaml else HPARAMS | {"nothing": ""}
    assert load(str(tmp_path / "hparams")) == expected
