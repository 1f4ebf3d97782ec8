import pytest
from benchmarks.audit.making import joblib, pickled

from leyden.audit.artifacts.joblib_arrays import array_end
from leyden.wire.pickle.interpret import interpret


def read(content):
    nested = []
    data = memoryview(content)
    return interpret(data, inline=array_end(data, nested)), nested


@pytest.mark.parametrize(("dtype", "size"), [(b"U\x02f8", 16), (b"U\x02U4", 32), (b"U\x03V10", 20), (b"U\x02b1", 2)])
def test_the_pickle_goes_on_behind_the_array(dtype, size):
    found, nested = read(joblib(b"cshop\nbuy\n", dtype=dtype, size=size))
    assert found.broken is None
    assert ("shop", "buy") in found.names
    assert not nested


def test_objects_are_a_pickle_of_their_own():
    found, nested = read(joblib(b"N", dtype=b"U\x01O", size=0)[:-3] + pickled(b"cshop\nbuy\n") + b"Nt.")
    assert found.broken is None
    assert [("shop", "buy") in inner.names for inner in nested] == [True]


@pytest.mark.parametrize("dtype", [b"U\x06object", b"U\x02x9", b"K\x05"])
def test_an_array_of_unknown_size_is_not_skipped(dtype):
    assert read(joblib(b"N", dtype=dtype))[0].broken is not None


def test_a_file_cut_anywhere_is_broken():
    content = joblib(b"N")
    assert all(read(content[:length])[0].broken for length in range(len(content)))
