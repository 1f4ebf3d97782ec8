import json

import pytest
from tests.audit.artifacts.reading import cuts, formats, opened, rules

from leyden.audit.artifacts import hdf5
from leyden.audit.artifacts.hdf5 import read_hdf5, start_of
from leyden.audit.finding import LimitError

MAGIC = b"\x89HDF\r\n\x1a\n"


def holding(layer):
    config = json.dumps({"class_name": "Functional", "config": {"layers": [layer]}}).encode()
    return MAGIC + bytes(500) + b"model_config\0" + config + bytes(50)


def read(content, name="model.h5"):
    return list(read_hdf5(opened(content, name)))


def test_a_file_without_a_model_is_a_note():
    found = read(MAGIC + bytes(900))
    assert (formats(found), rules(found)) == (["hdf5"], ["LEY151"])


def test_a_model_of_usual_layers_is_a_note():
    assert rules(read(holding({"module": "keras.layers", "class_name": "Dense", "config": {"units": 1}}))) == ["LEY151"]


@pytest.mark.parametrize(
    "content",
    [
        holding({"class_name": "Lambda", "config": {}}),
        holding({"class_name": "function", "module": "os", "config": "system"}),
        holding({"class_name": "TFSMLayer", "module": "keras.layers"}),
        MAGIC + b'{"class_name":"Lamb\\u0064a"}',
        MAGIC + b'{"\\u0063lass_name":"Lambda"}',
        MAGIC + bytes(70 << 20) + b'{"module":"os","class_name":"system"}',
    ],
    ids=["Lambda", "function", "layer that loads", "escaped", "escaped key", "far behind"],
)
def test_a_model_with_code_is_told(content):
    assert "LEY150" in rules(read(content))


def test_what_stands_before_the_file_is_told_where_programs_of_machine_learning_write_it():
    content = bytes(512) + MAGIC + bytes(99)
    assert start_of(memoryview(content)) == 512
    assert rules(read(content)) == ["LEY130", "LEY151"]
    assert rules(read(content, "matrix.mat")) == ["LEY151"]


def test_a_file_cut_anywhere_is_read():
    for length, found in cuts(read_hdf5, holding({"class_name": "Dense"})):
        assert found == ["LEY151"], length


def test_a_file_full_of_beginnings_ends_at_the_limit():
    with pytest.raises(LimitError, match="in over 200 places"):
        read(MAGIC + b'{"module":' * (hdf5.MOST_TRIED + 1))
