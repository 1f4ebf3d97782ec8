from __future__ import annotations

import pytest
from tests.audit.host.machines import Machine

from leyden.audit.host.sockets import listeners


@pytest.mark.parametrize(
    ("table", "address", "shown", "local"),
    [
        ("tcp", "00000000:1F90", "0.0.0.0:8080", False),
        ("tcp", "0100007F:0050", "127.0.0.1:80", True),
        ("tcp", "0B00000A:0050", "10.0.0.11:80", False),
        ("tcp6", "00000000000000000000000000000000:7148", "[::]:29000", False),
        ("tcp6", "00000000000000000000000001000000:7148", "[::1]:29000", True),
        ("tcp6", "0000000000000000FFFF00000100007F:7148", "[::ffff:127.0.0.1]:29000", True),
    ],
)
def test_addresses_are_read_as_the_kernel_writes_them(tmp_path, table, address, shown, local):
    machine = Machine(tmp_path)
    machine.socket("7", address, table)
    (one,) = listeners(str(tmp_path))
    assert str(one).replace("7f00:1", "127.0.0.1") == shown
    assert (one.local, one.inode) == (local, "7")


def test_connections_and_lines_that_are_none_are_passed_over(tmp_path):
    machine = Machine(tmp_path)
    machine.socket("7", "00000000:1F90", state="01")
    machine.line("tcp", "garbage")
    machine.line("tcp", "0: zz:zz 0:0 0A 0 0 0 0 0 9")
    machine.line("tcp", "0: 00:zz 0:0 0A 0 0 0 0 0 9")
    assert list(listeners(str(tmp_path))) == []


def test_a_system_without_such_tables_says_so(tmp_path):
    with pytest.raises(FileNotFoundError):
        list(listeners(str(tmp_path)))
