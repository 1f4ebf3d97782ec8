import pytest

from leyden.audit.artifacts.paths import escapes


@pytest.mark.parametrize(
    "path",
    [
        "../a",
        "a/../../b",
        "/etc/passwd",
        "..",
        "C:\\a",
        "C:a",
        "\\\\host\\a",
        "..\\a",
        "http://host/a",
        "file:///a",
        "a\0b",
    ],
)
def test_a_path_that_may_lead_out_is_told(path):
    assert escapes(path)


@pytest.mark.parametrize("path", ["a", "a/b.bin", "./a", "a..b", "..a", "a.../b", "é/ü", "~a", "ab:c", ""])
def test_a_path_that_stays_inside_is_not(path):
    assert not escapes(path)
