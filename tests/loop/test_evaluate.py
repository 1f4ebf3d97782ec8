from __future__ import annotations

import pytest
import torch
from tests.tiny import Tiny, batches, trainer
from torch import nn

import leyden as L
from leyden.loop.evaluate import evaluation_mode


class Noting(Tiny):
    """Notes its modes and whether gradients are computed, in each step of an evaluation."""

    def __init__(self):
        super().__init__()
        self.frozen = nn.Dropout().eval()
        self.seen = []

    def validation_step(self, batch, batch_idx, dataloader_idx=0):
        answer = self(batch)
        self.log("val", answer.detach().mean())
        self.seen.append((self.training, self.frozen.training, torch.is_grad_enabled(), answer.is_inference()))

    test_step = validation_step


def modes(module):
    return [part.training for part in module.modules()]


# The mode


def test_each_part_of_a_model_gets_the_mode_back_that_it_had():
    model = nn.Sequential(nn.Dropout(), nn.Dropout().eval())
    before = modes(model)
    with evaluation_mode(model, None, None):
        assert modes(model) == [False] * 3
    assert modes(model) == before == [True, True, False]


def test_the_modules_own_hooks_decide_about_the_mode():
    model = nn.Dropout()
    calls = []
    with evaluation_mode(model, lambda: calls.append("eval"), lambda: calls.append("train")):
        assert model.training
    assert calls == ["eval", "train"]


@pytest.mark.filterwarnings("ignore:training begins with parts of the model in evaluation mode")
def test_a_validation_inside_training_leaves_the_modes_as_they_were(tmp_path):
    module = Noting()
    trainer(tmp_path).fit(module, batches(1), batches(1))
    assert module.seen == [(False, False, False, False)]
    assert (module.training, module.frozen.training) == (True, False)


@pytest.mark.parametrize("inference", [True, False])
def test_an_evaluation_alone_runs_in_inference_mode_unless_told_otherwise(tmp_path, inference):
    module = Noting()
    trainer(tmp_path, inference_mode=inference).validate(module, batches(1), verbose=False)
    assert module.seen == [(False, False, False, inference)]
    assert torch.is_grad_enabled()


@pytest.mark.filterwarnings("ignore:training begins with parts of the model in evaluation mode")
def test_an_evaluation_leaves_the_weights_fit_for_training(tmp_path):
    module, run = Noting(), trainer(tmp_path)
    run.validate(module, batches(1), verbose=False)
    run.fit(module, batches(1), batches(1))
    assert run.global_step == 1


# The batches


@pytest.mark.parametrize("method", ["validate", "test"])
def test_the_answer_has_the_metrics_of_each_loader_as_plain_numbers(tmp_path, method):
    evaluate = getattr(trainer(tmp_path), method)
    (one,) = evaluate(Noting(), batches(2), verbose=False)
    assert [(name, type(value)) for name, value in one.items()] == [("val", float)]
    first, second = evaluate(Noting(), [batches(1), batches(2)], verbose=False)
    assert (list(first), list(second)) == (["val/dataloader_idx_0"], ["val/dataloader_idx_1"])


def test_loaders_are_told_apart_by_their_number_only_where_there_are_several(tmp_path):
    class Numbered(Tiny):
        def validation_step(self, batch, batch_idx, dataloader_idx="left out"):
            seen.append((dataloader_idx, batch_idx))

    seen = []
    run = trainer(tmp_path)
    run.validate(Numbered(), batches(1), verbose=False)
    run.validate(Numbered(), {"a": batches(1), "b": batches(2)}, verbose=False)
    assert seen == [("left out", 0), (0, 0), (1, 0), (1, 1)]


def test_a_module_that_logs_nothing_answers_with_empty_dictionaries(tmp_path):
    class Silent(Tiny):
        def validation_step(self, batch, batch_idx):
            return batch

    assert trainer(tmp_path).validate(Silent(), [batches(1)], verbose=False) == [{}]


def test_a_limit_counts_for_each_loader(tmp_path):
    module = Noting()
    trainer(tmp_path, limit_test_batches=2).test(module, [batches(3), batches(1)], verbose=False)
    assert len(module.seen) == 3


def test_no_batches_at_all_answer_with_nothing_and_call_no_hook(tmp_path):
    class Hooked(Tiny):
        def on_validation_start(self):
            raise AssertionError

    assert trainer(tmp_path, limit_val_batches=0).validate(Hooked(), batches(2), verbose=False) == []


# The sanity check


class Checked(Tiny):
    """Draws random numbers in validation, and notes how it is run."""

    def __init__(self):
        super().__init__()
        self.seen = []

    def validation_step(self, batch, batch_idx):
        torch.rand(1)
        super().validation_step(batch, batch_idx)
        self.seen.append((self.trainer.sanity_checking, self.trainer.state.stage.value))

    def training_step(self, batch, batch_idx):
        self.seen.append(("metrics", sorted(self.trainer.callback_metrics)))
        return super().training_step(batch, batch_idx)


@pytest.mark.parametrize(("steps", "ran"), [(0, 0), (1, 1), (2, 2), (-1, 3), (7, 3)])
def test_before_training_some_batches_are_validated_to_find_mistakes(tmp_path, steps, ran):
    module = Checked()
    trainer(tmp_path, num_sanity_val_steps=steps).fit(module, batches(1), batches(3))
    assert module.seen[:ran] == [(True, "sanity_check")] * ran
    assert module.seen[ran:] == [("metrics", [])] + [(False, "validate")] * 3


def test_a_sanity_check_leaves_no_metrics_and_no_drawn_numbers_behind(tmp_path):
    drawn = []

    class Draws(L.Callback):
        def on_train_start(self, trainer, pl_module):
            drawn.append(torch.rand(1).item())

    for steps in (0, 2):
        torch.manual_seed(1)
        trainer(tmp_path, Draws(), num_sanity_val_steps=steps).fit(Checked(), batches(1), batches(3))
    assert drawn[0] == drawn[1]


def test_a_mistake_in_validation_is_found_before_training(tmp_path):
    class Wrong(Checked):
        def validation_step(self, batch, batch_idx):
            raise ZeroDivisionError

    module = Wrong()
    with pytest.raises(ZeroDivisionError):
        trainer(tmp_path, num_sanity_val_steps=1).fit(module, batches(1), batches(1))
    assert module.seen == []


@pytest.mark.parametrize(("batch", "checked"), [(1, 0), (2, 1)], ids=["in the middle of an epoch", "at its end"])
def test_a_resumed_run_is_checked_again_at_the_edge_of_an_epoch_alone(tmp_path, batch, checked):
    class Saving(L.Callback):
        def on_train_batch_end(self, trainer, pl_module, outputs, given, batch_idx):
            if trainer.global_step == batch == 1:
                trainer.save_checkpoint(tmp_path / "a.ckpt")

    first = trainer(tmp_path, Saving())
    first.fit(Checked(), batches(2), batches(1))
    if batch == 2:
        first.save_checkpoint(tmp_path / "a.ckpt")
    module = Checked()
    resumed = trainer(tmp_path, max_epochs=2, num_sanity_val_steps=1)
    resumed.fit(module, batches(2), batches(1), ckpt_path=tmp_path / "a.ckpt")
    assert module.seen.count((True, "sanity_check")) == checked
