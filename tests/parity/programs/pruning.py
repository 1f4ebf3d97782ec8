"""ModelPruning: which weights become zero when, and what checkpoints and the end of training have."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from tests.parity import toolkit as kit
from torch.nn.utils import prune

DIFFERS = {
    "lottery ticket twice.*": "the second time, too, the weights are reset to what they were before training; in "
    "Lightning what was put back the first time is trained and put back again",
}


class EveryOther(prune.BasePruningMethod):
    """A pruning method of the program's own."""

    PRUNING_TYPE = "unstructured"

    def __init__(self, amount: float) -> None:
        self.amount = amount

    def compute_mask(self, t: torch.Tensor, default_mask: torch.Tensor) -> torch.Tensor:
        mask = default_mask.clone()
        mask.view(-1)[::2] = 0
        return mask


def program(L: Any, out: Path) -> dict[str, Any]:
    def run(*given: Any, epochs: int = 2, **arguments: Any) -> dict[str, Any]:
        torch.manual_seed(3)
        seen: list[Any] = []
        arguments.setdefault("use_lottery_ticket_hypothesis", False)

        class Filtering(L.callbacks.ModelPruning):
            def filter_parameters_to_prune(self, parameters_to_prune: Any = ()) -> Any:
                seen.append([[str(layer), name] for layer, name in parameters_to_prune])
                return parameters_to_prune

        class Looking(L.Callback):
            def on_train_epoch_end(self, trainer: Any, module: Any) -> None:
                seen.append(f"epoch {trainer.current_epoch} {kit.describe(sorted(module.state_dict().items()))}")

            def on_validation_end(self, trainer: Any, module: Any) -> None:
                seen.append(f"validated {prune.is_pruned(module)}")

        class Saves(L.Callback):
            def on_train_epoch_end(self, trainer: Any, module: Any) -> None:
                trainer.save_checkpoint(out / "a.ckpt")

        module = kit.module_class(L)()
        callbacks = [Filtering(*given, **arguments), Looking(), Saves()]
        trainer = kit.trainer(L, out, callbacks=callbacks, max_epochs=epochs)
        trainer.fit(module, kit.loader(), kit.val_loader())
        result = kit.summary(trainer, module, seen=seen, pruned=prune.is_pruned(module))
        if arguments.get("make_pruning_permanent", True):
            result["loaded"] = kit.weights(type(module).load_from_checkpoint(out / "a.ckpt"))
        return result

    alone = {"use_global_unstructured": False}
    rows = {**alone, "pruning_dim": 0, "parameter_names": ["weight"]}
    twice = {"use_lottery_ticket_hypothesis": True}
    result = {
        "l1": run("l1_unstructured"),
        "random": run("random_unstructured", amount=3),
        "each alone": run("l1_unstructured", **alone),
        "rows by norm": run("ln_structured", pruning_norm=1, amount=1, epochs=1, **rows),
        "rows at random": run("random_structured", amount=1, epochs=1, **rows),
        "own method": run(EveryOther),
        "by epoch": run("l1_unstructured", amount=lambda epoch: epoch, apply_pruning=lambda e: e < 3, epochs=4),
        "after validation": run("l1_unstructured", prune_on_train_epoch_end=False),
        "masks kept": run("l1_unstructured", make_pruning_permanent=False),
        "weights alone": run("l1_unstructured", parameter_names=["weight"]),
        "lottery ticket": run("l1_unstructured", epochs=1, **twice),
        "lottery ticket twice": run("l1_unstructured", **twice),
        "lottery ticket at the end": run("l1_unstructured", use_lottery_ticket_hypothesis=lambda epoch: epoch == 1),
        "drawn again": run("l1_unstructured", resample_parameters=True, **twice),
    }
    Pruning = L.callbacks.ModelPruning
    for name, given, more in (
        ("unknown", "no_such", {}),
        ("alone but a method", EveryOther, alone),
        ("no dimension", "random_structured", alone),
        ("no norm", "ln_structured", {**alone, "pruning_dim": 0}),
        ("rows together", "random_structured", {"pruning_dim": 0}),
        ("verbose", "l1_unstructured", {"verbose": 3}),
        ("name", "l1_unstructured", {"parameter_names": ["scale"]}),
        ("amount", "l1_unstructured", {"amount": "half"}),
    ):
        result[name] = kit.attempt(lambda given=given, more=more: Pruning(given, **more) and None)
    return result
