"""docs/parity.md says what works; these tests hold it against the code."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

import pytest

import leyden as L
from leyden.settings import UNAVAILABLE
from leyden.strategies.later import LATER
from leyden.views import TrainerViews

PAGE = Path(__file__).parent.parent / "docs" / "parity.md"
ROW = re.compile(r"^\| `([^`]+)` \| ([ABC]) \| (yes|partly|not yet|no effect) \| (?:\[`[^`]+`\]\(([^)]+)\))? ?\|$")
ROWS = [ROW.fullmatch(line) for line in PAGE.read_text().splitlines() if line.startswith("| `")]
CLASSES = {"Module": L.Module, "DataModule": L.DataModule, "Trainer": L.Trainer}
PACKAGES = {"callbacks": L.callbacks, "loggers": L.loggers}
ARGUMENTS = inspect.signature(L.Trainer.__init__).parameters.keys() - {"self"}


def test_every_row_can_be_read() -> None:
    assert len(ROWS) > 100
    assert None not in ROWS


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[1])
def test_a_row_says_what_the_code_does(row: re.Match[str]) -> None:
    feature, _, status, test = row.groups()
    if argument := re.fullmatch(r"Trainer\((\w+)=\)", feature):
        assert argument[1] in ARGUMENTS
        assert (argument[1] in UNAVAILABLE) == (status == "not yet")
        assert (argument[1] in LATER) == (status == "partly")
    else:
        owner, name = feature.split(".")
        place = CLASSES.get(owner) or PACKAGES[owner]
        annotated = {name for base in TrainerViews.__mro__ for name in inspect.get_annotations(base)}
        assert (hasattr(place, name) or name in annotated) == (status == "yes")
    if status in ("yes", "partly"):
        assert test, "what works names its test"
        assert (PAGE.parent / test).is_file()


def test_every_argument_of_the_trainer_has_its_row() -> None:
    assert {row[1] for row in ROWS if row} >= {f"Trainer({name}=)" for name in ARGUMENTS}


def test_every_callback_and_logger_has_its_row() -> None:
    listed = {row[1] for row in ROWS if row}
    assert listed >= {f"loggers.{name}" for name in L.loggers.__all__}
    assert listed >= {f"callbacks.{name}" for name in L.callbacks.__all__ if name != "Checkpoint"}
