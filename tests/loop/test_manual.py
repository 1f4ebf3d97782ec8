"""Manual optimization: the module runs backward and steps its optimizers itself."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader

import leyden as L
from leyden.errors import ModuleError, SettingsError


class Two(L.Module):
    """Two optimizers, the second stepped with a closure."""

    def __init__(self) -> None:
        super().__init__()
        self.automatic_optimization = False
        self.a, self.b = nn.Linear(2, 1), nn.Linear(2, 1)
        self.calls: list[Any] = []

    def training_step(self, batch: torch.Tensor, batch_idx: int) -> Any:
        first, second = self.optimizers()
        loss = self.a(batch).pow(2).mean()
        first.zero_grad()
        self.manual_backward(loss)
        first.step()

        def closure() -> torch.Tensor:
            second.zero_grad()
            loss = self.b(batch).pow(2).mean()
            self.manual_backward(loss)
            return loss

        second.step(closure=closure)
        return [loss, {"loss": loss, "extra": 1}, None][batch_idx]

    def configure_optimizers(self) -> Any:
        optimizers = [torch.optim.SGD(part.parameters(), lr=0.1) for part in (self.a, self.b)]
        return optimizers, [torch.optim.lr_scheduler.StepLR(optimizers[0], 1)]

    def on_before_backward(self, loss: torch.Tensor) -> None:
        self.calls.append("backward")

    def on_before_optimizer_step(self, optimizer: torch.optim.Optimizer) -> None:
        self.calls.append(("step", self.global_step))

    def on_train_batch_end(self, outputs: Any, batch: Any, batch_idx: int) -> None:
        self.calls.append(sorted(outputs))

    def lr_scheduler_step(self, scheduler: Any, metric: Any) -> None:
        self.calls.append("scheduler")


def trainer(folder: Path, **arguments: Any) -> L.Trainer:
    return L.Trainer(
        accelerator="cpu",
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        default_root_dir=folder,
        **{"max_epochs": 1, **arguments},
    )


def batches() -> DataLoader[Any]:
    return DataLoader(torch.arange(12.0).view(6, 2) / 12, batch_size=2)  # type: ignore[arg-type]


def test_each_step_is_announced_and_counted_and_schedulers_are_left_to_the_module(tmp_path: Path) -> None:
    model, run = Two(), trainer(tmp_path)
    run.fit(model, batches())
    one_batch = ["backward", "step", "backward", "step"]
    assert [call[0] if isinstance(call, tuple) else call for call in model.calls] == [
        *(*one_batch, ["loss"]),
        *(*one_batch, ["extra", "loss"]),
        *(*one_batch, []),
    ]
    assert [call[1] for call in model.calls if isinstance(call, tuple)] == [0, 1, 2, 3, 4, 5]
    assert run.global_step == 6


def test_the_weights_are_those_of_the_loop_written_by_hand(tmp_path: Path) -> None:
    torch.manual_seed(1)
    model = Two()
    plain = nn.Linear(2, 1)
    plain.load_state_dict(model.a.state_dict())
    trainer(tmp_path).fit(model, batches())
    optimizer = torch.optim.SGD(plain.parameters(), lr=0.1)
    for batch in batches():
        optimizer.zero_grad()
        plain(batch).pow(2).mean().backward()
        optimizer.step()
    assert torch.equal(model.a.weight, plain.weight)


def test_a_run_resumes_with_the_states_of_all_optimizers(tmp_path: Path) -> None:
    run = trainer(tmp_path)
    run.fit(Two(), batches())
    run.save_checkpoint(tmp_path / "one.ckpt")
    model, resumed = Two(), trainer(tmp_path, max_epochs=2)
    resumed.fit(model, batches(), ckpt_path=tmp_path / "one.ckpt")
    assert resumed.global_step == 12


def test_toggling_lets_gradients_flow_to_one_optimizer_alone(tmp_path: Path) -> None:
    seen = []

    class Toggling(Two):
        def training_step(self, batch: torch.Tensor, batch_idx: int) -> None:
            first, second = self.optimizers()
            self.b.bias.requires_grad = False
            self.toggle_optimizer(first)
            seen.append([parameter.requires_grad for parameter in self.parameters()])
            self.untoggle_optimizer(first)
            with self.toggled_optimizer(second):
                seen.append([parameter.requires_grad for parameter in self.parameters()])
            seen.append([parameter.requires_grad for parameter in self.parameters()])

    trainer(tmp_path, limit_train_batches=1).fit(Toggling(), batches())
    assert seen == [[True, True, False, False], [False, False, True, False], [True, True, True, False]]


@pytest.mark.parametrize("argument", [{"gradient_clip_val": 1.0}, {"accumulate_grad_batches": 2}])
def test_what_only_automatic_optimization_does_is_refused(argument: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=next(iter(argument))):
        trainer(tmp_path, **argument).fit(Two(), batches())


def test_several_optimizers_need_manual_optimization(tmp_path: Path) -> None:
    model = Two()
    model.automatic_optimization = True
    with pytest.raises(ModuleError, match="automatic_optimization = False"):
        trainer(tmp_path).fit(model, batches())


def test_a_plateau_scheduler_that_the_module_steps_itself_needs_no_monitor(tmp_path: Path) -> None:
    class Plateau(Two):
        def configure_optimizers(self) -> Any:
            optimizers, _ = super().configure_optimizers()
            return optimizers, [torch.optim.lr_scheduler.ReduceLROnPlateau(optimizers[0], factor=0.5, patience=0)]

        def on_train_epoch_end(self) -> None:
            self.lr_schedulers().step(1.0)

    run = trainer(tmp_path, max_epochs=3)
    run.fit(Plateau(), DataLoader(torch.ones(3, 2)))  # type: ignore[arg-type]
    assert run.optimizers[0].param_groups[0]["lr"] == pytest.approx(0.1 * 0.5**2)
