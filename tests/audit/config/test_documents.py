"""YAML, JSON and TOML as nodes: what they hold, where it stands, and what hostile ones cost."""

from __future__ import annotations

import json
import random

import pytest
import yaml
from tests.audit.config.reading import kinds, plain, read

from leyden.audit.config.building import DEEPEST, MOST
from leyden.audit.config.documents import LARGEST
from leyden.audit.config.nodes import Mapping, Scalar, Sequence, texts, walk
from leyden.audit.finding import LimitError

SAME = {
    "a.yaml": "model:\n  path: os.system\n  sizes: [1, 2]\n",
    "a.json": '{"model":\n  {"path": "os.system",\n  "sizes": [1, 2]}}',
    "a.toml": '[model]\npath = "os.system"\nsizes = [1, 2]\n',
}


@pytest.mark.parametrize("name", SAME)
def test_all_three_give_the_same_nodes_with_lines(name):
    (root,) = read(SAME[name], name).documents
    assert plain(root) == {"model": {"path": "os.system", "sizes": ["1", "2"]}}
    where = {path: node.line for path, node in walk(root)}
    assert where["model", "path"] == 2
    assert where["model", "sizes"] == 3


def test_columns_and_last_lines_are_kept():
    (root,) = read("run: |\n  a\n  b\nother: [x, 'true', true]\n").documents
    found = dict(walk(root))
    assert (found["run",].line, found["run",].column, found["run",].last_line) == (1, 6, 4)
    assert [item.column for item in texts(found["other",])] == [9, 12, 20]
    assert [item.is_true for item in texts(found["other",])] == [False, False, True]


def test_every_document_of_a_stream_is_read():
    assert [plain(root) for root in read("a: 1\n---\nb: 2\n").documents] == [{"a": "1"}, {"b": "2"}]


def test_json_of_many_lines_is_many_documents():
    assert [plain(root) for root in read('{"a": 1}\n{"b": 2}\n', "a.json").documents] == [{"a": "1"}, {"b": "2"}]


def test_tags_stay_text():
    (root,) = read("a: !!python/object/apply:os.system [id]\nb: !Ref c\n").documents
    assert isinstance(root, Mapping)
    assert [value.tag for _, value in root.pairs] == ["tag:yaml.org,2002:python/object/apply:os.system", "!Ref"]


def test_look_ups_go_through_aliases_and_merges_and_take_the_last():
    (root,) = read("x: &x {a: 1, b: 2}\ny: {<<: [*x, {c: 3}], b: 4, b: 5}\nz: *x\n").documents
    assert isinstance(root, Mapping)
    y, z = root.get("y"), root.get("z")
    assert isinstance(y, Mapping)
    assert isinstance(z, Mapping)
    assert [y.text(name) for name in "abcd"] == ["1", "5", "3", ""]
    assert z.text("a") == "1"


def test_a_merge_of_itself_ends():
    (root,) = read("a: &a {<<: *a, b: 1}\n").documents
    assert isinstance(root, Mapping)
    inner = root.get("a")
    assert isinstance(inner, Mapping)
    assert inner.get("c") is None


def test_aliases_inside_of_what_they_stand_for_are_told():
    parsed = read("a: &a\n  - *a\n")
    assert [(trouble.kind, trouble.line) for trouble in parsed.troubles] == [("cycle", 2)]
    assert len(list(walk(parsed.documents[0]))) == 2


def test_a_bomb_of_aliases_is_told_and_costs_what_is_written():
    text = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n"
    for level in range(1, 10):
        text += f"a{level}: &a{level} [{', '.join([f'*a{level - 1}'] * 9)}]\n"
    parsed = read(text)
    assert [trouble.kind for trouble in parsed.troubles] == ["bomb"]
    assert len(list(walk(parsed.documents[0]))) < 50


@pytest.mark.parametrize(("text", "name"), [("a: 1\nb: 2\na: 3\n", "a.yaml"), ('{"a": 1, "b": 2, "a": 3}', "a.json")])
def test_a_name_that_stands_twice_is_told(text, name):
    parsed = read(text, name)
    assert [trouble.kind for trouble in parsed.troubles] == ["duplicate"]
    assert plain(parsed.documents[0]) == {"a": "3", "b": "2"}


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("a: 1\nb: [1, 2\nc: }", "a.yaml"),
        ("a: 1\nb: *nobody\n  c", "a.yaml"),
        ('{"a": "1", "b": ', "a.json"),
        ('{"a": "1", "b" 2}', "a.json"),
        ('{"a": "1"} x', "a.json"),
        ('{"a": "1" "b"}', "a.json"),
        ('{"a": "1", b: 1}', "a.json"),
        ('{"a": "1", "b": 01}', "a.json"),
        ('{"a": "1", "b": "\\q"}', "a.json"),
        ('{"a": "1", "b": [1}', "a.json"),
        ('{"a": "1", /* ', "a.json"),
    ],
)
def test_after_malformed_text_what_came_before_is_there(text, name):
    parsed = read(text, name)
    assert "malformed" in [trouble.kind for trouble in parsed.troubles]
    root = parsed.documents[0]
    assert isinstance(root, Mapping)
    assert root.text("a") == "1"


@pytest.mark.parametrize("name", ["a.yaml", "a.json", "a.toml"])
def test_malformed_text_is_told(name):
    assert kinds("[a = [1, }", name) == ["malformed"]
    assert kinds("[a = [1, }\0", name) == ["malformed"]


def test_comments_and_last_commas_are_no_error_in_json():
    parsed = read('// first\n{"a": [1, 2,], /* x */ "b": "\\ud83d\\ude00",}', "a.json")
    assert parsed.troubles == ()
    assert plain(parsed.documents[0]) == {"a": ["1", "2"], "b": "\U0001f600"}


def test_json_is_read_as_the_standard_library_reads_it():
    draw = random.Random(7)

    def value(depth: int) -> object:
        kind = draw.randrange(6 if depth < 5 else 4)
        if kind == 4:
            return [value(depth + 1) for _ in range(draw.randrange(5))]
        if kind == 5:
            return {f'k{at}\n"{draw.random()}': value(depth + 1) for at in range(draw.randrange(5))}
        return (draw.random() * 10 ** draw.randrange(-9, 20), 'ä\\\t"/' * draw.randrange(3), True, None)[kind]

    def leaves(one: object) -> object:
        if isinstance(one, dict):
            return {key: leaves(inner) for key, inner in one.items()}
        if isinstance(one, list):
            return [leaves(inner) for inner in one]
        return one if isinstance(one, str) else json.dumps(one)

    for _ in range(100):
        one = value(0)
        for indent in (None, 2):
            parsed = read(json.dumps(one, indent=indent), "a.json")
            assert parsed.troubles == ()
            assert plain(parsed.documents[0]) == leaves(one)


def test_templates_are_read_around_their_holes():
    text = "{% if gpu %}\nimage: {{ image }}:latest\n{% endif %}\nprivileged: true\n"
    with pytest.raises(yaml.YAMLError):
        yaml.safe_load(text)
    parsed = read(text)
    assert parsed.troubles == ()
    assert {path: node.line for path, node in walk(parsed.documents[0])}["privileged",] == 4


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-32", "latin-1", "cp1252"])
@pytest.mark.parametrize(("text", "name"), [("größe: 'ja'\n", "a.yaml"), ('{"größe": "ja"}', "a.json")])
def test_encodings_are_seen(encoding, text, name):
    assert plain(read(text.encode(encoding), name).documents[0]) == {"größe": "ja"}


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("[" * 100_000, "a.yaml"),
        ("- " * 100_000, "a.yaml"),
        ("{a: " * 100_000, "a.yaml"),
        ("[" * 100_000, "a.json"),
        ('{"a":' * 100_000, "a.json"),
        ("a = " + "[" * (DEEPEST + 1) + "]" * (DEEPEST + 1), "a.toml"),
        (b"- " * (25 << 20), "a.yaml"),
        (b"[" + b"1," * MOST + b"1]", "a.json"),
        (b"-\n" * (MOST + 1), "a.yaml"),
        (b" " * (LARGEST + 1), "a.json"),
    ],
)
def test_what_is_too_deep_or_too_long_ends_at_a_limit(text, name):
    with pytest.raises(LimitError):
        read(text, name)


def test_toml_that_is_nested_too_deep_for_its_reader_is_malformed():
    assert kinds("a = " + "[" * 100_000, "a.toml") == ["malformed"]


def test_lines_of_toml_are_those_of_the_keys():
    text = '[a]\nb.c = 1\n\n[[run]]\nx = 1\n\n[[run]]\nx = 2\ny = """\nz = 3\n"""\n'
    (root,) = read(text, "a.toml").documents
    where = {path: node.line for path, node in walk(root) if isinstance(node, Scalar)}
    assert where == {("a", "b", "c"): 2, ("run", 0, "x"): 5, ("run", 1, "x"): 8, ("run", 1, "y"): 9}


def test_a_list_and_a_text_are_taken_alike():
    (root,) = read("a: x\nb: [y, [z], {c: d}]\n").documents
    assert isinstance(root, Mapping)
    assert [item.text for item in (*texts(root.get("a")), *texts(root.get("b")), *texts(None))] == ["x", "y"]
    assert isinstance(root.get("b"), Sequence)
