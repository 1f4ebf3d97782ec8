from __future__ import annotations

import base64
import hashlib
import re
from html.parser import HTMLParser

import pytest
from tests.audit.reports import compared, full, report

from leyden.audit.formats.html import document

VOID = {"meta", "input"}


class Page(HTMLParser):
    """What a browser would see: elements with their attributes, and whether they are nested properly."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.contents: dict[str, list[str]] = {}
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.contents.setdefault(self.open[-1] if self.open else "", []).append(data)


@pytest.fixture
def page() -> Page:
    return Page("".join(document(full())))


@pytest.fixture
def trend() -> Page:
    return Page("".join(document(compared())))


def test_the_page_is_well_formed_and_what_a_file_says_is_no_element(page):
    assert page.open == []
    assert [tag for tag, _ in page.elements].count("script") == 1
    assert "alert" not in page.contents["script"][0]
    assert any("<script>alert(1)</script>" in text for text in page.contents["p"])


@pytest.mark.parametrize("of", ["page", "trend"])
def test_only_its_own_style_and_script_may_run(of, request):
    page = request.getfixturevalue(of)
    (policy,) = [
        attrs["content"] for tag, attrs in page.elements if attrs.get("http-equiv") == "Content-Security-Policy"
    ]
    assert policy.startswith("default-src 'none';")
    assert "unsafe" not in policy
    for tag in ("style", "script"):
        digest = base64.b64encode(hashlib.sha256("".join(page.contents[tag]).encode()).digest()).decode()
        assert f"{tag}-src 'sha256-{digest}'" in policy


@pytest.mark.parametrize("of", ["page", "trend"])
def test_it_loads_nothing(of, request):
    page = request.getfixturevalue(of)
    for tag, attrs in page.elements:
        assert tag not in {"link", "img", "iframe", "object", "embed", "base", "form"}
        assert "src" not in attrs
        assert not any(name.startswith("on") or name == "style" for name in attrs)
        if tag == "a":
            assert re.match(r"#LEY\d+$|https://(cwe\.mitre\.org|nvd\.nist\.gov)/", attrs["href"])
    assert "url(" not in page.contents["style"][0]
    assert "@import" not in page.contents["style"][0]


def test_worst_come_first_and_accepted_ones_are_marked(page):
    articles = [attrs for tag, attrs in page.elements if tag == "article"]
    assert [attrs["data-level"] for attrs in articles] == ["high"] * 4 + ["medium", "low"]
    assert sum("accepted" in attrs["class"] for attrs in articles) == 2


def test_it_says_the_verdict_in_words():
    assert "<h1>4 findings</h1>" in "".join(document(full()))
    assert "the audit is not whole" in "".join(document(full()))
    assert "<h1>Nothing found</h1>" in "".join(document(report()))
    assert Page("".join(document(report()))).open == []


def test_every_byte_of_it_is_text():
    text = "".join(document(full()))
    assert text.encode("utf-8")
    assert all(line.isprintable() for line in text.splitlines())


def test_new_ones_have_a_badge_and_a_filter(trend, page):
    marked = [attrs for tag, attrs in trend.elements if tag == "article" and "new" in attrs["class"].split()]
    assert len(marked) == 3
    assert sum(attrs.get("class") == "badge" for _, attrs in trend.elements) == 3
    assert any(attrs.get("id") == "new" for tag, attrs in trend.elements if tag == "input")
    assert not any(attrs.get("id") == "new" or attrs.get("class") == "badge" for _, attrs in page.elements)


def test_the_trend_is_drawn_with_a_bar_for_each_audit(trend, page):
    assert trend.open == []
    (drawing,) = [attrs for tag, attrs in trend.elements if tag == "svg"]
    assert drawing["aria-label"] == "Findings over the last audits: 4, 2, 4"
    bars = [attrs for tag, attrs in trend.elements if tag == "rect"]
    assert {attrs["x"] for attrs in bars} == {"2", "22", "42"}
    assert sum(float(attrs["height"] or 0) for attrs in bars) == pytest.approx(250)
    assert all(0 <= float(attrs["y"] or 0) <= 100 for attrs in bars)
    assert "svg" not in {tag for tag, _ in page.elements}


def test_what_is_mended_is_listed(trend):
    assert "Mended (1)" in trend.contents["h2"]
    assert any("LEY901" in text for text in trend.contents["li"])
    assert not any("Mended:" in text for text in trend.contents["p"])  # once is enough
