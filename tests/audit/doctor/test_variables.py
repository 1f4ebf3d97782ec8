from __future__ import annotations

import pytest

from leyden.audit.doctor.line import Status
from leyden.audit.doctor.variables import lines


@pytest.mark.parametrize(
    ("name", "value", "status"),
    [
        ("TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD", "1", Status.PROBLEM),
        ("TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD", "0", Status.OK),
        ("PYTHONHTTPSVERIFY", "0", Status.PROBLEM),
        ("PYTHONHTTPSVERIFY", "1", Status.OK),
        ("CURL_CA_BUNDLE", "", Status.PROBLEM),
        ("CURL_CA_BUNDLE", "/etc/ssl/cert.pem", Status.OK),
        ("HF_ENDPOINT", "http://mirror", Status.PROBLEM),
        ("HF_ENDPOINT", "https://mirror", Status.OK),
        ("LD_PRELOAD", "/tmp/x.so", Status.WARN),
        ("PYTHONBREAKPOINT", "0", Status.OK),
        ("MASTER_ADDR", "127.0.0.1", Status.OK),
        ("MASTER_ADDR", "node1", Status.WARN),
        ("HOME", "/root", Status.OK),
    ],
)
def test_a_variable_counts_by_its_value(name, value, status):
    (line,) = lines({name: value})
    assert line.status is status
    assert (line.name == name) is (status is not Status.OK)


def test_values_are_not_shown():
    (line,) = lines({"PIP_EXTRA_INDEX_URL": "https://user:hunter2@index/simple"})
    assert "hunter2" not in repr(line)
