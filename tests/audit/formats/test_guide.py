"""The guide: what to do, the worst first, and nothing of a file in it but as text."""

from __future__ import annotations

import itertools
import re
from dataclasses import replace

import pytest
from markdown_it import MarkdownIt
from tests.audit.marks import BAD, MILD
from tests.audit.reports import HOSTILE, full, report

from leyden.audit.finding import Artifact, Place, Severity
from leyden.audit.formats import guide
from leyden.audit.report import Proposal
from leyden.audit.rules.code_loads import TORCH_BY_DEFAULT
from leyden.audit.rules.engine import DAMAGED
from leyden.audit.rules.environment import STARTUP_LINE
from leyden.audit.rules.host import KEY_OPEN
from leyden.audit.rules.online import KNOWN_VULNERABLE
from leyden.audit.rules.permissions import WRITABLE_FILE
from leyden.audit.rules.runs import MOVED

TOKEN = "ghp_" + "a1B2" * 10


class Rendered:
    """A document as a reader sees it. Whatever makes a link, a picture or HTML of it fails at once."""

    def __init__(self, text: str) -> None:
        tokens = MarkdownIt("commonmark").enable("table").parse(text)
        flat = [inner for token in tokens for inner in (token, *(token.children or ()))]
        assert not {token.type for token in flat} & {"link_open", "image", "html_block", "html_inline"}
        # What other readers than this one make a link of does not stand outside of code.
        assert not any(re.search(r"@|://|www\.", token.content) for token in flat if token.type == "text")
        self.headings = [after.content for token, after in itertools.pairwise(tokens) if token.type == "heading_open"][
            1:
        ]
        self.blocks = [token.content for token in tokens if token.type == "fence"]
        self.places = [token.content for token in tokens if token.type == "inline" and token.content.startswith("[ ]")]


def written(found) -> str:
    return "".join(guide.document(found))


def test_the_worst_comes_first_and_what_was_not_looked_at_last():
    place = Place("a.py")
    shown = Rendered(written(report(MILD.at(place, "So."), DAMAGED.at(place, "So."), BAD.at(place, "So."))))
    assert shown.headings == [
        *("Do today", "1. A line says BAD", "Do when you work on it next", "2. A line says MILD"),
        *("Find out", "3. A file is malformed, so not all of it could be looked at", "Keep it so"),
    ]


def test_all_findings_of_a_rule_are_one_step_with_its_check():
    findings = [BAD.at(Place(f"a{number % 2}.py").at_line(number), "It says BAD.") for number in range(1, 11)]
    text = written(report(*findings))
    shown = Rendered(text)
    assert shown.headings == ["Do today", "1. A line says BAD", "Keep it so"]
    assert len(shown.places) == 10
    assert text.count("It says BAD.") == 1
    assert "leyden audit a0.py a1.py\n" in shown.blocks


def test_the_check_of_a_file_that_may_have_to_go_is_that_of_its_directory():
    findings = [BAD.at(Place(path), "So.") for path in ("models/a.pt", "models/b.pt", "c.pt")]
    assert "leyden audit . models\n" in Rendered(written(report(*findings))).blocks


def test_what_differs_is_said_at_each_place():
    worse = BAD.at(Place("a.py").at_line(2), "It says `worse`.", severity=Severity.CRITICAL)
    shown = Rendered(written(report(BAD.at(Place("a.py").at_line(1), "It says BAD."), worse)))
    assert shown.places == ["[ ] `a.py:2`: It says `worse`.", "[ ] `a.py:1` (high): It says BAD."]


def test_a_long_list_is_cut_and_its_check_names_what_was_audited():
    shown = Rendered(written(report(*(BAD.at(Place(f"{number}.py"), "So.") for number in range(40)))))
    assert len(shown.places) == 26
    assert shown.places[-1] == "[ ] and 15 more places, which `leyden audit` shows"
    assert "leyden audit\n" in shown.blocks


def test_changes_are_shown_with_what_to_look_out_for():
    by_itself = BAD.at(Place("a.py").at_line(1), "So.")
    decided = BAD.at(Place("b.py").at_line(1), "So.")
    proposals = (
        Proposal((by_itself,), "so", ("--- a.py", "+good"), automatic=True),
        Proposal((decided,), "so", ("--- b.py", "+good"), "See who reads it."),
    )
    text = written(replace(report(by_itself, decided), proposals=proposals))
    shown = Rendered(text)
    assert shown.headings[0] == "Let it mend what it can"
    assert "1 place can be mended" in text
    assert "leyden audit --fix --no-convert\n" in shown.blocks
    assert shown.places == ["[ ] `a.py:1` (`--fix` does it)", "[ ] `b.py:1`"]
    assert {"--- a.py\n+good\n", "--- b.py\n+good\n"} <= {*shown.blocks}
    assert "if you decide so. See who reads it." in text


def test_what_to_change_in_a_notebook_is_said_in_words():
    found = BAD.at(Place("look.ipynb", ("cell 1",)).at_line(2), "So.")
    proposal = Proposal((found,), "cell 1, line 2: `a` becomes `b`", caution="See who reads it.")
    text = written(replace(report(found), proposals=(proposal,)))
    assert "**In** `look.ipynb`, cell 1, line 2: `a` becomes `b`. See who reads it.\n" in text


@pytest.mark.parametrize(
    ("rule", "check"),
    [
        (STARTUP_LINE, "leyden audit"),
        (MOVED, "leyden audit"),
        (KNOWN_VULNERABLE, "leyden audit --online"),
        (KEY_OPEN, "leyden audit --host"),
    ],
)
def test_what_is_found_besides_files_is_checked_where_it_was_found(rule, check):
    blocks = Rendered(written(report(rule.at(Place("/usr/lib/a"), "So.")))).blocks
    assert f"{check}\n" in blocks


def test_the_check_of_a_note_asks_for_notes():
    blocks = Rendered(written(report(MILD.at(Place("a.py").at_line(1), "So."), threshold=Severity.INFO))).blocks
    assert "leyden audit --severity info a.py\n" in blocks


def test_each_step_has_the_commands_that_are_known():
    model = "my models/m.pt"
    findings = (WRITABLE_FILE.at(Place(model), "So."), TORCH_BY_DEFAULT.at(Place("a.py").at_line(1), "So."))
    blocks = Rendered(written(report(*findings))).blocks
    assert f"chmod go-w '{model}'\n" in blocks
    assert "pip install 'torch>=2.6'\n" in blocks


def test_a_clean_project_is_told_how_to_keep_it_so():
    text = written(report())
    assert "It found nothing that has to be done." in text
    assert Rendered(text).headings == ["Keep it so"]


def test_checkpoints_without_findings_are_to_be_converted():
    models = tuple(Artifact(Place(name), "torch-zip", 1) for name in ("a.pt", "bad.pt", "c.pt.orig"))
    shown = Rendered(written(report(BAD.at(Place("bad.pt"), "So."), artifacts=models)))
    assert "Get rid of pickles" in shown.headings
    assert "[ ] `a.pt`" in shown.places
    assert "leyden convert a.pt a.leyden.pt\n" in shown.blocks
    assert not any("c.pt.orig" in place for place in shown.places)


def test_the_day_to_look_again_comes_after_the_audit():
    blocks = Rendered(written(report(TORCH_BY_DEFAULT.at(Place("a.py").at_line(1), "So.")))).blocks
    comment = next(block for block in blocks if "ignore[" in block)
    assert comment == '# leyden: ignore[LEY202] reason="why it is no risk here" until=2027-05-21\n'


def test_nothing_of_a_file_is_more_than_text():
    proposal = Proposal((full().findings[0],), HOSTILE, (HOSTILE, "````"), HOSTILE)
    found = replace(full(), proposals=(proposal, Proposal((), HOSTILE)), paths=(HOSTILE,))
    text = written(found)
    assert all(line.isprintable() for line in text.split("\n"))
    assert Rendered(text).headings == Rendered(written(full())).headings


@pytest.mark.parametrize("text", ["a@b.org", "https://a.org/b", "see www.a.org now", "`a`b@c` d", "#12"])
def test_what_readers_make_links_of_is_code(text):
    shown = Rendered(written(report(BAD.at(Place("a"), text, mend=text))))
    assert shown.headings[1] == "1. A line says BAD"
