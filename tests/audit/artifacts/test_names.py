import pytest

from leyden.audit.artifacts.names import OBJECT_HELPERS, is_dangerous, is_object
from leyden.wire.pickle.table import is_harmless


@pytest.mark.parametrize(
    "name",
    [("os", "system"), ("posixpath.os", "system"), ("shop", "eval"), ("torch.hub", "load"), ("functools", "partial"),
    ("builtins", "exec")],
)  # fmt: skip
def test_names_that_do_harm_are_known(name):
    assert is_dangerous(name)
    assert not is_object(name)


@pytest.mark.parametrize("name", [("torch.nn", "Linear"), ("sklearn.svm", "SVC"), ("pandas", "DataFrame")])
def test_classes_of_known_packages_are_objects(name):
    assert is_object(name)


@pytest.mark.parametrize(
    "name", [("torchevil", "Linear"), ("torch.nn", "Linear.forward"), ("torch", "from_file"), ("pandas",
    "read_pickle"), ("shop", "Cart")]
)  # fmt: skip
def test_other_names_are_not(name):
    assert not is_object(name)


def test_no_name_is_harmless_and_something_else():
    assert not any(is_harmless(name) or is_dangerous(name) for name in OBJECT_HELPERS)
