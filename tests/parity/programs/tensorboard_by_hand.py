"""TensorBoardLogger without a trainer: metrics and hyperparameters in every form, versions, the graph."""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import Any

import torch
from tests.loggers.events import hyperparameters, summaries
from tests.parity import toolkit as kit

PARAMETERS: dict[str, Any] = {
    "plain": {"a": 1, "b": "x", "c": 2.5, "d": True},
    "nested": {"deep": {"er": {"x": 1}, "list": [1, 2]}, "none": None, "path": Path("a/b")},
    "namespace": argparse.Namespace(a=1, b=argparse.Namespace(c=2)),
    "nothing": {},
}
METRICS: tuple[Any, ...] = ({"loss": 0.5}, {"whole": 3, "tensor": torch.tensor(2.0)}, {"many": {"x": 1, "y": 2.0}})
MISTAKES: tuple[Any, ...] = ({"text": "low"}, {"none": None}, {"shape": torch.ones(2)})


def program(L: Any, out: Path) -> dict[str, Any]:
    result: dict[str, Any] = {}

    def logger(name: str, **arguments: Any) -> Any:
        return L.loggers.TensorBoardLogger(out / name, name="", version="", **arguments)

    for name, parameters in PARAMETERS.items():
        for metrics in (None, 0.25, {"acc": 0.5, "loss": torch.tensor(1.5)}, {}):
            made = logger(f"{name} {metrics}".replace("/", "_"))
            made.log_hyperparams(parameters, metrics)
            made.finalize("success")
            told = [item for item in summaries(Path(made.log_dir)) if "_hparams_" not in item[0]]
            result[f"{name}, {metrics}"] = [told, hyperparameters(Path(made.log_dir)), made.hparams]

    made = logger("metrics")
    for metrics in METRICS:
        made.log_metrics(metrics, step=3)
        made.log_metrics(metrics)
    made.finalize("success")
    made.log_metrics({"after": 1.0}, step=4)
    made.finalize("success")
    result["metrics"] = sorted(summaries(Path(made.log_dir)), key=str)
    result["mistakes"] = [kit.attempt(lambda given=given: made.log_metrics(given, 1)) for given in MISTAKES]

    class Small(L.LightningModule):  # type: ignore[misc, name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.layer = torch.nn.Linear(2, 1)
            self.example_input_array = torch.ones(1, 2)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.layer(x)

    for name, arguments in (("graph", {"log_graph": True}), ("no graph", {})):
        made = logger(name, **arguments)
        made.log_graph(Small())
        made.finalize("success")
        result[name] = [item for item in summaries(Path(made.log_dir)) if item[0].endswith("/graph")]

    (out / "versions/lightning_logs/version_4").mkdir(parents=True)
    (out / "versions/lightning_logs/version_x").mkdir()
    (out / "versions/lightning_logs/version_9").write_text("not a directory")
    made = L.loggers.TensorBoardLogger(out / "versions")
    result["next version"] = [made.version, made.log_dir]
    os.environ["RUNS"] = str(out / "runs")
    made = L.loggers.TensorBoardLogger("$RUNS/all", name="x", sub_dir="y")
    result["expanded"] = [made.save_dir, made.root_dir, made.log_dir, made.group_separator]
    return result
