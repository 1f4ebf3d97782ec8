from __future__ import annotations

import json
import sys
from datetime import date

import pytest
from tests.audit.fix.code.editing import NEW
from tests.audit.reports import report

from leyden.audit.engine import Orders, audit
from leyden.audit.finding import Artifact, Limits
from leyden.audit.fix.proposals import proposals
from leyden.audit.sources import SOURCES

TEXT = (
    "import numpy as np, torch\npassword = 'hunter2-Xy7qpt'\na = np.load(p, allow_pickle=True)\nb = torch.load(p)\n"
    "c = np.load(q, allow_pickle=True)\n"
)


@pytest.fixture
def project(tmp_path):
    (tmp_path / "train.py").write_text(TEXT)
    return tmp_path


def proposed(project):
    orders = Orders((str(project),), str(project))
    records = audit(orders, lambda: SOURCES, today=date(2026, 11, 22), worker=[])
    found = report(*(record for record in records if not isinstance(record, Artifact)))
    return list(proposals(found, Limits(), NEW))


def test_what_fix_does_comes_first_and_then_what_a_person_decides_about(project):
    by_itself, decided = proposed(project)
    assert by_itself.automatic
    assert [finding.rule for finding in by_itself.findings] == ["LEY202"]
    assert not decided.automatic
    assert [finding.place.line for finding in decided.findings] == [3, 5]
    assert decided.text == "`allow_pickle=True` is left out"
    assert decided.caution.startswith("Arrays of objects are refused")
    assert [line for line in decided.diff if line.startswith("+")][1:] == ["+a = np.load(p)", "+c = np.load(q)"]


def test_no_secret_is_in_a_diff(project):
    for proposal in proposed(project):
        assert "[secret]" in "\n".join(proposal.diff)
        assert "hunter2" not in repr(proposal.diff)


def test_one_place_that_cannot_be_changed_does_not_stop_the_others(project):
    path = project / "train.py"
    path.write_text(TEXT.replace("q, allow_pickle=True", "\n    q,\n    allow_pickle=True,  # old\n"))
    _, decided = proposed(project)
    assert [finding.place.line for finding in decided.findings] == [3]


def test_permissions_are_among_them(project):
    model = project / "model.safetensors"
    model.write_bytes(b"\x02\0\0\0\0\0\0\0{}")
    model.chmod(0o666)
    assert "`chmod 0644`, and not 0666" in [proposal.text for proposal in proposed(project)]


def test_without_libcst_it_is_said_how_to_get_it(project, monkeypatch):
    monkeypatch.setattr(sys, "path", [])
    monkeypatch.delitem(sys.modules, "libcst", raising=False)
    (only,) = proposed(project)
    assert only.findings == ()
    assert "pip install 'leyden[fix]'" in only.text


def test_a_long_diff_is_cut(project):
    (project / "train.py").write_text("import numpy as np\n" + "np.load(p, allow_pickle=True)\n" * 100)
    (decided,) = proposed(project)
    assert len(decided.diff) == 121
    assert decided.diff[-1].endswith("more lines")


def test_for_a_notebook_it_is_said_in_words(project):
    (project / "train.py").unlink()
    cell = {"cell_type": "code", "source": "import numpy as np\nnp.load(p, allow_pickle=True)\n"}
    (project / "look.ipynb").write_text(json.dumps({"cells": [cell]}))
    (decided,) = proposed(project)
    assert (decided.text, decided.diff) == ("cell 1, line 2: `allow_pickle=True` is left out", ())
    assert decided.caution.startswith("Arrays of objects are refused")
