from __future__ import annotations

import itertools
import logging
from pathlib import Path
from typing import Any

import pytest
import torch
from tests.tiny import trainer
from torch import Tensor, nn
from torch.utils.data import DataLoader

import leyden as L
from leyden.callbacks import BackboneFinetuning, BaseFinetuning
from leyden.core.warnings import LeydenWarning
from leyden.errors import FormatError, MismatchError, ModuleError, SettingsError


class Model(L.Module):
    def __init__(self) -> None:
        super().__init__()
        self.backbone = nn.Sequential(nn.Linear(4, 4), nn.BatchNorm1d(4), nn.Linear(4, 4))
        self.head = nn.Linear(4, 1)

    def training_step(self, batch: Tensor, batch_idx: int) -> Tensor:
        return self.head(self.backbone(batch)).pow(2).mean()

    def configure_optimizers(self) -> Any:
        optimizer = torch.optim.SGD([p for p in self.parameters() if p.requires_grad], lr=0.1, momentum=0.9)
        return [optimizer], [torch.optim.lr_scheduler.StepLR(optimizer, 2, gamma=0.5)]


class Layers(BaseFinetuning):
    """Trains the last layer of the backbone from epoch 1 on, the others from epoch 2."""

    def freeze_before_training(self, pl_module: Any) -> None:
        self.freeze(pl_module.backbone, train_bn=False)

    def finetune_function(self, pl_module: Any, epoch: int, optimizer: Any) -> None:
        if epoch == 1:
            self.unfreeze_and_add_param_group(pl_module.backbone[2], optimizer, lr=0.03)
        if epoch == 2:
            self.unfreeze_and_add_param_group(pl_module.backbone[:2], optimizer, initial_denom_lr=2.0)


class Rates(L.Callback):
    def __init__(self) -> None:
        self.seen: list[list[tuple[int, float]]] = []

    def on_train_epoch_start(self, trainer: Any, pl_module: Any) -> None:
        groups = trainer.optimizers[0].param_groups
        self.seen.append([(len(group["params"]), round(group["lr"], 6)) for group in groups])


class SavesAt(L.Callback):
    def __init__(self, place: int, path: Path) -> None:
        self.place, self.path, self.calls = place, path, itertools.count()

    def _note(self, trainer: Any) -> None:
        if next(self.calls) == self.place:
            trainer.save_checkpoint(self.path)

    def on_train_batch_end(self, trainer: Any, *args: Any) -> None:
        self._note(trainer)

    def on_train_epoch_end(self, trainer: Any, pl_module: Any) -> None:
        self._note(trainer)


def model() -> Model:
    torch.manual_seed(1)
    return Model()


def data() -> DataLoader[Any]:
    return DataLoader(torch.randn(8, 4, generator=torch.Generator().manual_seed(0)), batch_size=4)


def test_parts_of_a_model_begin_to_train_in_their_epochs(tmp_path: Path) -> None:
    rates, one = Rates(), model()
    trainer(tmp_path, Layers(), rates, max_epochs=3).fit(one, data())
    assert rates.seen == [[(2, 0.1)], [(2, 0.1), (2, 0.03)], [(2, 0.05), (2, 0.015), (4, 0.025)]]
    assert all(parameter.requires_grad for parameter in one.parameters())
    still = model()
    trainer(tmp_path, Layers(), max_epochs=2).fit(still, data())
    assert torch.equal(still.backbone[0].weight, model().backbone[0].weight)
    assert not torch.equal(still.backbone[2].weight, model().backbone[2].weight)
    assert torch.equal(still.backbone[1].running_mean, torch.zeros(4))


def test_the_rate_of_the_backbone_rises_to_that_of_the_rest(tmp_path: Path) -> None:
    rates, asked = Rates(), []

    def threefold(epoch: int) -> float:
        asked.append(epoch)
        return 3.0

    finetuning = BackboneFinetuning(unfreeze_backbone_at_epoch=1, lambda_func=threefold)
    one = model()
    one.configure_optimizers = lambda: torch.optim.SGD([p for p in one.parameters() if p.requires_grad], lr=0.1)
    with pytest.warns(LeydenWarning, match="2 parameters to finetune are in a group of the optimizer already"):
        trainer(tmp_path, finetuning, rates, max_epochs=5).fit(one, data())
    assert rates.seen == [[(4, 0.1)], *([(4, 0.1), (4, rate)] for rate in (0.01, 0.03, 0.09, 0.1))]
    assert asked == [3, 4, 5]


def test_the_first_rate_may_be_given_and_need_not_stop_at_the_others(tmp_path: Path, caplog: Any) -> None:
    rates, one = Rates(), model()
    finetuning = BackboneFinetuning(
        1, lambda_func=lambda epoch: 10.0, backbone_initial_lr=0.2, should_align=False, train_bn=False, verbose=True
    )
    with caplog.at_level(logging.INFO):
        trainer(tmp_path, finetuning, rates, max_epochs=3).fit(one, data())
    assert [seen[-1] for seen in rates.seen[1:]] == [(4, 0.2), (4, 2.0)]
    assert "Learning rate: 0.1, that of the backbone: 0.2" in caplog.messages


@pytest.mark.parametrize("place", range(12))
@pytest.mark.parametrize("make", [Layers, lambda: BackboneFinetuning(1, train_bn=False)], ids=["layers", "backbone"])
def test_a_run_resumed_from_any_save_ends_as_one_that_was_never_stopped(tmp_path: Path, place: int, make: Any) -> None:
    whole, rates = model(), Rates()
    trainer(tmp_path, make(), rates, SavesAt(place, tmp_path / "a.ckpt"), max_epochs=4).fit(whole, data())
    torch.manual_seed(9)
    resumed, later = Model(), Rates()
    trainer(tmp_path, make(), later, max_epochs=4).fit(resumed, data(), ckpt_path=tmp_path / "a.ckpt")
    assert all(map(torch.equal, whole.state_dict().values(), resumed.state_dict().values()))
    assert later.seen == rates.seen[len(rates.seen) - len(later.seen) :]


def test_layers_are_those_with_parameters_of_their_own_or_without_parts() -> None:
    class Own(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.scale, self.inner = nn.Parameter(torch.ones(1)), nn.ReLU()

    def names(modules: Any) -> list[str]:
        return [type(layer).__name__ for layer in BaseFinetuning.flatten_modules(modules)]

    assert names(Own()) == ["Own", "ReLU"]
    assert names([nn.ModuleDict({"a": Own()}), [nn.Sequential(nn.Linear(1, 1))]]) == ["Own", "ReLU", "Linear"]


def test_freezing_spares_batch_norms_if_asked() -> None:
    one = model()
    BaseFinetuning.freeze(one.backbone)
    assert [p.requires_grad for p in one.backbone.parameters()] == [False, False, True, True, False, False]
    BaseFinetuning.freeze(one.backbone, train_bn=False)
    assert not any(p.requires_grad for p in one.backbone.parameters())
    assert not one.backbone[1].track_running_stats
    counts = [len([*BaseFinetuning.filter_params(one, bn, grad)]) for bn in (True, False) for grad in (True, False)]
    assert counts == [2, 6, 2, 4]
    BaseFinetuning.make_trainable(one.backbone)
    assert one.backbone[1].track_running_stats
    BaseFinetuning.freeze_module(one.head)
    assert len([*BaseFinetuning.filter_params(one)]) == 6


def test_what_a_program_leaves_out_is_told(tmp_path: Path) -> None:
    class Nothing(BaseFinetuning):
        pass

    with pytest.raises(NotImplementedError, match="Nothing must say what freeze_before_training"):
        trainer(tmp_path, Nothing()).fit(model(), data())
    Nothing.freeze_before_training = lambda self, pl_module: None
    with pytest.raises(NotImplementedError, match="Nothing must say what finetune_function"):
        trainer(tmp_path, Nothing()).fit(model(), data())
    headless = model()
    headless.backbone = None
    with pytest.raises(ModuleError, match=r"Model has no self\.backbone"):
        trainer(tmp_path, BackboneFinetuning()).fit(headless, data())
    with pytest.raises(SettingsError, match="lambda_func=3"):
        BackboneFinetuning(lambda_func=3)


GROUP = {"params": ["head.weight"]}
BROKEN = [
    ([], FormatError),
    ({}, FormatError),
    ({"internal_optimizer_metadata": {"a": []}}, FormatError),
    ({"internal_optimizer_metadata": {0: [{"params": [3]}]}}, FormatError),
    ({"internal_optimizer_metadata": {0: 3}}, FormatError),
    ({"internal_optimizer_metadata": {}, "frozen": [1]}, FormatError),
    ({"internal_optimizer_metadata": {}, "frozen": ["no.such"]}, MismatchError),
    ({"internal_optimizer_metadata": {}, "untracked": ["no.such"]}, MismatchError),
    ({"internal_optimizer_metadata": {0: [GROUP, GROUP]}}, MismatchError),
]


@pytest.mark.parametrize(("state", "error"), BROKEN)
def test_a_malformed_state_is_refused(tmp_path: Path, state: Any, error: type[Exception]) -> None:
    class Breaks(L.Callback):
        def on_save_checkpoint(self, trainer: Any, pl_module: Any, checkpoint: dict[str, Any]) -> None:
            checkpoint["callbacks"]["Layers"] = state

    trainer(tmp_path, Layers(), SavesAt(1, tmp_path / "a.ckpt"), Breaks()).fit(model(), data())
    with pytest.raises(error):
        trainer(tmp_path, Layers(), max_epochs=2).fit(model(), data(), ckpt_path=tmp_path / "a.ckpt")
