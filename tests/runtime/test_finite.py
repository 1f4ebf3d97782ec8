import pytest
import torch
from torch import nn

from leyden.runtime.finite import are_finite, weights_not_finite

NAN, INF = float("nan"), float("inf")


@pytest.mark.parametrize("bad", [NAN, INF, -INF])
@pytest.mark.parametrize("kind", [torch.float32, torch.float64, torch.bfloat16, torch.float16, torch.complex64])
def test_one_number_among_many_tensors_is_enough(bad, kind):
    tensors = [torch.ones(3), torch.ones(2, 2, dtype=kind), torch.ones(())]
    assert are_finite(tensors)
    tensors[1][1, 0] = bad
    assert not are_finite(tensors)


def test_the_largest_numbers_of_a_type_are_finite():
    assert are_finite([torch.full((100,), torch.finfo(kind).max) for kind in (torch.float32, torch.float16)])


def test_whole_numbers_nothing_and_what_has_no_numbers_yet_are_finite():
    assert are_finite([])
    assert are_finite([torch.ones(2, dtype=torch.int64), torch.empty(0), torch.empty(2, device="meta")])
    assert are_finite(nn.LazyLinear(2).parameters())


def test_sparse_gradients_are_looked_into():
    sparse = torch.sparse_coo_tensor([[0, 2]], [1.0, 2.0], (4,), check_invariants=True)
    assert are_finite([sparse])
    assert not are_finite([sparse * NAN])


def test_weights_that_are_not_finite_are_named_and_frozen_ones_are_not_looked_at():
    module = nn.ModuleDict({"a": nn.Linear(2, 1), "b": nn.Linear(2, 1)})
    assert weights_not_finite(module) == []
    with torch.no_grad():
        module["a"].weight[0, 0] = INF
        module["b"].bias[0] = NAN
    module["b"].requires_grad_(False)
    assert weights_not_finite(module) == ["a.weight"]
