"""Reading back what a logger wrote for TensorBoard, with TensorBoard's own reader."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tensorboard.backend.event_processing.event_file_loader import EventFileLoader
from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData
from tensorboard.util.tensor_util import make_ndarray


def summaries(root: Path) -> list[tuple[str, int, Any]]:
    """Every summary below a directory as (directory/tag, step, value), file by file."""
    found = []
    for file in sorted(root.rglob("events.out.tfevents.*")):
        folder = file.parent.relative_to(root).as_posix()
        for event in EventFileLoader(str(file)).Load():
            if event.HasField("graph_def"):
                found.append((f"{folder}/graph", event.step, None))
            for value in event.summary.value:
                found.append((f"{folder}/{value.tag}", event.step, _content(value)))
    return found


def scalars(root: Path) -> list[tuple[str, int, float]]:
    """The scalars among them, of the directory itself, by their tag alone."""
    own = ((name.removeprefix("./"), step, value) for name, step, value in summaries(root) if type(value) is float)
    return [(name, step, value) for name, step, value in own]


def hyperparameters(root: Path) -> list[tuple[int, dict[str, Any], list[str]]]:
    """What TensorBoard was told of hyperparameters: (step, hyperparameters, names of metrics), each time."""
    told, metrics = [], []
    for name, step, value in summaries(root):
        if name.endswith("/_hparams_/experiment"):
            metrics = [info.name.tag for info in value.experiment.metric_infos]
        elif name.endswith("/_hparams_/session_start_info"):
            values = {key: getattr(v, v.WhichOneof("kind")) for key, v in value.session_start_info.hparams.items()}
            told.append((step, values, metrics))
    return told


def _content(value: Any) -> Any:
    plugin = value.metadata.plugin_data
    if plugin.plugin_name == "hparams":
        return HParamsPluginData.FromString(plugin.content)
    if plugin.plugin_name == "scalars":
        return float(make_ndarray(value.tensor).item())
    return plugin.plugin_name
