"""What self.log does with torchmetrics objects."""

import subprocess
import sys

import pytest
import torch
import torchmetrics

from leyden.core.metrics import Log
from leyden.core.stage import RunningStage
from leyden.errors import LogError


def train(*values, log=None, **flags):
    """Train an epoch in which a metric sees each value and is logged."""
    log, metric = log if log is not None else Log(), torchmetrics.MeanMetric()
    log.open(RunningStage.TRAINING)
    for value in values:
        log.begin_batch(torch.zeros(2))
        log.hook = "training_step"
        metric(torch.tensor(value))
        log.log("m", metric, **flags)
    return log, metric


def numbers(metrics):
    return {name: float(value) for name, value in metrics.items()}


def test_a_metric_object_computes_the_epoch_and_its_last_forward_is_the_step():
    log, _ = train(1.0, 4.0, on_step=True, on_epoch=True, prog_bar=True)
    assert numbers(log.callback_metrics) == {"m": 4.0, "m_step": 4.0}
    assert numbers(log.step_metrics()) == {"m_step": 4.0}
    log.end_batches()
    assert numbers(log.callback_metrics) == {"m": 2.5, "m_step": 4.0, "m_epoch": 2.5}
    assert numbers(log.epoch_metrics()) == {"m_epoch": 2.5}


def test_a_metric_object_is_reset_at_the_end_of_its_epoch_and_not_before():
    log, metric = train(1.0, 4.0, on_step=False, on_epoch=True)
    log.end_batches()
    assert metric.compute().item() == 2.5
    log.close()
    assert metric.update_count == 0
    assert numbers(log.callback_metrics) == {"m": 2.5}


def test_a_metric_that_is_only_updated_has_no_step_value():
    log, metric = Log(), torchmetrics.MeanMetric()
    log.open(RunningStage.TRAINING)
    log.begin_batch(torch.zeros(2))
    log.hook = "training_step"
    metric.update(torch.tensor(1.0))
    log.log("m", metric, on_step=True, on_epoch=True)
    assert log.step_metrics() == log.callback_metrics == {}
    log.end_batches()
    assert numbers(log.callback_metrics) == {"m": 1.0, "m_epoch": 1.0}


def test_a_metric_for_steps_alone_has_no_value_of_the_epoch():
    log, _ = train(1.0, 4.0)
    log.end_batches()
    assert numbers(log.callback_metrics) == {"m": 4.0}
    assert log.epoch_metrics() == {}


def test_a_metric_sums_up_over_loaders_and_what_it_computed_for_each_is_kept():
    log, metric = Log(), torchmetrics.MeanMetric()
    log.open(RunningStage.VALIDATING, 2)
    for loader, value in ((0, 1.0), (0, 3.0), (1, 5.0)):
        log.begin_batch(torch.zeros(2), loader)
        log.hook = "validation_step"
        metric.update(torch.tensor(value))
        log.log("m", metric)
    log.end_batches()
    assert numbers(log.epoch_metrics()) == {"m/dataloader_idx_0": 2.0, "m/dataloader_idx_1": 3.0}


def test_one_metric_may_have_two_names():
    log, metric = train(1.0, on_step=False, on_epoch=True)
    log.log("n", metric, on_step=False, on_epoch=True, metric_attribute="metric")
    log.end_batches()
    assert numbers(log.epoch_metrics()) == {"m": 1.0, "n": 1.0}


def test_log_dict_takes_a_collection_whose_members_share_their_state():
    kinds = torchmetrics.classification
    together = torchmetrics.MetricCollection(
        {"precision": kinds.MulticlassPrecision(3), "recall": kinds.MulticlassRecall(3)}, prefix="val/"
    )
    alone = {"val/precision": kinds.MulticlassPrecision(3), "val/recall": kinds.MulticlassRecall(3)}
    log = Log()
    log.open(RunningStage.VALIDATING)
    generator = torch.Generator().manual_seed(0)
    for _ in range(4):
        guess, truth = torch.randint(3, (2, 8), generator=generator)
        log.begin_batch(guess)
        log.hook = "validation_step"
        together.update(guess, truth)
        log.log_dict(together)
        for metric in alone.values():
            metric.update(guess, truth)
    log.end_batches()
    assert log.epoch_metrics() == {name: metric.compute() for name, metric in alone.items()}


def test_a_metric_that_computes_several_numbers_is_refused():
    log, metric = Log(), torchmetrics.classification.MulticlassAccuracy(3, average=None)
    log.open(RunningStage.TRAINING)
    log.hook = "training_step"
    metric.update(torch.arange(3), torch.arange(3))
    log.log("m", metric, on_step=False, on_epoch=True)
    with pytest.raises(LogError, match=r"'m' computes a tensor of shape \(3,\), not one number"):
        log.epoch_metrics()


@pytest.mark.parametrize("first", ["metric", "number"])
def test_one_name_is_a_metric_or_a_number(first):
    log, metric = train()
    log.hook = "training_step"
    values = [metric, 1.0] if first == "metric" else [1.0, metric]
    log.log("m", values[0])
    with pytest.raises(LogError, match=r"self.log\('m'\) in training_step.*metric object"):
        log.log("m", values[1])


def test_a_collection_under_one_name_is_refused():
    log, _ = train()
    log.hook = "training_step"
    with pytest.raises(LogError, match="MetricCollection is not a number.*self.log_dict"):
        log.log("m", torchmetrics.MetricCollection([torchmetrics.MeanMetric()]))


def test_a_metric_object_is_no_part_of_the_saved_state():
    log, _ = train(1.0, on_step=True, on_epoch=True)
    log.log("x", 1.0)
    assert [entry["name"] for entry in log.state_dict()["epoch"]] == ["x"]


@pytest.mark.slow
def test_the_library_is_not_imported():
    program = "import sys, leyden.core.metrics; sys.exit('torchmetrics' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], env={"PYTHONPATH": ":".join(sys.path)}).returncode == 0
