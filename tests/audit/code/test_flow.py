"""Where values come from, and what rules say that depends on it."""

from __future__ import annotations

import pytest
from tests.audit.code.programs import found

from leyden.audit.code.origins import Origin, origin_of
from leyden.audit.finding import Severity


def worst(text: str, rule: str) -> Severity:
    return max(finding.severity for finding in found(text) if finding.rule == rule)


@pytest.mark.parametrize(
    ("path", "origin"),
    [
        ("flask.request.args[]", Origin.NETWORK),
        ("torch.load()[]", Origin.MODEL),
        ("yaml.safe_load()[]", Origin.FILE),
        ("argparse.ArgumentParser().parse_args().ckpt", Origin.USER),
        ("os.environ[]", Origin.USER),
        ("os.environment", None),
        ("torch.loader()", None),
    ],
)
def test_a_path_tells_who_decides(path, origin):
    assert origin_of(path) is origin


@pytest.mark.parametrize(
    ("source", "severity"),
    [
        ("import flask\nx = flask.request.form['x']", Severity.CRITICAL),
        ("import torch\nc = torch.load(p, weights_only=True)\nx = c['a']['b']", Severity.CRITICAL),
        ("import json\nwith open(p) as f:\n  x = json.load(f)['x']", Severity.HIGH),
        ("import argparse\np = argparse.ArgumentParser()\na = p.parse_args()\nx = f'int({a.size})'", Severity.HIGH),
        ("import os\nx = os.environ.get('X', '') + '1'", Severity.HIGH),
        ("x = make()", Severity.MEDIUM),
    ],
)
def test_how_bad_an_eval_is_depends_on_who_decides(source, severity):
    assert worst(source + "\neval(x)", "LEY231") == severity


def test_the_least_trusted_origin_counts():
    text = "import os, requests\neval(os.environ['A'] + requests.get(url).text)"
    assert worst(text, "LEY231") == Severity.CRITICAL


def test_what_stands_in_an_index_does_not_decide():
    assert [finding.rule for finding in found("import sys\nTABLE[sys.argv[1]]\nimport os\nos.system('ls')")] == []


def test_arguments_count_by_position_by_name_and_unpacked():
    for call in (
        "subprocess.run(c, shell=True)",
        "subprocess.run(args=c, shell=True)",
        "subprocess.run(c, **{'shell': True})",
        "subprocess.run(c, **dict(shell=True))",
    ):
        assert [finding.rule for finding in found(f"import subprocess\n{call}")] == ["LEY234"]
    assert found("import subprocess\nsubprocess.run(c, **options)") == []


def test_a_function_that_is_given_another_name_is_told_of_once_where_it_is_called():
    told = found("import torch\nread = torch.load\nread(p)\nread(p)")
    assert [(finding.rule, finding.place.line) for finding in told] == [("LEY202", 3), ("LEY202", 4)]


def test_a_function_that_is_compared_is_not_told_of_and_one_that_is_replaced_only_as_that():
    (told,) = found("import torch\nif torch.load is not own:\n  torch.load = own")
    assert told.rule == "LEY219"


def test_a_function_that_is_kept_in_an_attribute_is_told_of():
    assert [
        finding.rule for finding in found("import pickle\nclass A:\n  def __init__(self): self.read = pickle.load")
    ] == ["LEY204"]
