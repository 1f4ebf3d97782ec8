from __future__ import annotations

import json
import sys
from datetime import date

import pytest
from tests.audit.fix.code.editing import NEW
from tests.audit.reports import report

from leyden.audit.code.source import SOURCE
from leyden.audit.engine import Orders, audit
from leyden.audit.finding import Limits
from leyden.audit.fix.apply import rewrite
from leyden.audit.fix.code.plan import code
from leyden.audit.fix.steps import Leave, Rewrite
from leyden.security.paths import replacing

TEXT = "import torch, yaml\na = torch.load(path)\nb = yaml.load(stream)\nc = torch.load(path, weights_only=False)\n"


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "train.py"
    path.write_text(TEXT)
    return path


def audited(path):
    orders = Orders((str(path),), str(path.parent))
    return report(*audit(orders, lambda: [SOURCE], today=date(2026, 11, 22), worker=[]))


def steps(path):
    return list(code(audited(path), NEW, Limits()))


def test_what_is_proven_is_mended_and_the_rest_stays(path):
    (step,) = steps(path)
    assert isinstance(step, Rewrite)
    assert step.changes == ("line 2: `weights_only=True` is added", "line 3: `load` becomes `safe_load`")
    assert [finding.rule for finding in step.mends] == ["LEY202", "LEY208"]
    rewrite(step, replacing)
    assert path.read_text() == TEXT.replace("path)\nb", "path, weights_only=True)\nb").replace(
        ".load(s", ".safe_load(s"
    )
    assert [finding.rule for finding in audited(path).findings] == ["LEY201"]
    assert steps(path) == []


def test_an_accepted_finding_is_left(path):
    accepted = '  # leyden: ignore[LEY202,LEY208] reason="so" until=2030-01-01\n'
    path.write_text(TEXT.replace(")\n", ")" + accepted))
    assert steps(path) == []


def notebook(path, line):
    cells = [{"cell_type": "markdown", "source": "a"}, {"cell_type": "code", "source": f"import torch\n{line}"}]
    path.write_text(json.dumps({"cells": cells}))
    return path


def test_a_notebook_is_left_to_its_editor_with_what_to_change(path):
    (step,) = steps(notebook(path.with_suffix(".ipynb"), "torch.load(p)"))
    assert isinstance(step, Leave)
    assert step.reason.endswith("change it in its editor: cell 2, line 2: `weights_only=True` is added")


def test_a_notebook_in_which_nothing_is_proven_is_not_told_of(path):
    assert steps(notebook(path.with_suffix(".ipynb"), "torch.load(p, weights_only=False)")) == []


def test_a_file_that_changed_since_the_audit_is_looked_at_as_it_is(path):
    before = audited(path)
    path.write_text("import torch\n" + TEXT)
    assert list(code(before, NEW, Limits())) == []


def test_what_may_not_be_replaced_is_left_with_the_reason(path):
    (path.parent / "link.py").symlink_to(path)
    (step,) = steps(path.parent / "link.py")
    assert step == Leave(str(path.parent / "link.py"), "it is a link; name what it leads to")


def test_without_libcst_the_way_to_get_it_is_said_once(path, monkeypatch):
    monkeypatch.setattr(sys, "path", [])
    monkeypatch.delitem(sys.modules, "libcst", raising=False)
    assert steps(path) == [Leave(str(path), "programs are mended with libcst: pip install 'leyden[fix]'")]
