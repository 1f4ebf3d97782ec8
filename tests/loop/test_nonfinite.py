"""What a run does about losses and gradients that are not finite."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from tests.tiny import batches, trainer
from torch import nn

import leyden as L
from leyden.core.warnings import LeydenWarning
from leyden.errors import NonfiniteError, SettingsError
from leyden.loop import nonfinite

NAN, INF = float("nan"), float("inf")
ACTIONS = ("raise", "skip", "rollback")


class Model(L.Module):
    """Its loss, or its gradient, is not finite in the batches that are named."""

    def __init__(self, loss: dict[int, float] | None = None, gradient: dict[int, float] | None = None) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.net = nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3, track_running_stats=True), nn.Linear(3, 1))
        self.loss, self.gradient = loss or {}, gradient or {}
        self.seen = 0  # batches of the run
        self.net[2].weight.register_hook(lambda gradient: gradient + self.gradient.get(self.seen - 1, 0.0))

    def training_step(self, batch: torch.Tensor, batch_idx: int) -> torch.Tensor:
        self.seen += 1
        factor = self.loss.get(self.seen - 1, 1.0)
        return self.net(batch.expand(2, 2) * torch.tensor([[1.0], [2.0]]) * factor).pow(2).mean()

    def configure_optimizers(self) -> Any:
        optimizer = torch.optim.Adam(self.parameters(), lr=0.1)
        return [optimizer], [{"scheduler": torch.optim.lr_scheduler.StepLR(optimizer, 1, 0.5), "interval": "step"}]


class Rows(L.loggers.Logger):
    name, version = "rows", 0

    def __init__(self) -> None:
        super().__init__()
        self.rows: list[tuple[int | None, dict[str, float]]] = []

    def log_metrics(self, metrics: Any, step: int | None = None) -> None:
        self.rows.append((step, dict(metrics)))

    def log_hyperparams(self, params: Any, *args: Any, **kwargs: Any) -> None:
        pass


def fit(folder: Any, model: L.Module, action: str | None, size: int = 6, **more: Any) -> L.Trainer:
    run = trainer(folder, *more.pop("callbacks", ()), on_nonfinite=action, **more)
    run.fit(model, batches(size))
    return run


def weights(model: nn.Module) -> list[torch.Tensor]:
    return [tensor.clone() for tensor in model.state_dict().values()]


def same(one: list[torch.Tensor], other: list[torch.Tensor]) -> bool:
    return all(torch.equal(a, b) for a, b in zip(one, other, strict=True))


@pytest.mark.parametrize("action", [None, *ACTIONS])
def test_a_run_in_which_everything_is_finite_is_the_same_with_and_without(action, tmp_path):
    plain, watched = Model(), Model()
    fit(tmp_path, plain, None, max_epochs=2, accumulate_grad_batches=2)
    run = fit(tmp_path, watched, action, max_epochs=2, accumulate_grad_batches=2)
    assert same(weights(plain), weights(watched))
    assert run.nonfinite_steps == 0


def test_by_default_a_run_goes_on(tmp_path):
    model = Model(loss={2: NAN})
    assert fit(tmp_path, model, None).global_step == 6
    assert not weights(model)[0].isfinite().all()


@pytest.mark.parametrize("value", [NAN, INF])
def test_raise_ends_the_run_and_says_which_loss_it_was(value, tmp_path):
    model = Model(loss={8: value})
    with pytest.raises(NonfiniteError, match=r"the loss of batch 2 in epoch 1 is nan\. .*on_nonfinite='skip'"):
        fit(tmp_path, model, "raise", max_epochs=2)
    assert all(tensor.isfinite().all() for name, tensor in model.named_parameters())


def test_raise_names_the_weight_whose_gradient_it_is(tmp_path):
    with pytest.raises(NonfiniteError, match=r"gradient of 'net\.2\.weight' is not finite after batch 3 in epoch 0"):
        fit(tmp_path, Model(gradient={3: INF}), "raise")


def test_raise_counts_the_other_weights(tmp_path):
    class Worse(Model):
        def on_after_backward(self) -> None:
            for weight in self.parameters():
                weight.grad = torch.full_like(weight, NAN)

    with pytest.raises(NonfiniteError, match=r"'net\.0\.weight' \(and that of 5 other weights\)"):
        fit(tmp_path, Worse(), "raise")


@pytest.mark.parametrize("bad", [{"loss": {2: NAN}}, {"gradient": {2: INF}}])
def test_skip_leaves_out_the_step_and_goes_on_from_the_weights_before(bad, tmp_path):
    seen: list[list[torch.Tensor]] = []

    class Noting(L.Callback):
        def on_train_batch_end(self, trainer: L.Trainer, pl_module: L.Module, *_: Any) -> None:
            seen.append(weights(pl_module))

    rows, model = Rows(), Model(**bad)
    with pytest.warns(LeydenWarning, match=r"of .*batch 2 in epoch 0.*, so the step is left out") as caught:
        run = fit(tmp_path, model, "skip", callbacks=[Noting()], logger=[rows])
    assert len(caught) == 1
    assert same(seen[1], seen[2])
    assert not same(seen[2], seen[3])
    assert all(tensor.isfinite().all() for tensor in weights(model))
    assert (run.global_step, run.nonfinite_steps, run.fit_loop.epoch_loop.batch_progress.total.completed) == (5, 1, 6)
    assert run.optimizers[0].param_groups[0]["lr"] == pytest.approx(0.1 * 0.5**5)
    assert ({"nonfinite_steps": 1.0, "epoch": 0}) in [row for _, row in rows.rows]


def test_skip_tells_the_listeners_of_no_step(tmp_path):
    class Listening(L.Callback):
        calls = 0

        def on_before_optimizer_step(self, *_: Any) -> None:
            self.calls += 1

    listening = Listening()
    with pytest.warns(LeydenWarning):
        fit(tmp_path, Model(loss={1: NAN, 2: NAN}), "skip", callbacks=[listening])
    assert listening.calls == 4


def test_skip_leaves_out_the_whole_window_of_accumulated_batches(tmp_path):
    with pytest.warns(LeydenWarning, match="the loss of batch 2 in epoch 0"):
        run = fit(tmp_path, Model(loss={2: NAN}), "skip", accumulate_grad_batches=2)
    assert (run.global_step, run.nonfinite_steps) == (2, 1)


def test_skip_gives_up_when_nothing_else_happens(tmp_path, monkeypatch):
    monkeypatch.setattr(nonfinite, "MOST_SKIPS", 3)
    with pytest.warns(LeydenWarning), pytest.raises(NonfiniteError, match="so it was 3 times before"):
        fit(tmp_path, Model(loss=dict.fromkeys(range(1, 6), NAN)), "skip")


def test_skips_that_are_not_in_a_row_are_counted_from_anew(tmp_path, monkeypatch):
    monkeypatch.setattr(nonfinite, "MOST_SKIPS", 1)
    with pytest.warns(LeydenWarning):
        assert fit(tmp_path, Model(loss={1: NAN, 3: NAN, 5: NAN}), "skip").nonfinite_steps == 3


def test_how_many_steps_were_left_out_is_part_of_a_checkpoint(tmp_path):
    with pytest.warns(LeydenWarning):
        fit(tmp_path, Model(loss={1: NAN}), "skip").save_checkpoint(tmp_path / "a.ckpt")
    run = trainer(tmp_path, max_epochs=2)
    run.fit(Model(), batches(6), ckpt_path=tmp_path / "a.ckpt")
    assert run.nonfinite_steps == 1


def test_rollback_goes_back_to_the_snapshot_and_on_with_the_next_batch(tmp_path, monkeypatch):
    monkeypatch.setattr(nonfinite, "STEPS_BETWEEN_SNAPSHOTS", 2)
    seen: list[list[torch.Tensor]] = []

    class Noting(L.Callback):
        def on_train_batch_end(self, trainer: L.Trainer, pl_module: L.Module, *_: Any) -> None:
            seen.append(weights(pl_module))

    model = Model(loss={4: NAN})
    with pytest.warns(LeydenWarning, match="so the weights go back to those of step 2"):
        run = fit(tmp_path, model, "rollback", callbacks=[Noting()])
    parameters = len(list(model.parameters()))
    assert all(torch.equal(a, b) for a, b in zip(seen[4], seen[1], strict=True) if a.ndim and a.shape != (3,))
    assert not same(seen[5], seen[4])
    assert (run.global_step, run.nonfinite_steps) == (5, 1)
    assert run.optimizers[0].state_dict()["state"].keys() == set(range(parameters))
    # after two steps at the snapshot there was one more
    assert all(state["step"] == 3 for state in run.optimizers[0].state_dict()["state"].values())
    assert run.optimizers[0].param_groups[0]["lr"] == pytest.approx(0.1 * 0.5**3)


def test_rollback_goes_further_back_where_the_newest_snapshot_leads_there_again(tmp_path, monkeypatch):
    monkeypatch.setattr(nonfinite, "STEPS_BETWEEN_SNAPSHOTS", 2)
    with pytest.warns(LeydenWarning):
        run = fit(tmp_path, Model(loss={4: NAN, 5: NAN}), "rollback")
    assert all(state["step"] == 0 for state in run.optimizers[0].state_dict()["state"].values())


def test_rollback_gives_up_after_so_many_without_a_new_snapshot(tmp_path, monkeypatch):
    monkeypatch.setattr(nonfinite, "MOST_ROLLBACKS", 2)
    with pytest.warns(LeydenWarning), pytest.raises(NonfiniteError, match="so it was 2 times before"):
        fit(tmp_path, Model(loss={1: NAN, 3: NAN, 5: NAN}), "rollback")


class OwnStep(Model):
    def optimizer_step(self, epoch: int, batch_idx: int, optimizer: Any, optimizer_closure: Any = None) -> None:
        if batch_idx % 2:
            optimizer.step(closure=optimizer_closure)
        else:
            optimizer_closure()
            optimizer.step()


class Searching(Model):
    def configure_optimizers(self) -> Any:
        return torch.optim.LBFGS(self.parameters(), lr=0.1, max_iter=1)


@pytest.mark.parametrize("kind", [OwnStep, Searching])
@pytest.mark.parametrize("batch", [1, 2])
def test_a_step_with_a_closure_can_be_left_out(kind, batch, tmp_path):
    model = kind(loss={batch: NAN})
    with pytest.warns(LeydenWarning, match="the step is left out"):
        run = fit(tmp_path, model, "skip")
    assert (run.global_step, run.nonfinite_steps) == (5, 1)
    assert all(weight.isfinite().all() for weight in model.parameters())


class Manual(Model):
    """Two optimizers, of which the gradient of the second is not finite in the batches that are named."""

    def __init__(self, **bad: Any) -> None:
        super().__init__(**bad)
        self.automatic_optimization = False

    def training_step(self, batch: torch.Tensor, batch_idx: int) -> None:  # type: ignore[override]
        loss = super().training_step(batch, batch_idx)
        first, second = self.optimizers()
        first.zero_grad()
        second.zero_grad()
        self.manual_backward(loss)
        first.step()
        second.step()

    def configure_optimizers(self) -> Any:
        return [torch.optim.SGD(part.parameters(), lr=0.1) for part in (self.net[:2], self.net[2])]


def test_in_manual_optimization_the_step_of_one_optimizer_is_left_out(tmp_path):
    model = Manual(gradient={2: NAN})
    with pytest.warns(LeydenWarning, match=r"'net\.2\.weight'"):
        run = fit(tmp_path, model, "skip")
    assert (run.global_step, run.nonfinite_steps) == (11, 1)
    assert all(weight.isfinite().all() for weight in model.parameters())


def test_in_manual_optimization_a_loss_that_is_not_finite_ends_the_run(tmp_path):
    with pytest.raises(NonfiniteError, match="the loss of batch 1"):
        fit(tmp_path, Manual(loss={1: NAN}), "raise")


def test_a_mask_of_infinities_among_the_buffers_is_left_alone(tmp_path):
    class Masked(Model):
        def __init__(self, **bad: Any) -> None:
            super().__init__(**bad)
            self.register_buffer("mask", torch.full((2, 2), -INF).triu(1))

    model = Masked(loss={1: NAN})
    with pytest.warns(LeydenWarning):
        fit(tmp_path, model, "skip")
    assert model.mask.tolist() == [[0.0, -INF], [0.0, 0.0]]


@pytest.mark.parametrize("value", ["ignore", True, 1, ["raise"]])
def test_any_other_wish_is_refused(value, tmp_path):
    with pytest.raises(SettingsError, match="on_nonfinite=.* is unknown"):
        trainer(tmp_path, on_nonfinite=value)
