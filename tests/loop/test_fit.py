"""The main path on small models: when it ends, what it does with the answers of a step, what the optimizer gets."""

from __future__ import annotations

import pytest
import torch
from tests.tiny import Tiny, batches, trainer

import leyden as L
from leyden.core.warnings import LeydenWarning
from leyden.errors import ModuleError
from leyden.loop.fit import loss_of, problem_with


class Recording(Tiny):
    """Notes what happens around each batch."""

    def __init__(self):
        super().__init__()
        self.seen = []

    def on_train_batch_end(self, outputs, batch, batch_idx):
        self.seen.append((self.current_epoch, batch_idx))


class Listener(L.Callback):
    """Calls a function in one hook."""

    def __init__(self, hook, call):
        setattr(self, hook, call)


def fit(folder, module, *callbacks, size=3, val=0, **arguments):
    run = trainer(folder, *callbacks, limit_val_batches=val, **arguments)
    run.fit(module, batches(size), batches(val))
    return run


# What a step returns


@pytest.mark.parametrize("output", [None, torch.tensor(1.0), {"loss": torch.tensor(1.0), "more": 2}])
def test_a_step_returns_a_loss_a_dictionary_with_it_or_nothing(output):
    assert loss_of(output) is (output["loss"] if isinstance(output, dict) else output)


@pytest.mark.parametrize(
    ("output", "described"),
    [
        (1.0, "a float"),
        ((torch.tensor(1.0),), "a tuple of (Tensor)"),
        ([], "a list"),
        ({}, "a dict with the keys []"),
        ({"l": 1}, "a dict with the keys ['l']"),
        ({"loss": 1.0}, "a dict with the keys ['loss']"),
        ("loss", "a str"),
    ],
)
def test_any_other_answer_of_a_step_is_described_with_what_may_be_returned(output, described):
    with pytest.raises(ModuleError) as caught:
        loss_of(output)
    assert str(caught.value).startswith(f"training_step() returned {described}. Return the loss as a tensor")


@pytest.mark.parametrize(
    ("loss", "problem"),
    [
        (torch.ones(1, requires_grad=True), None),
        (torch.ones((), requires_grad=True), None),
        (torch.ones(()), "without a graph"),
        (torch.ones(2, requires_grad=True), "of shape (2,)"),
    ],
)
def test_a_loss_needs_a_graph_and_one_number(loss, problem):
    found = problem_with(loss)
    assert found is problem or problem in found


def test_a_loss_without_a_graph_ends_the_run_with_its_cause(tmp_path):
    class Detached(Tiny):
        def training_step(self, batch, batch_idx):
            return super().training_step(batch, batch_idx).detach()

    with pytest.raises(ModuleError, match="without a graph") as caught:
        fit(tmp_path, Detached())
    assert isinstance(caught.value.__cause__, RuntimeError)


def test_other_errors_of_the_backward_pass_are_left_as_they_are(tmp_path):
    class Failing(Tiny):
        def backward(self, loss):
            raise RuntimeError("out of memory")

    with pytest.raises(RuntimeError, match="^out of memory$"):
        fit(tmp_path, Failing())


def test_a_step_that_returns_nothing_skips_the_batch_with_a_warning(tmp_path):
    class Skipping(Recording):
        def training_step(self, batch, batch_idx):
            return None if batch_idx == 1 else super().training_step(batch, batch_idx)

        def on_before_backward(self, loss):
            self.seen.append("backward")

    module = Skipping()
    with pytest.warns(LeydenWarning, match=r"training_step\(\) returned None, so the batch is skipped"):
        run = fit(tmp_path, module)
    assert module.seen == ["backward", (0, 0), (0, 1), "backward", (0, 2)]
    assert run.global_step == 3


def test_hooks_get_the_loss_cut_off_and_what_else_was_returned(tmp_path):
    class Extra(Tiny):
        def training_step(self, batch, batch_idx):
            return {"loss": super().training_step(batch, batch_idx), "extra": batch_idx}

        def on_train_batch_end(self, outputs, batch, batch_idx):
            outputs_seen.append((outputs["loss"].requires_grad, outputs["extra"]))

    outputs_seen = []
    fit(tmp_path, Extra(), size=2)
    assert outputs_seen == [(False, 0), (False, 1)]


# When a run ends


def test_a_run_ends_after_its_epochs(tmp_path):
    module = Recording()
    run = fit(tmp_path, module, max_epochs=2)
    assert module.seen == [(0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (1, 2)]
    assert (run.current_epoch, run.global_step, run.state.status) == (2, 6, "finished")


def test_a_run_ends_after_its_steps_in_the_middle_of_an_epoch(tmp_path):
    module = Recording()
    fit(tmp_path, module, max_steps=4, max_epochs=-1)
    assert module.seen[-1] == (1, 0)


def test_no_time_at_all_trains_nothing(tmp_path):
    module = Recording()
    fit(tmp_path, module, max_epochs=-1, max_time={"seconds": 0})
    assert module.seen == []


@pytest.mark.parametrize("arguments", [{"max_epochs": 0}, {"max_steps": 0}, {"limit_train_batches": 0}])
def test_a_run_with_nothing_to_do_begins_no_training(tmp_path, arguments):
    class Module(Recording):
        def on_train_start(self):
            self.seen.append("start")

    module = Module()
    assert fit(tmp_path, module, **arguments).state.status == "finished"
    assert module.seen == []


def stopping(epoch, batch):
    def call(run, module, outputs, given, batch_idx):
        run.should_stop = run.should_stop or (run.current_epoch, batch_idx) == (epoch, batch)

    return Listener("on_train_batch_end", call)


def test_a_wish_to_stop_ends_the_run_after_the_batch_and_a_validation(tmp_path):
    class Module(Recording):
        def on_validation_end(self):
            self.seen.append("validated")

    module = Module()
    run = fit(tmp_path, module, stopping(0, 1), val=1, max_epochs=5)
    assert module.seen == [(0, 0), (0, 1), "validated"]
    assert run.should_stop


@pytest.mark.parametrize(
    ("arguments", "last"),
    [({"min_epochs": 2}, (1, 2)), ({"min_steps": 5}, (1, 1)), ({"min_epochs": 0, "min_steps": 2}, (0, 1))],
)
def test_a_wish_to_stop_waits_for_the_least_that_is_to_be_done(tmp_path, arguments, last):
    module = Recording()
    fit(tmp_path, module, stopping(0, 0), max_epochs=5, **arguments)
    assert module.seen[-1] == last


def test_a_wish_to_stop_before_the_first_batch_trains_nothing(tmp_path):
    def stop(run, module):
        run.should_stop = True

    module = Recording()
    fit(tmp_path, module, Listener("on_train_epoch_start", stop))
    assert module.seen == []


def test_minus_one_ends_the_epoch_and_not_the_run(tmp_path):
    class Module(Recording):
        def on_train_batch_start(self, batch, batch_idx):
            return -1 if batch_idx == 1 and self.current_epoch == 0 else None

    module = Module()
    fit(tmp_path, module, max_epochs=2)
    assert module.seen == [(0, 0), (1, 0), (1, 1), (1, 2)]


# What the optimizer does


def expected_weights(module, steps, accumulate=1, lr=0.1):
    """Plain PyTorch: the weights after so many windows of the batches."""
    layer = torch.nn.Linear(2, 1)
    layer.load_state_dict(module.layer.state_dict())
    rows = list(batches(steps * accumulate))
    for start in range(0, len(rows), accumulate):
        layer.zero_grad()
        sum(layer(row).pow(2).mean() / accumulate for row in rows[start : start + accumulate]).backward()
        with torch.no_grad():
            for weight in layer.parameters():
                weight -= lr * weight.grad
    return layer.state_dict()


@pytest.mark.parametrize("accumulate", [1, 2])
def test_a_run_steps_as_a_loop_written_by_hand(tmp_path, accumulate):
    torch.manual_seed(0)
    module = Tiny()
    expected = expected_weights(module, 2, accumulate)
    run = fit(tmp_path, module, size=2 * accumulate, accumulate_grad_batches=accumulate)
    assert run.global_step == 2
    for name, weight in module.layer.state_dict().items():
        assert torch.allclose(weight, expected[name])


def test_an_optimizer_that_evaluates_the_loss_itself_gets_a_closure(tmp_path):
    class Newton(Tiny):
        def training_step(self, batch, batch_idx):
            evaluations.append(batch_idx)
            return (self(batch) - 1).pow(2).mean()

        def configure_optimizers(self):
            return torch.optim.LBFGS(self.parameters(), lr=0.1, max_iter=5)

    evaluations = []
    torch.manual_seed(0)
    run = fit(tmp_path, Newton(), size=1, max_epochs=2)
    assert run.global_step == 2
    assert len(evaluations) > 4


def test_a_closure_is_run_for_the_last_batch_of_a_window(tmp_path):
    class Own(Recording):
        def optimizer_step(self, epoch, batch_idx, optimizer, optimizer_closure):
            super().optimizer_step(epoch, batch_idx, optimizer, optimizer_closure)
            self.seen.append("stepped")

    torch.manual_seed(0)
    module = Own()
    expected = expected_weights(module, 1, accumulate=3)
    fit(tmp_path, module, accumulate_grad_batches=3)
    assert module.seen == [(0, 0), (0, 1), "stepped", (0, 2)]
    assert torch.allclose(module.layer.weight, expected["weight"])


def test_a_modules_own_optimizer_step_is_given_a_closure_that_it_must_call(tmp_path):
    class Forgetful(Tiny):
        def optimizer_step(self, epoch, batch_idx, optimizer, optimizer_closure):
            optimizer.step()

    with pytest.raises(ModuleError, match=r"optimizer_step\(\) did not run the closure.*optimizer_closure"):
        fit(tmp_path, Forgetful())


def test_without_an_optimizer_the_loop_runs_and_changes_nothing(tmp_path):
    class Idle(Recording):
        def configure_optimizers(self):
            return None

    module = Idle()
    before = module.layer.weight.clone()
    with pytest.warns(LeydenWarning, match="changes no weights"):
        fit(tmp_path, module)
    assert len(module.seen) == 3
    assert torch.equal(module.layer.weight, before)


@pytest.mark.parametrize(
    ("precision", "weights", "products"),
    [
        ("32-true", torch.float32, torch.float32),
        ("64-true", torch.float64, torch.float64),
        ("bf16-true", torch.bfloat16, torch.bfloat16),
        ("bf16-mixed", torch.float32, torch.bfloat16),
    ],
)
def test_a_precision_is_that_of_weights_inputs_and_products(tmp_path, precision, weights, products):
    class Typed(Tiny):
        def training_step(self, batch, batch_idx):
            answer = self(batch)
            seen.add((self.layer.weight.dtype, batch.dtype, answer.dtype))
            return answer.pow(2).mean()

        def validation_step(self, batch, batch_idx):
            seen.add((self.layer.weight.dtype, batch.dtype, self(batch).dtype))

    seen = set()
    module = Typed()
    before = module.layer.weight.clone()
    fit(tmp_path, module, size=2, val=1, precision=precision)
    assert seen == {(weights, weights, products)}
    assert not torch.equal(module.layer.weight.float(), before)


def test_gradients_of_an_earlier_run_do_not_count(tmp_path):
    torch.manual_seed(0)
    module = Tiny()
    expected = expected_weights(module, 1)
    module.layer.weight.grad = torch.ones(1, 2)
    fit(tmp_path, module, size=1)
    assert torch.allclose(module.layer.weight, expected["weight"])


@pytest.mark.parametrize(("algorithm", "largest"), [("norm", 1.0), ("value", 1.0)])
def test_gradients_are_clipped_before_the_step(tmp_path, algorithm, largest):
    class Clipped(Tiny):
        def on_before_optimizer_step(self, optimizer):
            before.append(self.layer.weight.grad.norm().item())

        def on_train_batch_end(self, outputs, batch, batch_idx):
            grads = torch.cat([weight.grad.flatten() for weight in self.parameters()])
            after.append((grads.norm() if algorithm == "norm" else grads.abs().max()).item())

    before, after = [], []
    torch.manual_seed(0)
    fit(tmp_path, Clipped(), size=2, gradient_clip_val=largest, gradient_clip_algorithm=algorithm)
    assert max(before) > 1.01
    assert max(after) <= 1.001
