from __future__ import annotations

import copy
import pickle
from argparse import Namespace
from pathlib import Path

import pytest
import torch
import yaml
from tests.callbacks.scripted import Scripted, batches

import leyden as L
from leyden.loggers.logger import DummyExperiment, DummyLogger, Logger, outgoing, rank_zero_experiment


class Memory(Logger):
    """As small as a logger of a program's own can be."""

    name = "memory"
    version = 3

    def __init__(self) -> None:
        self.rows: list[tuple[dict[str, float], int | None]] = []
        self.saves = 0

    @property
    @rank_zero_experiment
    def experiment(self):
        """What is kept."""
        return self.rows

    def log_metrics(self, metrics, step=None):
        self.experiment.append((metrics, step))

    def log_hyperparams(self, params, *args, **kwargs):
        pass

    def save(self):
        self.saves += 1


@pytest.mark.parametrize("missing", ["name", "version", "log_metrics", "log_hyperparams"])
def test_four_members_must_be_answered(missing):
    body = {
        name: value for name, value in vars(Memory).items() if name in Logger.__abstractmethods__ and name != missing
    }
    with pytest.raises(TypeError, match=missing):
        type("Partial", (Logger,), body)()


def test_everything_else_has_a_harmless_answer():
    logger = Memory()
    assert (logger.save_dir, logger.root_dir, logger.log_dir) == (None, None, None)
    assert logger.group_separator == "/"
    assert logger.log_graph(torch.nn.Linear(1, 1)) is None
    assert logger.after_save_checkpoint(None) is None


def test_finalize_saves():
    logger = Memory()
    logger.finalize("success")
    assert logger.saves == 1


def test_the_first_process_sees_the_experiment_and_the_others_a_dummy(monkeypatch):
    logger = Memory()
    assert logger.experiment is logger.rows
    monkeypatch.setenv("RANK", "1")
    logger.log_metrics({"a": 1.0}, 0)
    assert isinstance(logger.experiment, DummyExperiment)
    assert logger.rows == []


def test_an_experiment_keeps_its_documentation():
    assert Memory.experiment.__doc__ == "What is kept."


def test_a_dummy_experiment_takes_whatever_is_done_to_it():
    experiment = DummyExperiment()
    experiment["key"] = 1
    assert experiment.add_image("name", [1], step=2) is None
    assert experiment["run"]["sub"].log(1) is None


def test_a_dummy_logger_takes_every_call():
    logger = DummyLogger()
    logger.log_metrics({"a": 1}, 0)
    logger.log_hyperparams({"a": 1})
    logger.log_image(key="samples", images=[])
    assert (logger.name, logger.version, logger.log_dir) == ("", "", None)
    assert logger.experiment.add_scalar("a", 1) is None
    assert logger[0] is logger
    assert list(logger) == [logger]


def test_a_dummy_logger_can_be_copied_and_sent():
    assert isinstance(copy.deepcopy(DummyLogger()), DummyLogger)
    assert isinstance(pickle.loads(pickle.dumps(DummyLogger())), DummyLogger)


def test_hyperparameters_leave_as_a_dictionary_of_their_own():
    params = {"a": 1}
    assert outgoing(params) == params
    assert outgoing(params) is not params
    assert outgoing(Namespace(a=1)) == params
    assert outgoing(None) == {}


def test_loggers_may_be_changed_in_a_run():
    class Change(L.Callback):
        def on_train_epoch_start(self, trainer, pl_module):
            trainer.loggers = [second] if trainer.current_epoch else None

    first, second = Memory(), Memory()
    trainer = L.Trainer(
        accelerator="cpu",
        logger=first,
        callbacks=[Change()],
        max_epochs=2,
        log_every_n_steps=1,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        num_sanity_val_steps=0,
    )
    trainer.fit(Scripted(), batches(1), batches(1))
    assert first.rows == []
    assert [step for _, step in second.rows] == [1]
    assert trainer.loggers == [second]
    trainer.logger = None
    assert trainer.loggers == []


def test_secrets_do_not_leave_with_the_hyperparameters(tmp_path):
    logger = L.loggers.CSVLogger(tmp_path)
    logger.log_hyperparams({"lr": 0.1, "api_key": "abc", "data": "s3://me:pw@bucket/x", "token": L.Secret("xyz")})
    text = (Path(logger.log_dir) / "hparams.yaml").read_text()
    assert yaml.safe_load(text) == {"lr": 0.1, "api_key": "[secret]", "data": "s3://bucket/x", "token": "[secret]"}
