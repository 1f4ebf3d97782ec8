from collections import OrderedDict, namedtuple
from dataclasses import dataclass

import pytest
import torch

from leyden.core.batch_size import batch_size_of
from leyden.core.warnings import LeydenWarning
from leyden.errors import LogError

Pair = namedtuple("Pair", "x y")


@dataclass
class Sample:
    index: int
    x: torch.Tensor


@pytest.mark.parametrize(
    ("batch", "size"),
    [
        (torch.zeros(3, 2), 3),
        (torch.tensor(1.0), 1),
        (torch.zeros(0, 2), 0),
        ([torch.zeros(3, 2), torch.zeros(3)], 3),
        (Pair(torch.zeros(2), torch.zeros(2, 5)), 2),
        (OrderedDict(name="hello", x=torch.zeros(4)), 4),
        ([1, "abc", None, torch.zeros(4)], 4),
        ({"a": [torch.zeros(2, 2), {"b": torch.zeros(2)}]}, 2),
        (Sample(1, torch.zeros(6)), 6),
    ],
)
def test_the_first_tensor_tells_the_size(batch, size):
    assert batch_size_of(batch) == size


def test_tensors_that_disagree_bring_a_warning_with_the_way_out():
    with pytest.warns(LeydenWarning, match=r"length 3 and 4.*batch_size="):
        assert batch_size_of((torch.zeros(3, 2), torch.zeros(4))) == 3


@pytest.mark.parametrize("batch", ["text", b"bytes", ["a", "bb"], [], {}, 3, None, [1, 2], object()])
def test_a_batch_without_a_tensor_has_no_size(batch):
    with pytest.raises(LogError, match=r"holds no tensor.*batch_size="):
        batch_size_of(batch)


def test_an_iterator_is_not_used_up():
    batch = iter([torch.zeros(2)])
    with pytest.raises(LogError):
        batch_size_of(batch)
    assert next(batch).shape == (2,)
