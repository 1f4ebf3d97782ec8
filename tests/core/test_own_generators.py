from __future__ import annotations

import pytest
import torch
from torch import nn

from leyden.core.own_generators import check_generators, dump_generators, load_generators
from leyden.core.warnings import LeydenWarning
from leyden.errors import FormatError


def drawing():
    """A module that has a generator, and a part that has another."""
    module = nn.Sequential(nn.Linear(1, 1))
    module.noise, module[0].drops = torch.Generator().manual_seed(1), torch.Generator().manual_seed(2)
    return module


def draws(module):
    return [torch.rand(2, generator=one).tolist() for one in (module.noise, module[0].drops)]


def test_the_generators_of_a_module_and_its_parts_go_on_where_they_were():
    first, second = drawing(), drawing()
    draws(first)
    states = dump_generators(first)
    check_generators(states)
    assert states.keys() == {"noise", "0.drops"}
    load_generators(states, second)
    assert draws(first) == draws(second)


@pytest.mark.parametrize("saved", [3, {"noise": 3}, {"noise": torch.zeros(5)}])
def test_malformed_states_are_found(saved):
    with pytest.raises(FormatError, match="random generator"):
        check_generators(saved)


def test_a_state_that_no_generator_takes_is_malformed():
    states = {"noise": torch.full_like(torch.Generator().get_state(), 255)}
    check_generators(states)
    with pytest.raises(FormatError, match="'noise' is malformed"):
        load_generators(states, drawing())


def test_a_generator_that_the_module_does_not_have_is_reported():
    with pytest.warns(LeydenWarning, match="'noise', which is none of this module"):
        load_generators(dump_generators(drawing()), nn.Sequential(drawing()[0]))
