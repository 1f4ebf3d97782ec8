"""A secret leaves the program nowhere: one run that has it in every place, and every sink that a run has."""

from __future__ import annotations

import contextlib
import copy
import csv
import dataclasses
import io
import logging
import pickle
import traceback
import warnings
import zipfile
from argparse import Namespace
from pathlib import Path
from typing import Any

import pytest
import torch
from omegaconf import OmegaConf
from tests.callbacks.scripted import batches

import leyden as L
from leyden.api.hparams_yaml import load_hparams_yaml, save_hparams_yaml
from leyden.audit.engine import without_secrets
from leyden.audit.finding import Artifact, Finding, Place, Severity
from leyden.callbacks import ModelCheckpoint
from leyden.checkpoint.load import load
from leyden.cli.main import main
from leyden.core.warnings import LeydenWarning, warn
from leyden.errors import DetachedError, FormatError, LeydenError, PackageError, PathError, RemoteError, SettingsError
from leyden.loggers import CSVLogger, Logger, TensorBoardLogger
from leyden.runtime.rank_zero import rank_zero_info, rank_zero_warn

VALUE = "hunter2-Correct-Horse"


@pytest.fixture(autouse=True, scope="module")
def _variable():
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DB_PASSWORD", VALUE)
        yield


@dataclasses.dataclass(frozen=True)
class Settings:
    """What programs keep hyperparameters in."""

    host: str
    api_key: str


class Connection:
    def __init__(self, password: str) -> None:
        self.host, self.password = "db", password

    def __repr__(self) -> str:
        return f"Connection({self.password})"


class Recording(Logger):
    """A logger of a program's own, which writes what it is given as it is."""

    name, version = "recording", 0

    def __init__(self) -> None:
        self.told: list[Any] = []

    def log_metrics(self, metrics, step=None):
        self.told.append(dict(metrics))

    def log_hyperparams(self, params, *args, **kwargs):
        self.told.append(params)


class Leaks(L.Module):
    """Has the secret in its hyperparameters, its metrics, its state and its prints."""

    def __init__(self, **hparams: Any) -> None:
        super().__init__()
        self.save_hyperparameters()
        self.layer = torch.nn.Linear(2, 1)

    def training_step(self, batch, batch_idx):
        loss = self.layer(batch[0]).pow(2).mean()
        self.log(f"loss/{VALUE}", loss, prog_bar=True)
        self.log_dict({f"a-{VALUE}": loss, "plain": loss})
        return loss

    def validation_step(self, batch, batch_idx):
        self.log(f"val/{VALUE}", self.layer(batch[0]).mean())

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), lr=0.01)

    def on_save_checkpoint(self, checkpoint):
        checkpoint["mine"] = {"text": f"x{VALUE}", "secret": L.Secret(VALUE), "more": [Namespace(password=VALUE)]}


class Stateful(L.Callback):
    def state_dict(self):
        return {"connection": f"postgresql://me:{VALUE}@db/x", "api_key": "short", "count": 3}


HPARAMS = {
    "lr": 0.1,
    "secret": L.Secret(VALUE),
    "nested": {"a": [{"Api-Key": VALUE}, (VALUE,)]},
    "settings": Settings("db", VALUE),
    "namespace": Namespace(token=L.Secret(VALUE), password=VALUE),
    "config": OmegaConf.create({"db": {"password": VALUE, "port": 3, "missing": "???", "same": "${db.port}"}}),
    "url": f"https://me:{VALUE}@host/x",
    "bytes": VALUE.encode(),
    "text": f"use {VALUE} for it",
    "connection": Connection(VALUE),
    "made": [Connection(VALUE)],
}


def bytes_beneath(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A run with everything that a run writes; what it wrote, what it printed, and what its own logger was told."""
    folder, shown, recording = tmp_path_factory.mktemp("run"), io.StringIO(), Recording()
    handler = logging.StreamHandler(shown)
    logging.getLogger("leyden").addHandler(handler)
    with (
        contextlib.redirect_stdout(shown),
        contextlib.redirect_stderr(shown),
        warnings.catch_warnings(record=True) as warned,
    ):
        warnings.simplefilter("always")
        trainer = L.Trainer(
            default_root_dir=folder,
            max_epochs=1,
            logger=[CSVLogger(folder / "csv"), TensorBoardLogger(folder / "board"), recording],
            log_every_n_steps=1,
            callbacks=[ModelCheckpoint(dirpath=folder / "ckpts", save_last=True, monitor="plain"), Stateful()],
        )
        trainer.fit(Leaks(**HPARAMS), batches(3), batches(1))
        trainer.validate(Leaks(**HPARAMS), batches(1))
    logging.getLogger("leyden").removeHandler(handler)
    return folder, [shown.getvalue(), *(str(one.message) for one in warned), repr(trainer)], recording.told, trainer


def test_no_file_of_a_run_holds_it(run):
    written = bytes_beneath(run[0])
    assert {Path(name).suffix for name in written} >= {".csv", ".yaml", ".ckpt"}
    assert any("tfevents" in name for name in written)
    assert {name for name, content in written.items() if VALUE.encode() in content} == set()


def test_nothing_that_is_shown_or_told_to_a_logger_holds_it(run):
    _, shown, told, _ = run
    assert [text for text in shown if VALUE in text] == []
    assert VALUE not in repr(told)
    assert any("plain" in metrics for metrics in told)


def test_what_is_no_secret_is_all_there(run):
    folder, _, told, trainer = run
    hparams = next(one for one in told if "lr" in one)
    assert hparams["lr"] == 0.1
    assert hparams["config"] == {"db": {"password": "[secret]", "port": 3, "missing": "???", "same": "${db.port}"}}
    assert hparams["settings"] == Settings("db", "[secret]")
    assert hparams["text"] == "use [secret] for it"
    assert hparams["url"] == "https://host/x"
    with next((folder / "csv").rglob("metrics.csv")).open(newline="") as file:
        rows = [*csv.DictReader(file)]
    assert {"loss/[secret]", "a-[secret]", "plain", "val/[secret]"} <= rows[0].keys()
    tree = load(trainer.checkpoint_callback.last_model_path)
    assert tree["mine"] == {"text": "x[secret]", "secret": "[secret]", "more": [Namespace(password="[secret]")]}
    assert tree["callbacks"]["Stateful"] == {"connection": "postgresql://db/x", "api_key": "[secret]", "count": 3}
    assert tree["hyper_parameters"] == {"lr": 0.1}
    assert f"val/{VALUE}" in trainer.callback_metrics  # the program itself finds its metrics


def test_the_program_keeps_what_it_has():
    module = Leaks(**HPARAMS)
    before = copy.copy(module.hparams)
    logged = Recording()
    L.Trainer(logger=logged, max_epochs=1, enable_checkpointing=False, enable_progress_bar=False).fit(
        module, batches(1), batches(1)
    )
    assert dict(module.hparams) == dict(before)
    assert module.hparams["settings"].api_key == module.hparams["connection"].password == VALUE


@pytest.mark.parametrize("kind", [LeydenError, SettingsError, PathError, RemoteError, FormatError, DetachedError])
def test_an_error_of_leyden_does_not_quote_it(kind):
    for text in (f"x {VALUE} y", f"token={VALUE!r}", f"s3://bucket/{VALUE}", f"https://me:pw@host/x?signature={VALUE}"):
        error = kind(text)
        assert not any(secret in str(error) + repr(error) + repr(error.args) for secret in (VALUE, "pw", "signature"))
        again = pickle.loads(pickle.dumps(error))
        assert (type(again), str(again)) == (kind, str(error))
    assert PackageError(f"no {VALUE}", name="x").name == "x"


def test_an_error_that_follows_another_one_of_leyden_does_not_quote_it():
    try:
        try:
            raise FormatError(f"first {VALUE}")
        except FormatError as first:
            raise SettingsError(f"second {VALUE}") from first
    except SettingsError as error:
        text = "".join(traceback.format_exception(error))
    assert "first [secret]" in text
    assert "second [secret]" in text
    assert VALUE not in text


def test_a_missing_file_of_such_a_name_is_not_quoted_by_a_command(capsys, tmp_path):
    assert main(["verify", str(tmp_path / VALUE)]) != 0
    assert main(["inspect", str(tmp_path / VALUE)]) == 2
    out, err = capsys.readouterr()
    assert VALUE not in out + err


def test_warnings_and_logs_do_not_quote_it(caplog):
    with pytest.warns(LeydenWarning, match=r"x \[secret\] y"):
        warn(f"x {VALUE} y")
    with pytest.warns(UserWarning, match=r"x \[secret\] y"):
        rank_zero_warn(f"x {VALUE} y")
    with caplog.at_level(logging.INFO, "leyden"):
        rank_zero_info("x %s y", VALUE)
        rank_zero_info("%(a)s", {"a": VALUE})
        rank_zero_info(f"100% {VALUE}")
        rank_zero_info(VALUE)
    assert caplog.messages == ["x [secret] y", "[secret]", "100% [secret]", "[secret]"]


def test_inspect_does_not_show_it(tmp_path, capsys, monkeypatch):
    from leyden.checkpoint.save import save

    tree = {
        "hyper_parameters": {"text": VALUE, "api_key": "sesame", "pair": (VALUE, 1)},
        VALUE: 1,
        "state_dict": {VALUE: torch.ones(1)},
    }
    save(tree, tmp_path / "a.ckpt")
    for options in ([], ["--json"]):
        assert main(["inspect", str(tmp_path / "a.ckpt"), *options]) == 0
        out = capsys.readouterr().out
        assert VALUE not in out
        assert "sesame" not in out
        assert "api_key" in out


@pytest.mark.parametrize("form", ["text", "json", "sarif", "html", "cyclonedx", "guide"])
def test_no_report_of_an_audit_shows_it(tmp_path, capsys, form):
    class Runs:
        def __reduce__(self):
            return (print, (VALUE, "hf_" + "a1B2" * 9))

    (tmp_path / "model.pkl").write_bytes(pickle.dumps(Runs()))
    assert main(["audit", str(tmp_path), "--format", form]) == 1
    out, err = capsys.readouterr()
    assert "model.pkl" in out
    assert VALUE not in out + err
    assert "hf_a1B2" not in out + err


@pytest.mark.parametrize("options", [["--fix"], ["--format", "guide"]])
def test_no_change_of_a_program_that_is_offered_shows_it(tmp_path, capsys, options):
    token = "hf_" + "a1B2" * 9
    lines = ("import requests", f"a = '{VALUE}'", f"requests.get('http://huggingface.co/a?token={VALUE}')  # {token}")
    more = f"requests.get('http://a.org/{token}', verify=False, headers={{'Authorization': '{VALUE}'}})"
    (tmp_path / "fetch.py").write_text("\n".join((*lines, more)))
    assert main(["audit", str(tmp_path), *options]) == 1
    out, err = capsys.readouterr()
    assert "+requests.get('https://huggingface.co/a" in out + err
    assert VALUE not in out + err
    assert token not in out + err


def test_a_finding_of_an_audit_is_shown_without_it_and_keeps_its_fingerprint():
    place = Place("a.py")
    snippet = f"connect('{VALUE}', password='sesame')"
    record = Finding("x", Severity.HIGH, place, f"It holds {VALUE}.", snippet=snippet, key=snippet, fingerprint="f")
    shown = without_secrets(record)
    assert isinstance(shown, Finding)
    assert shown.message == "It holds [secret]."
    assert shown.snippet == shown.key == "connect('[secret]', password='[secret]')"
    assert (shown.fingerprint, shown.place) == ("f", place)
    artifact = without_secrets(Artifact(place, "onnx", 1, properties={"producer": f"by {VALUE}"}))
    assert isinstance(artifact, Artifact)
    assert artifact.properties == {"producer": "by [secret]"}


def test_an_audit_shows_lines_of_a_model_without_it(tmp_path, capsys):
    with zipfile.ZipFile(tmp_path / "model.pt", "w") as archive:
        archive.writestr("model/data.pkl", b"\x80\x02}.")
        archive.writestr("model/constants.pkl", b"\x80\x02).")
        archive.writestr("model/version", "3")
        archive.writestr("model/code/x.py", f"torch.save(x, '{VALUE}')\n")
    assert main(["audit", str(tmp_path), "--format", "json"]) == 1
    out = capsys.readouterr().out
    assert "[secret]" in out
    assert VALUE not in out


@pytest.mark.filterwarnings("ignore:These hyperparameters are not plain data")
@pytest.mark.parametrize("kind", [CSVLogger, TensorBoardLogger])
def test_a_logger_that_a_program_calls_itself_does_not_write_it(tmp_path, kind):
    logger = kind(tmp_path)
    logger.log_metrics({f"loss/{VALUE}": 1.0}, 0)
    if kind is TensorBoardLogger:
        logger.log_metrics({f"all/{VALUE}": {VALUE: 1.0}}, 0)
        logger.log_hyperparams({"lr": 0.2}, {f"best/{VALUE}": 1.0})
    logger.log_hyperparams({"lr": 0.1, "a": f"x{VALUE}", "b": [Connection(VALUE)], "c": Shows(VALUE)})
    logger.save()
    logger.finalize("success")
    written = bytes_beneath(tmp_path)
    assert written
    assert {name for name, content in written.items() if VALUE in name or VALUE.encode() in content} == set()


class Shows:
    """Has the secret in its repr alone, where nobody can see it before it is text."""

    __slots__ = ("_hidden",)

    def __init__(self, value: str) -> None:
        self._hidden = value

    def __repr__(self) -> str:
        return f"Shows({self._hidden})"


def test_yaml_that_a_program_writes_itself_does_not_hold_it(tmp_path):
    save_hparams_yaml(tmp_path / "a.yaml", {"a": {"text": VALUE, "api_key": "sesame", "lr": 0.1}})
    assert load_hparams_yaml(tmp_path / "a.yaml") == {"a": {"text": "[secret]", "api_key": "[secret]", "lr": 0.1}}
