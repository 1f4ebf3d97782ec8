"""Whatever a file is called and whatever it says, each format stays what it is."""

from __future__ import annotations

import json
from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.audit.formats.test_guide import Rendered
from tests.audit.formats.test_html import Page
from tests.audit.marks import BAD
from tests.audit.reports import report

from leyden.audit.finding import Accepted, Artifact, Place
from leyden.audit.formats.table import FORMATTERS
from leyden.audit.records import from_json, to_json

HEADINGS = ["Do today", "1. A line says BAD", "Keep it so"]
ANY = st.text(st.characters(), max_size=40) | st.sampled_from(
    [
        "</script>",
        "]]>",
        "<!--",
        "{0}",
        "%s",
        "javascript:",
        "\\",
        "`",
        "](http://a.org)",
        "![a][b]",
        "<https://a.org>",
        "a@b.org",
        "www.a.org",
        "\udcff\x1b",
    ]
)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(ANY, ANY, ANY, ANY)
def test_no_text_breaks_a_format(path, member, message, snippet):
    place = Place("/work tree/" + path, (member,), line=1)
    one = BAD.at(place, message, snippet=snippet, mend=message)
    found = (
        replace(one, fingerprint="1:1"),
        replace(one, fingerprint="2:1", place=Place(path), accepted=Accepted("inline", message)),
    )
    artifact = Artifact(place, member or "x", 1, message, dtypes=(snippet,), properties={path: snippet})
    for name, formatter in FORMATTERS.items():
        shown = "".join(formatter(report(*found, artifacts=(artifact,))))
        assert shown.encode("utf-8")
        assert all(line.isprintable() for line in shown.split("\n"))
        if name == "html":
            page = Page(shown)
            assert page.open == []
            assert [tag for tag, _ in page.elements].count("article") == 2
            assert [tag for tag, _ in page.elements].count("script") == 1
        elif name == "guide":
            assert Rendered(shown).headings == HEADINGS
        elif name != "text":
            assert json.loads(shown)
    for record in (*found, artifact):
        assert from_json(json.loads(json.dumps(to_json(record)))) == record
