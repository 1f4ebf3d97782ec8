"""What metric objects have collected goes into a checkpoint and comes back."""

from __future__ import annotations

import pytest
import torch
import torchmetrics
from torch import nn

from leyden.core.metric_state import check_metrics, dump_metrics, load_metrics
from leyden.errors import FormatError, MismatchError


class Measuring(nn.Module):
    def __init__(self, *values: float) -> None:
        super().__init__()
        self.mean = torchmetrics.MeanMetric()
        self.inner = nn.ModuleDict({"all": torchmetrics.CatMetric()})
        self.see(*values)

    def see(self, *values: float) -> None:
        for value in values:
            self.mean(torch.tensor(value))
            self.inner["all"](torch.tensor(value))

    def read(self):
        return self.mean.compute().item(), self.inner["all"].compute().tolist()


def test_metric_objects_go_on_with_what_others_have_collected():
    saved = dump_metrics(Measuring(1.0, 3.0))
    module = Measuring()
    check_metrics(saved, module)
    load_metrics(saved, module)
    module.see(5.0)
    assert module.read() == (3.0, [1.0, 3.0, 5.0])


def test_the_last_value_of_a_step_comes_back():
    module = Measuring()
    load_metrics(dump_metrics(Measuring(1.0, 3.0)), module)
    assert module.mean._forward_cache.item() == 3.0


def test_what_was_dumped_stays_as_it_was():
    module = Measuring(1.0)
    saved = dump_metrics(module)
    module.see(5.0)
    other = Measuring()
    load_metrics(saved, other)
    other.see(7.0)
    third = Measuring()
    load_metrics(saved, third)
    assert third.read() == (1.0, 1.0)


def test_a_metric_object_that_has_seen_nothing_is_left_out_and_another_begins_anew():
    assert dump_metrics(Measuring()) == {}
    module = Measuring(4.0)
    load_metrics({}, module)
    assert module.mean.update_count == 0


@pytest.mark.parametrize("saved", [None, [], {"mean": 1}, {"mean": {"values": {}, "updates": 0, "forward": None}}])
def test_what_has_another_form_is_refused(saved):
    with pytest.raises(FormatError):
        check_metrics(saved, Measuring())


def test_values_of_another_type_are_refused():
    saved = dump_metrics(Measuring(1.0))
    saved["inner.all"]["values"] = {"value": torch.ones(2)}
    with pytest.raises(FormatError, match=r"'inner\.all'"):
        check_metrics(saved, Measuring())


def test_metric_objects_of_another_module_are_refused_by_name():
    saved = dump_metrics(Measuring(1.0))
    for wrong in ({"other": saved["mean"]}, {"mean": saved["inner.all"]}):
        with pytest.raises(MismatchError, match=next(iter(wrong))):
            check_metrics(wrong, Measuring())
