from __future__ import annotations

import os
import stat
from dataclasses import replace
from datetime import date

import pytest
import torch
from tests.audit.marks import BAD
from tests.audit.reports import report

from leyden.audit.engine import Orders, audit
from leyden.audit.finding import Artifact, Finding, Limits, Place
from leyden.audit.fix import own
from leyden.audit.fix.apply import tighten
from leyden.audit.fix.code.facts import Facts
from leyden.audit.fix.plan import mends, plan
from leyden.audit.fix.steps import Convert, Leave, Rewrite, Tighten
from leyden.audit.rules.permissions import WRITABLE_FILE
from leyden.audit.sources import SOURCES
from leyden.errors import PathError


def steps(*paths, conversion=True):
    orders = Orders(tuple(map(str, paths)), "/")
    records = list(audit(orders, lambda: SOURCES, today=date(2026, 11, 22), worker=[]))
    findings = [record for record in records if isinstance(record, Finding)]
    artifacts = tuple(record for record in records if isinstance(record, Artifact))
    audited = replace(report(*findings, artifacts=artifacts), paths=orders.paths)
    return list(plan(audited, Limits(), Facts(), conversion=conversion))


@pytest.fixture
def model(tmp_path):
    path = tmp_path / "m.pt"
    torch.save({"a": torch.ones(2), "b": torch.zeros(1)}, path)
    return path


def test_what_everybody_may_write_is_tightened_and_no_more_than_that(tmp_path, model):
    model.chmod(0o666)
    tmp_path.chmod(0o777)
    found = steps(tmp_path, conversion=False)
    assert found == [Tighten(str(tmp_path), 0o777, 0o755), Tighten(str(model), 0o666, 0o644)]
    for step in found:
        tighten(step)
    assert [stat.S_IMODE(path.stat().st_mode) for path in (tmp_path, model)] == [0o755, 0o644]
    assert steps(tmp_path, conversion=False) == []


def test_a_pickled_checkpoint_of_tensors_is_converted(tmp_path, model):
    assert steps(tmp_path) == [Convert(str(model), 2)]


@pytest.mark.parametrize(
    ("name", "text", "left"),
    [
        ("train.py", "import torch\nstate = torch.load(path)", True),
        ("train.py", "import pytorch_lightning as pl", True),
        ("look.ipynb", '{"cells": [{"source": ["from torch import load"]}]}', True),
        ("train.py", "import leyden as L, torch\nstate = torch.load(path)", True),
        ("train.py", "import leyden as L, torch\nL.Trainer().fit(model, ckpt_path='m.pt')", False),
        ("train.py", "import torchless", False),
        ("notes.txt", "import torch", False),
    ],
)
def test_a_checkpoint_stays_where_a_program_may_load_it_with_torch(tmp_path, model, name, text, left):
    (tmp_path / name).write_text(text)
    (step,) = [step for step in steps(tmp_path) if step.path == str(model)]
    assert isinstance(step, Leave) is left
    assert not left or str(tmp_path / name) in step.reason
    assert steps(model) == [Convert(str(model), 2)]


def test_what_cannot_be_converted_says_why(tmp_path):
    torch.save({"net": torch.nn.Linear(1, 1)}, tmp_path / "whole.pt")
    (step,) = steps(tmp_path)
    assert isinstance(step, Leave)
    assert "the audit has something to say about it" in step.reason


def test_an_earlier_fix_leaves_nothing_to_do(tmp_path, model):
    model.rename(tmp_path / "m.pt.orig")
    assert steps(tmp_path) == []


def test_a_name_that_is_taken_is_not_written_over(tmp_path, model):
    (tmp_path / "m.pt.orig").symlink_to("nowhere")
    (step,) = steps(tmp_path)
    assert step == Leave(str(model), "there is a file of the name m.pt.orig already")


def test_links_are_left_as_they_are(tmp_path, model):
    model.chmod(0o666)
    (tmp_path / "links").mkdir()
    (tmp_path / "links" / "l.pt").symlink_to(model)
    assert [type(step) for step in steps(tmp_path / "links")] == [Leave, Leave]


def test_what_belongs_to_somebody_else_is_left_as_it_is(tmp_path, model, monkeypatch):
    model.chmod(0o666)
    monkeypatch.setattr(own.os, "geteuid", lambda: os.getuid() + 1)
    assert [step.reason for step in steps(model)] == ["it belongs to somebody else"] * 2


def test_a_file_that_changed_after_the_plan_is_not_touched(model):
    model.chmod(0o600)
    with pytest.raises(PathError, match="changed since"):
        tighten(Tighten(str(model), 0o666, 0o644))
    link = model.with_name("link")
    link.symlink_to(model)
    with pytest.raises(OSError, match="link"):
        tighten(Tighten(str(link), 0o600, 0o600))


def test_each_kind_of_step_takes_away_its_own_findings_and_no_others():
    writable = WRITABLE_FILE.at(Place("m.pt"), "So.")
    bad, worse = (BAD.at(Place("a.py").at_line(line), "It is bad.") for line in (1, 2))
    whole = report(writable, bad, worse)
    assert list(mends(Tighten("m.pt", 0o666, 0o644), whole)) == [writable]
    assert list(mends(Rewrite("a.py", b"", b"", (), (bad,)), whole)) == [bad]
    assert list(mends(Convert("m.pt", 1), whole)) == list(mends(Leave("a.py", "So."), whole)) == []
