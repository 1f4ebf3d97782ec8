from __future__ import annotations

import pytest
import torch

from leyden.runtime.modes import torch_modes


def switches():
    return (
        torch.are_deterministic_algorithms_enabled(),
        torch.is_deterministic_algorithms_warn_only_enabled(),
        torch.backends.cudnn.benchmark,
        torch.is_anomaly_enabled(),
    )


@pytest.mark.parametrize(
    ("asked", "inside"),
    [
        ((False, None, False), (False, False, False, False)),
        ((True, None, False), (True, False, False, False)),
        (("warn", None, False), (True, True, False, False)),
        ((False, True, False), (False, False, True, False)),
        ((False, None, True), (False, False, False, True)),
    ],
)
@pytest.mark.filterwarnings("ignore:Anomaly Detection")
def test_switches_are_set_for_the_run_and_put_back_after_it(asked, inside):
    before = switches()
    with torch_modes(*asked):
        assert switches() == inside
    assert switches() == before


def test_switches_are_put_back_after_an_exception():
    before = switches()
    with pytest.raises(ZeroDivisionError), torch_modes(True, True, False):
        raise ZeroDivisionError
    assert switches() == before


def test_switches_that_the_program_set_itself_stay_on():
    torch.use_deterministic_algorithms(True, warn_only=True)
    try:
        with torch_modes(False, None, False):
            assert switches()[:2] == (True, True)
        assert switches()[:2] == (True, True)
    finally:
        torch.use_deterministic_algorithms(False)


def test_benchmarking_can_be_switched_off_for_the_run():
    torch.backends.cudnn.benchmark = True
    try:
        with torch_modes(False, False, False):
            assert not torch.backends.cudnn.benchmark
        assert torch.backends.cudnn.benchmark
    finally:
        torch.backends.cudnn.benchmark = False
