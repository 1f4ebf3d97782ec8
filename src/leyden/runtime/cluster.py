"""Cluster: which of a job's processes this one is, as its launcher wrote down in the environment."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, NamedTuple, final

from leyden.errors import SettingsError


class Variables(NamedTuple):
    """How a launcher names what it tells its processes."""

    launcher: str
    mark: str  # is there where this launcher started the process
    node: str
    local: str
    rank: str
    processes: str


LAUNCHERS: Final = (
    Variables("torchrun", "TORCHELASTIC_RUN_ID", "GROUP_RANK", "LOCAL_RANK", "RANK", "WORLD_SIZE"),
    Variables("SLURM", "SLURM_NTASKS", "SLURM_NODEID", "SLURM_LOCALID", "SLURM_PROCID", "SLURM_NTASKS"),
)
BY_HAND: Final = ("NODE_RANK", "GROUP_RANK", "LOCAL_RANK")
INTERACTIVE: Final = ("bash", "interactive")  # names of SLURM jobs that are a prompt, in which nothing was launched


@final
@dataclass(frozen=True)
class Place:
    """The place of a process in its job."""

    node_rank: int  # of the machine
    local_rank: int  # on the machine
    rank: int  # in the job
    processes: int | None  # how many the launcher started; None where it does not tell


def place_of_process(local_processes: int, environment: Mapping[str, str] = os.environ) -> Place:
    """Where this process stands in its job; in front, where no launcher says otherwise.

    Args:
        local_processes: how many there are on each machine.
        environment: what the launcher wrote.

    Raises:
        SettingsError: a variable is no number.
    """
    interactive = environment.get("SLURM_JOB_NAME") in INTERACTIVE
    for names in LAUNCHERS:
        if names.mark in environment and not (names.launcher == "SLURM" and interactive):
            return Place(
                node_rank=_number(names.node, environment),
                local_rank=_number(names.local, environment),
                rank=_number(names.rank, environment),
                processes=_number(names.processes, environment),
            )
    node, group, local = (_number(name, environment) for name in BY_HAND)
    return Place(node or group, local, (node or group) * local_processes + local, processes=None)


def _number(name: str, environment: Mapping[str, str]) -> int:
    text = environment.get(name) or "0"
    if not (text.isascii() and text.isdigit()):
        raise SettingsError(f"The environment has {name}={text!r}; it must be a number, 0 or more.")
    return int(text)
