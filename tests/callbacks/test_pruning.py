from __future__ import annotations

import itertools
import logging
from pathlib import Path
from typing import Any

import pytest
import torch
from tests.tiny import trainer
from torch import Tensor, nn
from torch.nn.utils import prune
from torch.utils.data import DataLoader

import leyden as L
from leyden.callbacks import ModelPruning
from leyden.checkpoint.load import load
from leyden.errors import FormatError, MismatchError, SettingsError


class Model(L.Module):
    def __init__(self) -> None:
        super().__init__()
        self.net = nn.Sequential(nn.Linear(4, 6), nn.ReLU(), nn.Linear(6, 2))

    def training_step(self, batch: Tensor, batch_idx: int) -> Tensor:
        return self.net(batch).pow(2).mean()

    def configure_optimizers(self) -> Any:
        return torch.optim.Adam(self.parameters(), lr=0.05, weight_decay=0.1)


class Validated(Model):
    def validation_step(self, batch: Tensor, batch_idx: int) -> None:
        pass


class SavesAt(L.Callback):
    """Saves at one of its hooks, counted through the run."""

    def __init__(self, place: int | None, path: Path) -> None:
        self.place, self.path, self.calls = place, path, itertools.count()

    def _note(self, trainer: Any) -> None:
        if next(self.calls) == self.place:
            trainer.save_checkpoint(self.path)

    def on_train_batch_end(self, trainer: Any, *args: Any) -> None:
        self._note(trainer)

    def on_train_epoch_end(self, trainer: Any, pl_module: Any) -> None:
        self._note(trainer)


def model(kind: type[Model] = Model) -> Model:
    torch.manual_seed(1)
    return kind()


def data() -> DataLoader[Any]:
    return DataLoader(torch.randn(8, 4, generator=torch.Generator().manual_seed(0)), batch_size=4)


def zeros(module: nn.Module) -> dict[str, int]:
    return {name: int((value == 0).sum()) for name, value in module.named_parameters()}


def fit(folder: Path, pruning: ModelPruning, *more: L.Callback, epochs: int = 1, ckpt_path: Any = None) -> Model:
    one = model()
    trainer(folder, pruning, *more, max_epochs=epochs).fit(one, data(), ckpt_path=ckpt_path)
    return one


def test_the_smallest_values_of_all_parameters_become_zero(tmp_path: Path) -> None:
    pruned, plain = fit(tmp_path, ModelPruning("l1_unstructured", use_lottery_ticket_hypothesis=False)), model()
    trainer(tmp_path).fit(plain, data())
    values = torch.cat([value.detach().flatten() for value in plain.parameters()])
    bound = values.abs().sort().values[len(values) // 2]
    for name, value in plain.named_parameters():
        kept = torch.where(value.abs() < bound, 0, value)
        assert torch.equal(pruned.get_parameter(name), kept)


def test_each_parameter_may_be_pruned_by_itself(tmp_path: Path) -> None:
    pruned = fit(tmp_path, ModelPruning("l1_unstructured", use_global_unstructured=False, amount=0.5))
    assert zeros(pruned) == {"net.0.weight": 12, "net.0.bias": 3, "net.2.weight": 6, "net.2.bias": 1}


def test_more_is_pruned_in_each_epoch_of_what_is_left(tmp_path: Path) -> None:
    assert sum(zeros(fit(tmp_path, ModelPruning("l1_unstructured", amount=0.5), epochs=2)).values()) == 22 + 11


def test_amount_and_whether_to_prune_may_go_by_the_epoch(tmp_path: Path) -> None:
    by_epoch = ModelPruning("l1_unstructured", amount=lambda epoch: [0, 4, 2][epoch])
    assert sum(zeros(fit(tmp_path, by_epoch, epochs=3)).values()) == 6
    second = ModelPruning("l1_unstructured", amount=4, apply_pruning=lambda epoch: epoch == 1)
    assert sum(zeros(fit(tmp_path, second, epochs=3)).values()) == 4
    assert sum(zeros(fit(tmp_path, ModelPruning("l1_unstructured", apply_pruning=False))).values()) == 0


def test_structured_pruning_takes_whole_rows(tmp_path: Path) -> None:
    for name, options in (("ln_structured", {"pruning_norm": 1}), ("random_structured", {})):
        pruning = ModelPruning(
            name, parameter_names=["weight"], use_global_unstructured=False, pruning_dim=0, verbose=2, **options
        )
        weight = fit(tmp_path, pruning).get_parameter("net.0.weight")
        assert sorted((row == 0).all().item() for row in weight) == [False] * 3 + [True] * 3


def test_a_pruning_method_of_the_programs_own_prunes(tmp_path: Path) -> None:
    class EveryOther(prune.BasePruningMethod):
        PRUNING_TYPE = "unstructured"

        def __init__(self, amount: float) -> None:
            self.amount = amount

        def compute_mask(self, t: Tensor, default_mask: Tensor) -> Tensor:
            mask = default_mask.clone()
            mask.view(-1)[::2] = 0
            return mask

    assert sum(zeros(fit(tmp_path, ModelPruning(EveryOther))).values()) == 22


def test_the_lottery_ticket_is_the_model_before_training_each_time(tmp_path: Path) -> None:
    before = model()
    pruned = fit(tmp_path, ModelPruning("l1_unstructured", amount=0.25), epochs=3)
    for name, value in pruned.named_parameters():
        own = before.get_parameter(name)
        assert torch.equal(value, torch.where(value == 0, 0, own))


def test_new_values_may_be_drawn_instead(tmp_path: Path) -> None:
    before, pruning = model(), ModelPruning("l1_unstructured", amount=1, resample_parameters=True)
    weight = fit(tmp_path, pruning).get_parameter("net.0.weight")
    assert not torch.isin(weight[weight != 0], before.get_parameter("net.0.weight")).any()


def test_a_layer_that_cannot_draw_new_values_says_so(tmp_path: Path) -> None:
    class Scale(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.weight = nn.Parameter(torch.ones(4))

        def forward(self, batch: Tensor) -> Tensor:
            return batch * self.weight

    one = model()
    one.net = nn.Sequential(Scale())
    with pytest.raises(SettingsError, match="Scale has none"):
        trainer(tmp_path, ModelPruning("l1_unstructured", resample_parameters=True)).fit(one, data())


def test_pruning_may_come_after_validation_and_not_after_the_sanity_check(tmp_path: Path) -> None:
    seen: list[bool] = []

    class Watching(L.Callback):
        def on_validation_end(self, trainer: Any, pl_module: Any) -> None:
            seen.append(prune.is_pruned(pl_module))

    pruning = ModelPruning("l1_unstructured", prune_on_train_epoch_end=False)
    runs = trainer(tmp_path, pruning, Watching(), num_sanity_val_steps=1)
    one = model(Validated)
    runs.fit(one, data(), data())
    assert seen == [False, True]
    runs.validate(one, data(), verbose=False)
    assert seen[-1] is False


def test_masks_stay_where_pruning_is_not_made_permanent(tmp_path: Path) -> None:
    assert prune.is_pruned(fit(tmp_path, ModelPruning("l1_unstructured", make_pruning_permanent=False)))
    assert not prune.is_pruned(fit(tmp_path, ModelPruning("l1_unstructured")))


@pytest.mark.parametrize("permanent", [True, False])
def test_a_checkpoint_has_plain_weights_or_masks(tmp_path: Path, permanent: bool) -> None:
    saver = SavesAt(2, tmp_path / "a.ckpt")
    fit(tmp_path, ModelPruning("l1_unstructured", make_pruning_permanent=permanent), saver)
    weights = load(tmp_path / "a.ckpt")["state_dict"]
    assert ("net.0.weight_mask" in weights) is not permanent
    if permanent:
        assert sum(int((value == 0).sum()) for value in weights.values()) == 22
        assert weights.keys() == model().state_dict().keys()


# What comes after a save in the same hook is not run again, so a saver that is first saves elsewhere.
PLACES = [(True, 0), (True, 1), (True, 3), (True, 4), (True, 6), (True, 7), *((False, place) for place in range(8))]


@pytest.mark.parametrize(("first", "place"), PLACES)
@pytest.mark.parametrize("lottery", [True, False])
def test_a_run_resumed_from_any_save_ends_as_one_that_was_never_stopped(
    tmp_path: Path, first: bool, place: int, lottery: bool
) -> None:
    def pruning() -> ModelPruning:
        return ModelPruning(
            "l1_unstructured", amount=0.25, use_lottery_ticket_hypothesis=lambda epoch: lottery and epoch % 2 == 1
        )

    saver, own = SavesAt(place, tmp_path / "a.ckpt"), pruning()
    whole = model()
    callbacks = [saver, own] if first else [own, saver]
    trainer(tmp_path, *callbacks, max_epochs=3).fit(whole, data())
    torch.manual_seed(9)
    resumed = Model()
    trainer(tmp_path, pruning(), max_epochs=3).fit(resumed, data(), ckpt_path=tmp_path / "a.ckpt")
    assert {name: value.tolist() for name, value in resumed.state_dict().items()} == {
        name: value.tolist() for name, value in whole.state_dict().items()
    }


def test_two_callbacks_may_prune_one_model_and_resume(tmp_path: Path) -> None:
    def both() -> list[L.Callback]:
        one = ModelPruning("l1_unstructured", amount=0.25, apply_pruning=lambda epoch: epoch % 2 == 0)
        return [one, ModelPruning("random_unstructured", amount=3, apply_pruning=lambda epoch: epoch % 2 == 1)]

    saver, whole, resumed = SavesAt(6, tmp_path / "a.ckpt"), model(), model()
    trainer(tmp_path, *both(), saver, max_epochs=4).fit(whole, data())
    trainer(tmp_path, *both(), max_epochs=4).fit(resumed, data(), ckpt_path=tmp_path / "a.ckpt")
    assert all(map(torch.equal, whole.state_dict().values(), resumed.state_dict().values()))


def test_a_callback_may_serve_two_models(tmp_path: Path) -> None:
    pruning = ModelPruning("l1_unstructured")
    assert zeros(fit(tmp_path, pruning)) == zeros(fit(tmp_path, pruning))


def test_what_is_pruned_is_logged(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    pruning = ModelPruning("l1_unstructured", parameter_names=["bias"], amount=2, verbose=2)
    with caplog.at_level(logging.INFO):
        fit(tmp_path, pruning)
    assert caplog.messages[:1] == ["Applied `L1Unstructured`. Pruned: 0/8 (0.00%) -> 2/8 (25.00%)"]
    layer = (
        "Applied `L1Unstructured` to `Linear(in_features=4, out_features=6, bias=True).bias` with amount=2. Pruned: "
    )
    assert caplog.messages[1].startswith(f"{layer}0 (0.00%) -> ")


def test_the_parameters_may_be_named_or_filtered(tmp_path: Path) -> None:
    one = model()
    named = ModelPruning("l1_unstructured", parameters_to_prune=[(one.net[2], "weight")])
    trainer(tmp_path, named).fit(one, data())
    assert zeros(one) == {"net.0.weight": 0, "net.0.bias": 0, "net.2.weight": 6, "net.2.bias": 0}

    class First(ModelPruning):
        def filter_parameters_to_prune(self, parameters_to_prune: Any = ()) -> Any:
            return parameters_to_prune[:1]

    filtered = zeros(fit(tmp_path, First("l1_unstructured")))
    assert filtered == {"net.0.weight": 12, "net.0.bias": 0, "net.2.weight": 0, "net.2.bias": 0}


def test_parameters_that_the_model_does_not_have_are_refused(tmp_path: Path) -> None:
    one = model()
    for wrong, text in (
        ([(nn.Linear(1, 1), "weight")], "no part of the model"),
        ([(one.net[1], "weight")], "no such parameter"),
        ([one.net[0]], "pairs of a layer"),
        ("weight", "pairs of a layer"),
    ):
        with pytest.raises(SettingsError, match=text):
            ModelPruning.sanitize_parameters_to_prune(one, wrong)


WRONG = [
    ("no_such", {}, "none of ln_structured"),
    (prune.L1Unstructured(0.5), {}, "no subclass"),
    (prune.L1Unstructured, {"use_global_unstructured": False}, "prunes all parameters together"),
    ("random_structured", {"use_global_unstructured": False}, "pruning_dim"),
    ("ln_structured", {"use_global_unstructured": False, "pruning_dim": 0}, "pruning_norm"),
    ("random_structured", {"pruning_dim": 0}, "use_global_unstructured=False"),
    ("l1_unstructured", {"amount": 1.5}, "amount"),
    ("l1_unstructured", {"amount": -1}, "amount"),
    ("l1_unstructured", {"amount": "half"}, "amount"),
    ("l1_unstructured", {"verbose": 3}, "verbose"),
    ("l1_unstructured", {"parameter_names": ["scale"]}, "scale"),
]


@pytest.mark.parametrize(("function", "arguments", "text"), WRONG)
def test_an_argument_without_a_meaning_is_an_error_that_names_it(function: Any, arguments: Any, text: str) -> None:
    with pytest.raises(SettingsError, match=text):
        ModelPruning(function, **arguments)


BROKEN = [
    ([], FormatError),
    ({"masks": {"net.0.weight": torch.ones(6, 4)}}, FormatError),
    ({"masks": {"net.0.weight": 1}, "values": {"net.0.weight": 1}}, FormatError),
    ({"originals": {"net.9.weight": torch.ones(1)}}, MismatchError),
    ({name: {"net.0.weight": torch.ones(1)} for name in ("masks", "values", "used")}, MismatchError),
]


@pytest.mark.parametrize(("value", "error"), BROKEN)
def test_a_checkpoint_with_malformed_masks_is_refused(tmp_path: Path, value: Any, error: type[Exception]) -> None:
    class Breaks(L.Callback):
        def on_save_checkpoint(self, trainer: Any, pl_module: Any, checkpoint: dict[str, Any]) -> None:
            checkpoint["leyden_pruning"] = value

    fit(tmp_path, ModelPruning("l1_unstructured"), SavesAt(1, tmp_path / "a.ckpt"), Breaks())
    with pytest.raises(error):
        fit(tmp_path, ModelPruning("l1_unstructured"), epochs=2, ckpt_path=tmp_path / "a.ckpt")
