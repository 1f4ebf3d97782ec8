import pytest
from benchmarks.audit.making import safetensors
from tests.audit.artifacts.reading import cuts, opened, rules

from leyden.audit.artifacts.tensors import read_safetensors
from leyden.audit.finding import Artifact

GOOD = b'{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"b":{"dtype":"BF16","shape":[],"data_offsets":[8,10]}}'


def test_tensors_are_counted():
    (found,) = read_safetensors(opened(safetensors(GOOD, bytes(10))))
    assert isinstance(found, Artifact)
    assert (found.tensors, found.parameters, found.dtypes) == (2, 3, ("BF16", "F32"))


def test_a_file_cut_anywhere_is_told():
    content = safetensors(GOOD, bytes(10))
    assert {tuple(found) for _, found in cuts(read_safetensors, content)} == {("LEY131",)}


@pytest.mark.parametrize(
    "content",
    [
        safetensors(GOOD.replace(b'"b"', b'"a"'), bytes(10)),
        safetensors(GOOD.replace(b"[8,10]", b"[6,8]"), bytes(10)),
        safetensors(GOOD, bytes(11)),
        safetensors(GOOD.replace(b"[2]", b"[1099511627776]"), bytes(10)),
        safetensors(b'{"__metadata__":{"a":1}}'),
    ],
    ids=["twice", "overlap", "more bytes", "shape", "metadata"],
)
def test_what_readers_would_see_differently_is_told(content):
    assert rules(read_safetensors(opened(content))) == ["LEY131"]
