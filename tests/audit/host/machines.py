"""A directory like /proc, written by hand."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

_HEAD = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"


@dataclass
class Machine:
    proc: Path

    def __post_init__(self):
        (self.proc / "net").mkdir()
        (self.proc / "net" / "tcp").write_text(_HEAD)

    def line(self, table: str, text: str) -> None:
        path = self.proc / "net" / table
        path.write_text((path.read_text() if path.exists() else _HEAD) + text + "\n")

    def socket(self, inode: str, address: str = "00000000:1F90", table: str = "tcp", state: str = "0A") -> None:
        self.line(
            table, f"   0: {address} 00000000:0000 {state} 00000000:00000000 00:00000000 00000000  0  0 {inode} 1"
        )

    def process(self, number: int, *arguments: str, sockets: tuple[str, ...] = ()) -> None:
        folder = self.proc / str(number)
        (folder / "fd").mkdir(parents=True)
        (folder / "cmdline").write_bytes("\0".join([*arguments, ""]).encode())
        for at, inode in enumerate(sockets):
            (folder / "fd" / str(at + 3)).symlink_to(f"socket:[{inode}]")
        (folder / "fd" / "0").symlink_to("/dev/null")
