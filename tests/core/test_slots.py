import re

import pytest
import torch

from leyden.core.slots import RULES, Flags, Slot, reduction
from leyden.errors import LogError

BATCH_HOOKS = [hook for hook, rule in RULES.items() if rule.on_step]
EVALUATION_HOOKS = [hook for hook, rule in RULES.items() if not rule.on_step and not rule.fixed]
EPOCH_HOOKS = [hook for hook, rule in RULES.items() if rule.fixed]
SILENT_HOOKS = [
    "setup", "configure_optimizers", "on_fit_start", "on_fit_end", "on_train_end", "on_validation_end", "on_test_end",
    "on_validation_model_eval", "on_predict_start", "predict_step", "on_after_batch_transfer", "lr_scheduler_step",
    "on_save_checkpoint", "on_load_checkpoint", "teardown", "on_sanity_check_start",
]  # fmt: skip


def resolved(hook, **given):
    flags = Flags(**given).resolved("x", hook)
    return flags.on_step, flags.on_epoch


@pytest.mark.parametrize("hook", BATCH_HOOKS)
def test_a_hook_of_a_train_batch_logs_its_steps_unless_told_otherwise(hook):
    assert resolved(hook) == (True, False)
    assert resolved(hook, on_epoch=True) == (True, True)
    assert resolved(hook, on_step=False, on_epoch=True) == (False, True)


@pytest.mark.parametrize("hook", EVALUATION_HOOKS)
def test_a_hook_of_an_evaluation_batch_logs_the_epoch_unless_told_otherwise(hook):
    assert resolved(hook) == (False, True)
    assert resolved(hook, on_step=True) == (True, True)
    assert resolved(hook, on_step=True, on_epoch=False) == (True, False)


@pytest.mark.parametrize("hook", EPOCH_HOOKS)
def test_a_hook_of_an_epoch_logs_nothing_but_the_epoch(hook):
    assert resolved(hook) == resolved(hook, on_step=False, on_epoch=True) == (False, True)
    with pytest.raises(LogError, match=f"on_step=True.*{hook}.*Leave on_step out"):
        resolved(hook, on_step=True)
    with pytest.raises(LogError, match=f"on_epoch=False.*{hook}.*Leave on_epoch out"):
        resolved(hook, on_epoch=False)


@pytest.mark.parametrize("hook", SILENT_HOOKS)
def test_another_hook_cannot_log(hook):
    with pytest.raises(LogError, match=re.escape(f"self.log('x') in {hook} has no batch or epoch")):
        resolved(hook)


def test_nothing_can_be_logged_outside_of_a_run():
    with pytest.raises(LogError, match="outside of the hooks"):
        resolved(None)


def test_a_value_for_neither_step_nor_epoch_would_be_lost():
    with pytest.raises(LogError, match="would go nowhere"):
        resolved("training_step", on_step=False)
    with pytest.raises(LogError, match="would go nowhere"):
        resolved("validation_step", on_epoch=False)


@pytest.mark.parametrize(
    ("spelled", "meant"),
    [("mean", "mean"), ("MEAN", "mean"), ("avg", "mean"), ("sum", "sum"), ("min", "min"), ("max", "max"),
     (torch.mean, "mean"), (torch.sum, "sum"), (torch.min, "min"), (torch.max, "max"), (sum, "sum"), (min, "min")],
)  # fmt: skip
def test_a_reduction_is_a_word_or_a_function_of_that_name(spelled, meant):
    assert reduction(spelled, "x") == meant


@pytest.mark.parametrize("spelled", ["median", torch.median, torch.prod, lambda values: values, None, 3])
def test_another_reduction_is_refused_with_the_ways_out(spelled):
    with pytest.raises(LogError, match="'mean', 'min', 'max' or 'sum'.*torchmetrics"):
        reduction(spelled, "x")


def test_names_are_forked_where_both_step_and_epoch_are_logged():
    slot = Slot("loss", Flags(on_step=True, on_epoch=True))
    assert (slot.step_name, slot.epoch_name, slot.bare_name) == ("loss_step", "loss_epoch", "loss")
    slot = Slot("loss", Flags(on_step=False, on_epoch=True))
    assert (slot.step_name, slot.epoch_name, slot.bare_name) == ("loss", "loss", "loss")


def test_the_loader_comes_after_the_fork_in_a_name():
    slot = Slot("loss", Flags(on_step=True, on_epoch=True), loader=2)
    assert slot.step_name == "loss_step/dataloader_idx_2"
    assert slot.epoch_name == "loss_epoch/dataloader_idx_2"
    assert slot.bare_name == "loss/dataloader_idx_2"


def test_a_name_without_its_loader_keeps_the_loader_in_mind():
    slot = Slot("loss", Flags(on_epoch=True, add_dataloader_idx=False), loader=2)
    assert (slot.epoch_name, slot.loader) == ("loss", 2)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_mean_has_the_bits_of_products_summed_in_order(dtype):
    generator = torch.Generator().manual_seed(0)
    values = torch.randn(200, generator=generator, dtype=dtype)
    sizes = torch.randint(1, 300, (200,), generator=generator).tolist()
    slot = Slot("x", Flags(on_epoch=True))
    expected = torch.zeros((), dtype=torch.float32)
    for value, size in zip(values, sizes, strict=True):
        slot.add(value, size)
        expected = expected + value * size
    assert torch.equal(slot.of_epoch(), expected / sum(sizes))
    assert slot.of_epoch().dtype is dtype


def test_a_weight_beyond_float32_or_of_another_type_is_rounded_as_by_a_product_with_a_number():
    slot = Slot("x", Flags(on_epoch=True))
    expected = torch.zeros(())
    weights = [2**24 + 1, 2.5, torch.tensor(3)]
    for index, weight in enumerate(weights):
        slot.add(torch.tensor(0.1 + index), weight)
        expected = expected + torch.tensor(0.1 + index) * weight
    assert torch.equal(slot.of_epoch(), expected / torch.tensor(2**24 + 1 + 2.5 + 3))


def test_a_mean_of_no_weight_is_not_a_number():
    slot = Slot("x", Flags(on_epoch=True))
    slot.add(torch.tensor(1.0), 0)
    assert slot.of_epoch().isnan()


@pytest.mark.parametrize(("kind", "expected"), [("sum", 2.0), ("min", -2.0), ("max", 3.0)])
def test_other_reductions_take_no_heed_of_the_batch_size(kind, expected):
    slot = Slot("x", Flags(on_epoch=True, reduce_fx=kind))
    for value in (1.0, -2.0, 3.0):
        slot.add(torch.tensor(value), 7)
    assert slot.of_epoch().item() == expected


@pytest.mark.parametrize("kind", ["min", "max"])
def test_not_a_number_is_never_lost_in_an_extreme(kind):
    slot = Slot("x", Flags(on_epoch=True, reduce_fx=kind))
    for value in (1.0, float("nan"), 3.0):
        slot.add(torch.tensor(value), 1)
    assert slot.of_epoch().isnan()


def test_an_epoch_without_values_has_none():
    assert Slot("x", Flags(on_epoch=True)).of_epoch() is None


def test_what_was_read_in_the_middle_of_an_epoch_does_not_change():
    slot = Slot("x", Flags(on_epoch=True, reduce_fx="sum"))
    slot.add(torch.tensor(1.0), 1)
    read = slot.of_epoch()
    slot.add(torch.tensor(1.0), 1)
    assert read.item() == 1.0
