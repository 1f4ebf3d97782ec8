from __future__ import annotations

import gzip

import pytest
import torch

from leyden.demo import digits
from leyden.errors import DataError


def test_every_digit_is_in_exactly_one_part():
    training, validation = digits.load()
    pictures = torch.cat([training.tensors[0], validation.tensors[0]])
    assert (len(training), len(validation)) == (1437, 360)
    assert pictures.shape == (1797, 1, 8, 8)
    assert len(pictures.flatten(1).unique(dim=0)) == 1797


def test_pictures_are_scaled_and_answers_are_digits():
    (pictures, answers), _ = (part.tensors for part in digits.load())
    assert pictures.dtype == torch.float32
    assert (pictures.min(), pictures.max()) == (0, 1)
    assert answers.unique().tolist() == list(range(10))


def test_the_first_line_of_the_file_is_a_zero():
    """Two facts read off the file by eye: the picture's first row and whose picture it is."""
    pictures, answers = (torch.cat(column) for column in zip(*(part.tensors for part in digits.load()), strict=True))
    first = torch.tensor([0, 0, 5, 13, 9, 1, 0, 0]) / 16
    second = torch.tensor([0, 0, 13, 15, 10, 15, 5, 0]) / 16
    here = (pictures[:, 0, 0] == first).all(1) & (pictures[:, 0, 1] == second).all(1)
    assert answers[here].tolist() == [0]


def test_the_same_seed_gives_the_same_parts_and_another_gives_others():
    first, again, other = (digits.load(seed)[1].tensors[1] for seed in (0, 0, 1))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_splitting_leaves_the_global_random_state_alone():
    before = torch.get_rng_state()
    digits.load()
    assert torch.equal(torch.get_rng_state(), before)


def test_a_changed_data_file_is_refused(tmp_path, monkeypatch):
    changed = tmp_path / "data" / "digits.csv.gz"
    changed.parent.mkdir()
    changed.write_bytes(gzip.compress(b"0," * 64 + b"7\n"))
    monkeypatch.setattr(digits, "files", lambda package: tmp_path)
    with pytest.raises(DataError, match="not the file that Leyden ships.*Install leyden again"):
        digits.load()
