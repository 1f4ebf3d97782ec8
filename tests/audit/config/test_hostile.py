"""What is written to stop or to mislead the auditor costs bounded time, and is found or is no configuration."""

from __future__ import annotations

import contextlib
import time

import pytest
from tests.audit.config.reading import file, found, rules

from leyden.audit.config.building import MOST
from leyden.audit.config.documents import LARGEST
from leyden.audit.config.source import SOURCE, read_config
from leyden.audit.finding import Budget, File, LimitError, Limits, Place

BOMB = "a0: &a0 [lol, lol, lol, lol, lol, lol, lol, lol, lol]\n" + "".join(
    f"a{level}: &a{level} [{', '.join([f'*a{level - 1}'] * 9)}]\n" for level in range(1, 10)
)
TARGET = "_target_: torch.optim.Adam\n"


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.yaml", TARGET + "b: " + "[" * 30_000),
        ("a.yaml", TARGET + "b: " + "{a: " * 30_000),
        ("a.json", '{"_target_": ' + "[" * 30_000),
        ("a.yaml", TARGET.encode() + b"b:\n" + b"- " * (25 << 20)),
        ("a.yaml", TARGET.encode() + b"b:\n" + b"- x\n" * MOST),
        ("a.json", b'{"_target_": [' + b"1," * (LARGEST // 2)),
        ("a.toml", b"_target_ = '''" + b"x" * LARGEST),
        ("Dockerfile", "RUN x \\\n" + "y \\\n" * 1_000_000 + "z"),
        ("a.sh", b"\\\n" * (LARGEST // 2 + 1)),
    ],
)
def test_what_costs_too_much_ends_at_a_limit(name, text):
    started = time.process_time()
    with pytest.raises(LimitError):
        found(text, name)
    assert time.process_time() - started < 10


def test_aliases_that_explode_are_told():
    assert rules(BOMB, "a.yaml") == ["LEY302"]
    assert rules("a: &a [*a, *a]\n", "a.yaml") == ["LEY302"]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.yaml", TARGET + "\0"),
        ("a.yaml", TARGET + "b: [\n"),
        ("a.json", '{"_target_": "a.B"'),
        ("a.toml", "_target_ = \n"),
        ("a.toml", "_target_ = " + "[" * 30_000),
    ],
)
def test_what_cannot_be_parsed_is_a_blind_finding(name, text):
    (finding,) = found(text, name)
    assert (finding.rule, finding.blind) == ("LEY300", True)


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-32", "utf-8-sig", "latin-1"])
@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.yaml", "_target_: os.system\nä: 1\n"),
        ("a.sh", "# ä\nexport PL_TRAINER_X=1\n"),
        ("Dockerfile", "FROM a\n# ä\n"),
    ],
)
def test_an_encoding_hides_nothing(encoding, name, text):
    assert len(found(text.encode(encoding), name)) == 1


def test_bytes_of_no_encoding_are_read_as_far_as_they_go():
    assert rules(b"a: \xff\xfe\x81\n_target_: os.system\n", "a.yaml") == ["LEY304"]


def test_data_is_no_configuration():
    large = b'{"password": "hunter2-Xy7qpt", "x": "' + b"y" * LARGEST + b'"}'
    assert rules(large, "a.json") == []
    assert rules(b'{"model": {"vocab": {"password": "hunter2-Xy7qpt"}}}', "tokenizer.json") == []
    assert rules(b"", "a.yaml") == []


def test_nothing_inside_of_an_archive_is_configuration():
    inner = File(Place("a.zip", ("a.yaml",)), memoryview(b"_target_: os.system"), Budget())
    assert list(read_config(inner)) == []


@pytest.mark.parametrize(
    "text",
    [
        "curl " * 30_000,
        "curl x |" * 30_000,
        "curl " + " -k" * 5 + "x" * 400_000,
        "pip -i " * 30_000 + "http://",
        "chmod " + "-R " * 30_000,
        "docker run " + "--pid " * 30_000,
        "a=" * 60_000,
        "--token " * 30_000,
        "wandb login " * 50_000,
        "http://a:b" * 50_000,
        "A" * 300_000 + "=",
        "trust_remote_code" * 30_000,
        "${{ github.event." * 30_000,
        "echo ${{ secrets.x " * 30_000,
        '"' * 90_000,
        "-----BEGIN " * 30_000,
        "npm_aB3dE5gH7jK9mN1pQ3rS5tU7vW9xY1zA2b4c " * 10_000,
    ],
)
def test_expressions_take_time_in_proportion(text):
    started = time.process_time()
    for name in ("a.sh", "Dockerfile", ".env"):
        found(text if name != "Dockerfile" else f"RUN {text}", name)
    found(
        f"on: push\njobs: {{a: {{steps: [{{run: '{text[:90_000]}'}}]}}}}\n".replace("\0", ""),
        "x/.github/workflows/a.yml",
    )
    assert time.process_time() - started < 5


def test_what_many_aliases_stand_for_is_looked_at_once():
    text = "a: &a [" + "'/:/x', " * 5_000 + "]\nb:\n" + "- {volumes: *a, command: *a}\n" * 5_000
    started = time.process_time()
    assert "LEY302" in rules(text, "compose.yaml")
    assert rules("a: &a '" + "curl " * 30_000 + "'\nb:\n" + "- {run: *a, x: *a}\n" * 5_000, "a.yaml") == []
    assert time.process_time() - started < 10


def test_a_template_that_never_ends_takes_time_in_proportion():
    started = time.process_time()
    for text in ("{{", "{%", "{#", "{{- /*", "{{ x }} "):
        with contextlib.suppress(LimitError):
            found("image: [\n" + text * 30_000, "a.yaml")
    assert time.process_time() - started < 5


def test_the_clock_is_looked_at():
    spent = Budget(Limits(seconds=0))
    data = memoryview(TARGET.encode() + b"a:\n" + b"- x\n" * 2_000)
    with pytest.raises(LimitError):
        list(read_config(File(Place("a.yaml"), data, spent)))


def test_findings_without_end_are_not_all_kept():
    many = "".join(f"export PL_TRAINER_{at}=1\n" for at in range(5_000))
    limit = file("", "a.sh").budget.limits.findings
    assert limit < len(found(many, "a.sh")) < limit + 3


def test_the_source_has_a_name_of_its_own():
    assert SOURCE.name == "configuration"
