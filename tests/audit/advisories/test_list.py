"""The list that Leyden comes with: what holds for every entry, and facts that it must not lose."""

from __future__ import annotations

import json
from datetime import date

import pytest

from leyden.audit.advisories import reading
from leyden.audit.advisories.advisory import Kind
from leyden.audit.advisories.listed import SHIPPED, listed
from leyden.errors import FormatError

LISTED = listed()


def test_no_entry_is_there_twice():
    names = [one.id for one in LISTED.advisories]
    assert len(set(names)) == len(names) > 80


@pytest.mark.parametrize("one", LISTED.advisories, ids=lambda one: one.id)
def test_every_entry_says_where_it_comes_from_and_how_it_was_checked(one):
    assert one.sources
    assert all(source.startswith("https://") for source in one.sources)
    assert one.checked
    assert one.summary.endswith(".")
    assert len(one.summary) <= 140


@pytest.mark.parametrize("one", LISTED.advisories, ids=lambda one: one.id)
def test_the_release_that_mends_it_is_not_affected_itself(one):
    assert not one.fixed or not any(one in LISTED.affecting(name, one.fixed) for name in one.packages)


@pytest.mark.parametrize(
    ("name", "version", "expected"),
    [
        ("torch", "2.5.1", "CVE-2025-32434"),
        ("torch", "2.5.1+cu124", "CVE-2025-32434"),
        ("torch", "2.6.0rc1", "CVE-2025-32434"),
        ("torch", "2.6.0.dev20250101", "CVE-2025-32434"),
        ("torch", "2.9.1", "CVE-2026-24747"),
        ("torch", "2.10.0", "CVE-2026-4538"),
        ("pytorch-lightning", "1.5.10.post0", "CVE-2022-0845"),
        ("PyTorch_Lightning", "2.6.5", "CVE-2026-58659"),
        ("lightning", "2.6.3", "CVE-2026-44484"),
        ("pytorch-lightning", "2.6.2", "CVE-2026-44484"),
        ("torchtriton", "2.0.0", "torchtriton-2022"),
        ("torchtriton", "no version", "torchtriton-2022"),
        ("PyYAML", "5.3.1", "CVE-2020-14343"),
        ("transformers", "4.57.1", "CVE-2026-4372"),
        ("mlflow", "3.9.0", "CVE-2026-2614"),
        ("vllm", "0.8.4", "CVE-2025-47277"),
    ],
)
def test_known_bad_releases_are_known(name, version, expected):
    assert expected in [one.id for one in LISTED.affecting(name, version)]


@pytest.mark.parametrize(
    ("name", "version"),
    [
        ("torch", "2.11.0"),
        ("torch", "2.13.0+cpu"),
        ("torch", "no version"),
        ("lightning", "2.6.6"),
        ("pytorch-lightning", "2.7"),
        ("PyYAML", "6.0.2"),
        ("transformers", "5.5.0"),
        ("numpy", "1.0"),
        ("torchvision", "0.1"),
    ],
)
def test_sound_releases_are_not_spoken_of(name, version):
    assert LISTED.affecting(name, version) == ()


def test_a_compromised_release_comes_first():
    assert LISTED.affecting("lightning", "2.6.2")[0].kind is Kind.COMPROMISED


def test_what_is_so_by_policy_is_told_and_counts_against_no_release():
    assert "CVE-2024-5480" in [one.id for one in LISTED.about("torch")]
    assert "CVE-2024-5480" not in [one.id for one in LISTED.affecting("torch", "2.0")]


def changed(**members):
    listing = json.loads(SHIPPED.read_text())
    listing["advisories"][0] |= members
    return json.dumps(listing).encode()


@pytest.mark.parametrize(
    "content",
    [
        b"[]",
        b"\xff",
        b'{"format": "leyden-advisories-1", "number": 0, "date": "2026-11-28", "advisories": []}',
        b'{"format": "leyden-advisories-1", "number": true, "date": "2026-11-28", "advisories": []}',
        b'{"format": "leyden-advisories-1", "number": 1, "date": "yesterday", "advisories": []}',
        b'{"format": "leyden-advisories-2", "number": 1, "date": "2026-11-28", "advisories": []}',
        b'{"format": "leyden-advisories-1", "number": 1, "number": 2, "date": "2026-11-28", "advisories": []}',
        b'{"format": "leyden-advisories-1", "number": 1, "date": "2026-11-28", "advisories": [{"id": "a"}]}',
        b'{"format": "leyden-advisories-1", "number": 1, "date": "2026-11-28", "advisories": [], "more": 1}',
        changed(severity="dire"),
        changed(kind="odd"),
        changed(affected=["latest"]),
        changed(affected=[]),
        changed(affected=["<1.6.0,"]),
        changed(fixed="soon"),
        changed(packages=["PyYAML"]),
        changed(summary="two\nlines"),
        changed(more=1),
        b" " * (reading.LARGEST + 1),
    ],
)
def test_anything_but_a_list_is_refused(content):
    with pytest.raises(FormatError, match="list.json"):
        reading.parse(content, "list.json")


def test_a_list_says_its_number_and_its_date():
    content = b'{"format": "leyden-advisories-1", "number": 7, "date": "2027-01-02", "advisories": []}'
    read = reading.parse(content, "list.json")
    assert (read.number, read.date, read.advisories) == (7, date(2027, 1, 2), ())
