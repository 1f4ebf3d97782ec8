from __future__ import annotations

import copy
import math
import pickle
from argparse import Namespace
from pathlib import Path
from typing import Any

import pytest
import torch
from tests.callbacks.scripted import Scripted, batches
from tests.loggers.events import hyperparameters, scalars, summaries
from torch.utils.tensorboard import SummaryWriter

import leyden as L
from leyden.core import packages
from leyden.core.warnings import LeydenWarning
from leyden.errors import LogError, PackageError, SettingsError
from leyden.loggers.logger import DummyExperiment
from leyden.loggers.tensorboard import TensorBoardLogger
from leyden.runtime.rank_zero import rank_zero_only


@pytest.fixture
def second_process():
    rank_zero_only.rank = 1
    yield
    del rank_zero_only.rank


class Example(L.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layer = torch.nn.Linear(2, 1)
        self.example_input_array = torch.ones(1, 2)

    def forward(self, x):
        return self.layer(x)


def logger(root: Path, **arguments: Any) -> TensorBoardLogger:
    """One that writes to the directory itself."""
    return TensorBoardLogger(root, **({"name": "", "version": ""} | arguments))


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


# Places


@pytest.mark.parametrize(
    ("arguments", "root", "directory"),
    [
        ({}, "logs/lightning_logs", "logs/lightning_logs/version_0"),
        ({"name": "digits"}, "logs/digits", "logs/digits/version_0"),
        ({"name": ""}, "logs/", "logs/version_0"),
        ({"name": None}, "logs/", "logs/version_0"),
        ({"version": 3}, "logs/lightning_logs", "logs/lightning_logs/version_3"),
        ({"version": "best"}, "logs/lightning_logs", "logs/lightning_logs/best"),
        ({"version": "best", "sub_dir": "tb"}, "logs/lightning_logs", "logs/lightning_logs/best/tb"),
        ({"sub_dir": Path("a/b")}, "logs/lightning_logs", "logs/lightning_logs/version_0/a/b"),
    ],
)
def test_directories_are_named_as_asked(arguments, root, directory):
    made = TensorBoardLogger("logs", **arguments)
    assert (made.save_dir, made.root_dir, made.log_dir) == ("logs", root, directory)


def test_home_and_environment_variables_are_expanded_where_files_go(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("RUNS", str(tmp_path / "runs"))
    (tmp_path / "logs/lightning_logs/version_4").mkdir(parents=True)
    home, variable = TensorBoardLogger("~/logs"), TensorBoardLogger("$RUNS/logs")
    assert (home.save_dir, home.log_dir) == ("~/logs", f"{tmp_path}/logs/lightning_logs/version_5")
    assert (variable.save_dir, variable.log_dir) == ("$RUNS/logs", f"{tmp_path}/runs/logs/lightning_logs/version_0")


def test_the_next_version_follows_the_highest_and_is_kept(tmp_path):
    (tmp_path / "lightning_logs/version_2").mkdir(parents=True)
    first = TensorBoardLogger(tmp_path)
    assert first.version == 3
    first.save()
    assert (TensorBoardLogger(tmp_path).version, first.version) == (4, 3)


def test_checkpoints_go_beside_the_directory_of_tensorboard(tmp_path):
    made = TensorBoardLogger(tmp_path, version=0, sub_dir="tb")
    trainer = L.Trainer(
        accelerator="cpu", max_epochs=1, logger=made, enable_progress_bar=False, enable_model_summary=False
    )
    trainer.fit(Scripted(), batches(1), batches(1))
    assert [path.parent for path in tmp_path.rglob("*.ckpt")] == [tmp_path / "lightning_logs/version_0/checkpoints"]


def test_checkpoints_go_to_the_home_that_a_logger_writes_to(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    trainer = L.Trainer(
        accelerator="cpu",
        max_epochs=1,
        logger=TensorBoardLogger("~/logs"),
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    trainer.fit(Scripted(), batches(1), batches(1))
    assert [path.name for path in tmp_path.iterdir()] == ["logs"]
    assert len(list(tmp_path.rglob("*.ckpt"))) == 1


def test_files_are_private_to_the_user(tmp_path):
    (tmp_path / "shared").mkdir(mode=0o755)
    made = logger(tmp_path / "shared", sub_dir="tb")
    made.log_metrics({"loss": 1.0, "both": {"a": 1, "b": 2}}, 0)
    made.log_hyperparams({"lr": 1})
    made.finalize("success")
    made.log_metrics({"again": 1.0}, 1)
    inside = list((tmp_path / "shared").rglob("*"))
    assert len(inside) == 8
    assert {mode(path) for path in inside if path.is_dir()} == {0o700}
    assert {mode(path) for path in inside if path.is_file()} == {0o600}


def test_nothing_is_written_before_something_is_logged(tmp_path):
    made = TensorBoardLogger(tmp_path)
    made.finalize("failed")
    assert list(tmp_path.iterdir()) == []


# Metrics


def test_metrics_have_their_step(tmp_path):
    made = logger(tmp_path)
    made.log_metrics({"loss": 0.5, "count": 3, "tensor": torch.tensor([2.5])}, 7)
    made.log_metrics({"loss": math.inf}, 8)
    made.finalize("success")
    assert scalars(tmp_path) == [("loss", 7, 0.5), ("count", 7, 3.0), ("tensor", 7, 2.5), ("loss", 8, math.inf)]


def test_metrics_without_a_step_are_at_the_start(tmp_path):
    made = logger(tmp_path)
    made.log_metrics({"loss": 1})
    made.finalize("success")
    assert scalars(tmp_path) == [("loss", 0, 1.0)]


def test_metrics_in_a_dict_share_a_diagram(tmp_path):
    made = logger(tmp_path)
    made.log_metrics({"loss/all": {"train": 1, "val": torch.tensor(2)}}, 3)
    made.finalize("success")
    assert sorted(summaries(tmp_path)) == [("loss_all_train/loss/all", 3, 1.0), ("loss_all_val/loss/all", 3, 2.0)]


def test_a_prefix_stands_before_each_name(tmp_path):
    made = logger(tmp_path, prefix="run")
    made.log_metrics({"loss": 1.0, "both": {"a": 2.0}}, 0)
    made.finalize("success")
    assert sorted(summaries(tmp_path)) == [("./run-loss", 0, 1.0), ("run-both_a/run-both", 0, 2.0)]


@pytest.mark.parametrize(
    ("metrics", "message"),
    [
        ({"loss": "low"}, "The metric 'loss' is 'low'"),
        ({"loss": None}, "The metric 'loss' is None"),
        ({"loss": torch.ones(2)}, r"a tensor of shape \(2,\)"),
        ({"loss": {"a": [1]}}, r"The metric \"loss\['a'\]\" is \[1\]"),
        ({3: 1.0}, "The metric 3 has a name of type int"),
    ],
)
def test_what_is_no_number_is_refused(tmp_path, metrics, message):
    with pytest.raises(LogError, match=message):
        logger(tmp_path).log_metrics(metrics, 0)


def test_logging_goes_on_after_a_run_is_over(tmp_path):
    made = logger(tmp_path)
    made.log_metrics({"loss": 1.0}, 0)
    made.finalize("success")
    made.log_metrics({"loss": 2.0}, 1)
    made.finalize("success")
    assert sorted(scalars(tmp_path)) == [("loss", 0, 1.0), ("loss", 1, 2.0)]


def test_the_experiment_is_a_summary_writer_for_everything_else(tmp_path):
    made = logger(tmp_path, flush_secs=1, purge_step=0)
    assert isinstance(made.experiment, SummaryWriter)
    assert made.experiment is made.experiment
    made.experiment.add_text("note", "hello", 2)
    made.finalize("success")
    assert ("./note/text_summary", 2, "text") in summaries(tmp_path)


def test_copies_write_on_their_own(tmp_path):
    made = logger(tmp_path)
    made.log_metrics({"loss": 1.0}, 0)
    for other in (copy.deepcopy(made), pickle.loads(pickle.dumps(made))):
        assert other.log_dir == made.log_dir
        assert other.experiment is not made.experiment
        other.finalize("success")
    made.finalize("success")


def test_other_processes_log_nothing(tmp_path, second_process):
    made = logger(tmp_path / "logs", log_graph=True)
    made.log_metrics({"loss": 1.0}, 0)
    made.log_hyperparams({"lr": 1})
    made.log_graph(Example())
    made.save()
    made.finalize("success")
    assert isinstance(made.experiment, DummyExperiment)
    assert not (tmp_path / "logs").exists()


# Hyperparameters


def test_hyperparameters_are_shown_beside_a_placeholder(tmp_path):
    made = logger(tmp_path)
    made.log_hyperparams({"lr": 0.5, "name": "net", "deep": {"layers": [1, 2], "flags": Namespace(fast=True)}})
    made.finalize("success")
    shown = {"lr": 0.5, "name": "net", "deep/layers": "[1, 2]", "deep/flags/fast": True}
    assert hyperparameters(tmp_path) == [(0, shown, ["hp_metric"])]
    assert scalars(tmp_path) == [("hp_metric", 0, -1.0)]


def test_what_is_no_number_is_shown_as_text(tmp_path):
    made = logger(tmp_path)
    made.log_hyperparams({"none": None, "path": Path("a"), "many": torch.ones(2), "one": torch.tensor(2.0)})
    made.experiment.flush()
    shown = {"none": "None", "path": "a", "many": "tensor([1., 1.])", "one": 2.0}
    assert hyperparameters(tmp_path) == [(0, shown, ["hp_metric"])]
    made.experiment.close()


@pytest.mark.parametrize(("metrics", "names"), [({"acc": 0.5}, ["acc"]), (0.5, ["hp_metric"])])
def test_hyperparameters_may_come_with_metrics(tmp_path, metrics, names):
    made = logger(tmp_path)
    made.log_hyperparams(Namespace(lr=1), metrics, step=4)
    made.finalize("success")
    assert hyperparameters(tmp_path) == [(4, {"lr": 1.0}, names)]
    assert scalars(tmp_path) == [(names[0], 4, 0.5)]


def test_without_any_metric_nothing_is_shown(tmp_path):
    for arguments, metrics in (({"default_hp_metric": False}, None), ({}, {})):
        made = logger(tmp_path, **arguments)
        made.log_hyperparams({"lr": 1}, metrics)
        made.finalize("success")
    assert summaries(tmp_path) == []
    assert (tmp_path / "hparams.yaml").read_text() == "lr: 1\n"


def test_the_placeholder_does_not_hide_a_metric_when_the_same_is_logged_again(tmp_path):
    made = logger(tmp_path)
    for accuracy in (0.5, 0.75):
        made.log_hyperparams({"lr": 1})
        made.log_metrics({"hp_metric": accuracy}, 1)
    made.log_hyperparams({"lr": 2})
    made.finalize("success")
    assert [value for _, _, value in scalars(tmp_path)] == [-1.0, 0.5, 0.75, -1.0]


def test_hyperparameters_are_kept_in_a_file(tmp_path):
    made = logger(tmp_path, default_hp_metric=False)
    made.log_hyperparams({"lr": 1, "layers": [2, 3]})
    made.save()
    made.log_hyperparams({"lr": 5})
    made.finalize("success")
    assert made.hparams == {"lr": 5, "layers": [2, 3]}
    assert (tmp_path / "hparams.yaml").read_text() == "lr: 5\nlayers:\n- 2\n- 3\n"


def test_the_file_is_there_without_hyperparameters_too(tmp_path):
    logger(tmp_path).save()
    assert (tmp_path / "hparams.yaml").read_text() == "{}\n"


def test_the_file_of_an_earlier_run_is_kept_if_it_differs(tmp_path):
    for lr in (1, 1, 2):
        made = logger(tmp_path, default_hp_metric=False)
        made.log_hyperparams({"lr": lr})
        made.save()
    assert {path.name: path.read_text() for path in tmp_path.glob("*.yaml")} == {
        "hparams.yaml": "lr: 2\n",
        "hparams.1.yaml": "lr: 1\n",
    }


# The graph


def test_the_graph_is_logged_if_asked_for(tmp_path):
    made, module = logger(tmp_path, log_graph=True), Example()
    made.log_graph(module)
    made.finalize("success")
    assert ("./graph", 0, None) in summaries(tmp_path)
    assert module.training


def test_the_graph_of_a_run_is_logged_at_its_start(tmp_path):
    class Trained(Scripted):
        example_input_array = torch.ones(1, 2)

        def forward(self, x):
            return self.layer(x)

    made = logger(tmp_path, log_graph=True)
    trainer = L.Trainer(
        accelerator="cpu",
        max_steps=1,
        logger=made,
        enable_progress_bar=False,
        enable_checkpointing=False,
        enable_model_summary=False,
    )
    trainer.fit(Trained(), batches(1), batches(1))
    assert ("./graph", 0, None) in summaries(tmp_path)


def test_an_example_may_be_given(tmp_path):
    made = logger(tmp_path, log_graph=True)
    made.log_graph(torch.nn.Linear(3, 1), torch.ones(1, 3))
    made.finalize("success")
    assert ("./graph", 0, None) in summaries(tmp_path)


def test_without_an_example_there_is_no_graph(tmp_path):
    with pytest.warns(LeydenWarning, match=r"Scripted has no example_input_array"):
        logger(tmp_path, log_graph=True).log_graph(Scripted())
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("example", [{"x": torch.ones(1, 3)}, "text", 3])
def test_what_tensorboard_cannot_trace_is_no_example(tmp_path, example):
    module = Example()
    module.example_input_array = example
    with pytest.warns(LeydenWarning, match="which TensorBoard cannot trace, so no graph is logged"):
        logger(tmp_path, log_graph=True).log_graph(module)
    assert not any(tmp_path.rglob("*tfevents*"))


def test_the_graph_is_left_out_unless_asked_for(tmp_path):
    logger(tmp_path).log_graph(Example())
    assert list(tmp_path.iterdir()) == []


# A run


def test_rows_of_a_run_are_written(tmp_path):
    class Logging(Scripted):
        def __init__(self, rate: float = 0.5) -> None:
            super().__init__(val=[2.0])
            self.save_hyperparameters()

    trainer = L.Trainer(
        accelerator="cpu",
        max_epochs=1,
        log_every_n_steps=2,
        num_sanity_val_steps=0,
        logger=logger(tmp_path),
        enable_progress_bar=False,
        enable_checkpointing=False,
        enable_model_summary=False,
    )
    trainer.fit(Logging(), batches(2), batches(1))
    trainer.validate(Logging(), batches(1), verbose=False)
    rows = [("hp_metric", 0, -1.0), ("seen", 1, 1.0), ("epoch", 1, 0.0), ("val", 1, 2.0), ("epoch", 1, 0.0)]
    assert scalars(tmp_path) == [*rows, ("val", 2, 2.0), ("epoch", 2, 1.0)]
    assert hyperparameters(tmp_path) == [(0, {"rate": 0.5}, ["hp_metric"])]
    assert (tmp_path / "hparams.yaml").read_text() == "rate: 0.5\n"


def test_it_is_the_default_where_tensorboard_is_installed(tmp_path, monkeypatch):
    def default() -> L.Trainer:
        return L.Trainer(accelerator="cpu", default_root_dir=tmp_path, enable_progress_bar=False)

    assert isinstance(default().logger, TensorBoardLogger)
    assert default().log_dir == str(tmp_path / "lightning_logs/version_0")
    monkeypatch.setattr(packages, "find_spec", lambda name: None)
    assert type(default().logger).__name__ == "CSVLogger"


# Mistakes


def test_what_is_missing_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr(packages, "find_spec", lambda name: None)
    with pytest.raises(
        PackageError, match=r"TensorBoardLogger needs tensorboard.* pip install 'leyden\[tensorboard\]'"
    ):
        TensorBoardLogger(tmp_path)


def test_tensorboardx_is_enough(tmp_path, monkeypatch):
    monkeypatch.setattr(packages, "find_spec", lambda name: name if name == "tensorboardX" else None)
    assert TensorBoardLogger(tmp_path).root_dir == str(tmp_path / "lightning_logs")


def test_remote_directories_are_refused():
    with pytest.raises(SettingsError, match=r"TensorBoardLogger\(save_dir='s3://logs'\) is a remote address"):
        TensorBoardLogger("s3://logs")


def test_unknown_arguments_are_refused(tmp_path):
    with pytest.raises(SettingsError, match=r"TensorBoardLogger\(flush_seconds=...\): there is no such argument"):
        TensorBoardLogger(tmp_path, flush_seconds=3)


def test_a_link_in_the_place_of_the_file_is_not_followed(tmp_path):
    elsewhere = tmp_path / "elsewhere.yaml"
    elsewhere.write_text("precious\n")
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs/hparams.yaml").symlink_to(elsewhere)
    made = logger(tmp_path / "logs")
    made.save()
    assert elsewhere.read_text() == "precious\n"
    assert (tmp_path / "logs/hparams.yaml").read_text() == "{}\n"
