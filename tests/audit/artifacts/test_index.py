import json

import pytest
from tests.audit.artifacts.reading import opened, rules, silent_cuts

from leyden.audit.artifacts.index import read_index

NAME = "model.safetensors.index.json"


def index(*paths):
    return json.dumps(
        {"metadata": {"total_size": 8}, "weight_map": {str(n): path for n, path in enumerate(paths)}}
    ).encode()


def test_files_beside_the_index_are_in_order():
    assert rules(read_index(opened(index("model-00001-of-00002.safetensors", "part/two.bin"), NAME))) == []


@pytest.mark.parametrize("path", ["../a", "/etc/passwd", "..\\a", "https://host/a"])
def test_a_file_that_lies_elsewhere_is_told_once(path):
    assert rules(read_index(opened(index(path, path, "fine"), NAME))) == ["LEY122"]


def test_other_json_is_no_index():
    assert rules(read_index(opened(index("../a"), "config.json"))) == []
    assert rules(read_index(opened(b'{"weight_map": [1]}', NAME))) == []


def test_an_index_cut_anywhere_is_told():
    assert silent_cuts(read_index, index("a"), NAME) == []


def test_an_index_with_a_key_twice_is_told():
    assert rules(read_index(opened(b'{"weight_map": {}, "weight_map": {"a": "../b"}}', NAME))) == ["LEY002"]


def test_an_index_that_is_not_utf8_is_told():
    assert rules(read_index(opened(b'{"weight_map": {"\xff": "../b"}}', NAME))) == ["LEY002"]
