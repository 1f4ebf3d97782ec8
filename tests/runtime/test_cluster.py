"""Which of a job's processes this one is."""

from __future__ import annotations

import pytest

from leyden.errors import SettingsError
from leyden.runtime.cluster import Place, place_of_process

TORCHRUN = {"TORCHELASTIC_RUN_ID": "x", "GROUP_RANK": "1", "LOCAL_RANK": "1", "RANK": "3", "WORLD_SIZE": "4"}
SLURM = {"SLURM_NTASKS": "4", "SLURM_NODEID": "1", "SLURM_LOCALID": "0", "SLURM_PROCID": "2", "SLURM_JOB_NAME": "train"}


@pytest.mark.parametrize(
    ("environment", "place"),
    [
        ({}, Place(0, 0, 0, None)),
        ({"LOCAL_RANK": "1"}, Place(0, 1, 1, None)),
        ({"NODE_RANK": "1"}, Place(1, 0, 2, None)),
        ({"GROUP_RANK": "1", "LOCAL_RANK": "1"}, Place(1, 1, 3, None)),
        ({"LOCAL_RANK": ""}, Place(0, 0, 0, None)),
        (TORCHRUN, Place(1, 1, 3, 4)),
        (SLURM, Place(1, 0, 2, 4)),
        (TORCHRUN | SLURM, Place(1, 1, 3, 4)),
        (SLURM | {"SLURM_JOB_NAME": "bash"}, Place(0, 0, 0, None)),
        (TORCHRUN | {"SLURM_JOB_NAME": "bash"}, Place(1, 1, 3, 4)),
    ],
)
def test_a_process_finds_its_place_in_the_environment(environment, place):
    assert place_of_process(2, environment) == place


@pytest.mark.parametrize("text", ["-1", "one", "1.0", "²"])
def test_a_rank_that_is_no_number_is_refused(text):
    with pytest.raises(SettingsError, match=f"LOCAL_RANK='{text}'"):
        place_of_process(1, {"LOCAL_RANK": text})
