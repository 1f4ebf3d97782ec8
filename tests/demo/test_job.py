"""The stages of the main job, on two short epochs."""

from __future__ import annotations

import csv
import stat
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
import torch

from leyden.checkpoint.load import load, verify
from leyden.demo import job
from leyden.demo.network import DigitsNet

EPOCHS = 2


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("demo")


@pytest.fixture(scope="module")
def first(folder) -> job.Trained:
    return job.train(folder / "trained", epochs=EPOCHS, seed=7, quiet=True)


@pytest.fixture(scope="module")
def resumed(folder, first) -> job.Trained:
    return job.train(folder / "resumed", epochs=EPOCHS, seed=8, resume=first.middle, quiet=True)


def rows_after(step: int, table: Path) -> list[dict[str, str]]:
    with table.open(newline="") as file:
        return [row for row in csv.DictReader(file) if int(row["step"]) >= step]


def test_the_network_has_the_size_that_the_readme_says():
    assert sum(weight.numel() for weight in DigitsNet().parameters()) == 21_546


def test_the_middle_checkpoint_is_written_inside_an_epoch(first):
    tree = load(first.middle)
    assert tree["global_step"] == job.middle_step(EPOCHS) == 67
    assert tree["epoch"] == 1


def test_a_resumed_run_ends_with_the_same_weights_under_another_seed(first, resumed):
    assert job.same_bits(first.weights, resumed.weights)


def test_a_resumed_run_logs_the_same_numbers(first, resumed):
    step = job.middle_step(EPOCHS)
    assert rows_after(step, resumed.metrics) == rows_after(step, first.metrics) != []


def test_a_run_from_the_beginning_under_another_seed_ends_with_other_weights(folder, first):
    other = job.train(folder / "other", epochs=EPOCHS, seed=8, quiet=True)
    assert not job.same_bits(first.weights, other.weights)


def test_the_best_checkpoint_is_whole_and_is_the_best(first):
    with first.metrics.open(newline="") as file:
        accuracies = [float(row["val/accuracy"]) for row in csv.DictReader(file) if row["val/accuracy"]]
    assert len(accuracies) == EPOCHS
    assert first.accuracy == pytest.approx(max(accuracies))
    assert verify(first.best).tensors >= len(first.weights)


def test_a_tampered_copy_is_refused_and_the_original_still_loads(folder, first):
    refusal = job.tamper(first.best, folder / "tampered.ckpt")
    assert refusal is not None
    assert "tampered.ckpt: tensor 'state_dict.net.0.weight'" in refusal
    model = DigitsNet.load_from_checkpoint(first.best)
    assert model.learning_rate == 3e-3


def test_the_picture_shows_both_panels(folder, first):
    drawing = ET.parse(job.picture(first, folder / "curves.svg", epochs=EPOCHS))
    words = {node.text for node in drawing.iter("{http://www.w3.org/2000/svg}text")}
    assert {"Loss", "Accuracy", "training", "validation", "resumed from here", "Handwritten digits"} <= words


def test_what_the_job_writes_is_private(folder, first):
    job.tamper(first.best, folder / "tampered.ckpt")
    job.picture(first, folder / "curves.svg", epochs=EPOCHS)
    files = [path for path in folder.rglob("*") if path.is_file()]
    names = {path.name for path in files}
    assert names >= {"best.ckpt", "middle.ckpt", "metrics.csv", "hparams.yaml", "tampered.ckpt", "curves.svg"}
    assert {stat.S_IMODE(path.stat().st_mode) for path in files} == {0o600}


@pytest.mark.parametrize(
    "other",
    [
        {"a": torch.tensor([1.0, 2.0000002])},
        {"b": torch.tensor([1.0, 2.0])},
        {"a": torch.tensor([[1.0, 2.0]])},
        {"a": torch.tensor([1.0, 2.0]), "b": torch.tensor([0.0])},
    ],
)
def test_one_bit_a_name_or_a_shape_makes_other_weights(other):
    weights = {"a": torch.tensor([1.0, 2.0])}
    assert job.same_bits(weights, {"a": torch.tensor([1.0, 2.0])})
    assert not job.same_bits(weights, other)
