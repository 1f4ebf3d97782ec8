from __future__ import annotations

import pytest

from leyden.audit.environment.startup import Kind, lines
from leyden.audit.rules.environment import STARTUP_LINE

NAMESPACE = (
    "import sys, types, os;has_mfs = sys.version_info > (3, 5);"
    "p = os.path.join(sys._getframe(1).f_locals['sitedir'], *('google',));"
    "importlib = has_mfs and __import__('importlib.util');has_mfs and __import__('importlib.machinery');"
    "m = has_mfs and sys.modules.setdefault('google', importlib.util.module_from_spec("
    "importlib.machinery.PathFinder.find_spec('google', [os.path.dirname(p)])));"
    "m = m or sys.modules.setdefault('google', types.ModuleType('google'));"
    "mp = (m or []) and m.__dict__.setdefault('__path__',[]);(p not in mp) and mp.append(p)"
)
COVERAGE = (
    r"import sys; exec('import os\n\nif os.getenv(\"COVERAGE_PROCESS_START\") or os.getenv(\"COVERAGE_PROCESS_CONFIG\")"
    r":\n try:\n  import coverage\n except:\n  pass\n else:\n  coverage.process_startup(slug=\"pth\")')"
).replace(r"\"", '"')


def kinds(text: str) -> list[Kind]:
    return [line.kind for line in lines(text.encode())]


@pytest.mark.parametrize("text", STARTUP_LINE.bad)
def test_a_bad_example_is_suspect(text):
    assert kinds(text) == [Kind.SUSPECT]


@pytest.mark.parametrize("text", [*STARTUP_LINE.good, NAMESPACE, COVERAGE])
def test_a_good_example_runs_nothing_or_is_known(text):
    assert set(kinds(text)) <= {Kind.KNOWN}


def test_what_is_added_to_a_known_line_makes_it_unknown():
    assert kinds(NAMESPACE + ";import evil") == [Kind.SUSPECT]
    assert kinds(COVERAGE + "; import evil") == [Kind.SUSPECT]
    assert kinds("import __editable___a_finder; __editable___b_finder.install()") == [Kind.PROGRAM]


def test_one_import_and_a_harmless_program_are_told_apart():
    assert kinds("import a.b\nimport a; a.start()") == [Kind.IMPORT, Kind.PROGRAM]


def test_lines_are_counted_and_what_no_reading_takes_for_code_is_left_out():
    text = "\ufeffimport a\r\n/path\n import b\nimport\tc\n# import d\u2028import e\n"
    assert [(line.number, line.text) for line in lines(text.encode())] == [
        (1, "import a"),
        (4, "import\tc"),
        (5, "import e"),
    ]


def test_bytes_that_are_no_text_are_no_error():
    assert list(lines(b"\xff\xfe\x00import\x00")) == []
    assert [line.kind for line in lines(b"import os; exec('\xff')")] == [Kind.SUSPECT]
