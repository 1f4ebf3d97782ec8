import pytest

from leyden.audit.artifacts import suffixes
from leyden.audit.artifacts.kinds import PROMISES


@pytest.mark.parametrize(
    ("name", "suffix"),
    [("a.pt", ".pt"), (".metadata", ".metadata"), (".bashrc", ""), ("a", ""), ("a.b/c", ""), ("a.tar.gz", ".gz")],
)
def test_the_suffix_of_a_name(name, suffix):
    assert suffixes.suffix(name) == suffix


def test_what_a_name_promises_is_said_in_both_tables():
    assert PROMISES.keys() == suffixes.PROMISING


@pytest.mark.parametrize("name", ["a.pt", "a.pkl", "a.safetensors", "a.gguf", "a.tflite"])
def test_names_that_programs_load_as_models(name):
    assert suffixes.is_model_name(name)


@pytest.mark.parametrize("name", ["a.txt", "a", "a.bin", "pt", "a.pt.txt"])
def test_other_names(name):
    assert not suffixes.is_model_name(name)
