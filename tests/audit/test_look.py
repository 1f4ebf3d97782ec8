from __future__ import annotations

import hashlib
import signal
from datetime import date

import pytest
from tests.audit.marks import SOURCE

from leyden.audit.finding import Artifact, Limits
from leyden.audit.look import Job, look

TODAY = date(2026, 11, 22)


def looked(path, content: bytes | None, sources=(SOURCE,), inline=True, digest=False, **limits):
    if content is not None:
        path.write_bytes(content)
    return list(look(Job(str(path), path.name, inline, digest, Limits(**limits)), sources, TODAY))


def rules(records):
    return [record.rule for record in records]


def test_what_readers_find_comes_with_fingerprints(tmp_path):
    found = looked(tmp_path / "a", b"BAD\nfine\nBAD\n")
    assert rules(found) == ["LEY901", "LEY901"]
    assert len({one.fingerprint for one in found}) == 2
    assert all(one.fingerprint for one in found)


@pytest.mark.parametrize(
    ("content", "rule", "says"),
    [
        (b"bug", "LEY004", "The reader of marks failed with KeyError in marks.py"),
        (b"zlib", "LEY004", "error in marks.py"),
        (b"damaged", "LEY002", "Not all of it was looked at: its end is missing."),
        (b"bomb", "LEY003", "its compressed members take over"),
        (b"deep", "LEY003", "nested deeper"),
        (b"memory", "LEY003", "memory"),
    ],
)
def test_whatever_goes_wrong_is_a_finding_after_what_was_found_before(tmp_path, content, rule, says):
    found = looked(tmp_path / "a", content + b" BAD")
    assert rules(found) == ["LEY901", rule]
    assert says in found[1].message
    assert found[1].blind


def test_a_reader_without_an_end_is_interrupted(tmp_path):
    found = looked(tmp_path / "a", b"endless BAD", seconds=0.05)
    assert rules(found) == ["LEY901", "LEY003"]
    assert "it takes over 0.05 seconds" in found[1].message
    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)
    assert signal.getsignal(signal.SIGALRM) is signal.SIG_DFL


def test_one_source_that_fails_does_not_keep_the_next_from_looking(tmp_path):
    assert rules(looked(tmp_path / "a", b"bug", (SOURCE, SOURCE))) == ["LEY004", "LEY004"]


def test_a_file_that_is_not_there_any_more_is_a_finding(tmp_path):
    assert rules(looked(tmp_path / "a", None)) == ["LEY005"]


def test_endless_findings_end_at_the_limit(tmp_path):
    found = looked(tmp_path / "a", b"BAD\n" * 50, findings=10)
    assert rules(found) == ["LEY901"] * 10 + ["LEY003"]


def test_a_comment_accepts_a_finding_with_its_reason(tmp_path):
    line = b'BAD  # leyden: ignore[LEY901] reason="it is meant" until=2027-01-01\n'
    (found,) = looked(tmp_path / "a", line)
    assert (found.accepted.by, found.accepted.reason) == ("inline", "it is meant")
    (strange,) = looked(tmp_path / "a", line, inline=False)
    assert strange.accepted is None


def test_an_artifact_gets_its_digest_where_that_is_wanted(tmp_path):
    (plain,) = looked(tmp_path / "a", b"MODEL")
    assert plain == Artifact(plain.place, "marks", 5, tensors=1, parameters=4, dtypes=("F32",))
    (digested,) = looked(tmp_path / "a", b"MODEL", digest=True)
    assert digested.sha256 == hashlib.sha256(b"MODEL").hexdigest()
