from __future__ import annotations

import sys

import pytest

from leyden.audit.doctor.kernel import landlock, lines, namespaces, seccomp
from leyden.audit.doctor.line import Status


def put(proc, files: dict[str, str]):
    for name, text in files.items():
        (proc / name).parent.mkdir(parents=True, exist_ok=True)
        (proc / name).write_text(text)


@pytest.mark.parametrize(
    ("files", "status", "said"),
    [
        ({"sys/user/max_user_namespaces": "100\n"}, Status.OK, "up to 100"),
        ({"sys/user/max_user_namespaces": "0\n"}, Status.WARN, "switched off"),
        ({"sys/user/max_user_namespaces": "9", "sys/kernel/unprivileged_userns_clone": "0"}, Status.WARN, "root alone"),
        (
            {"sys/user/max_user_namespaces": "9", "sys/kernel/apparmor_restrict_unprivileged_userns": "1"},
            Status.WARN,
            "AppArmor",
        ),
        ({"sys/user/max_user_namespaces": "many"}, Status.UNKNOWN, "cannot be asked for"),
        ({}, Status.UNKNOWN, "cannot be asked for"),
    ],
)
def test_user_namespaces_are_what_the_kernel_says(tmp_path, files, status, said):
    put(tmp_path, files)
    found = namespaces(tmp_path)
    assert found.status is status
    assert said in found.value


@pytest.mark.parametrize(
    ("text", "status"),
    [
        ("Name:\tx\nSeccomp:\t0\n", Status.OK),
        ("Seccomp:\t2\n", Status.OK),
        ("Name:\tx\n", Status.WARN),
        (None, Status.UNKNOWN),
    ],
)
def test_filters_of_system_calls_are_what_the_kernel_says(tmp_path, text, status):
    if text is not None:
        put(tmp_path, {"self/status": text})
    assert seccomp(tmp_path).status is status


@pytest.mark.skipif(sys.platform != "linux", reason="the call is Linux's")
def test_asking_for_landlock_confines_nothing(tmp_path):
    found = landlock()
    assert found.status in (Status.OK, Status.WARN)
    assert found.value.startswith(("version ", "not available: "))
    (tmp_path / "still").write_text("can be written")


def test_each_feature_is_told_once_on_every_system():
    assert [line.name for line in lines()] == ["Landlock", "seccomp", "user namespaces"]
