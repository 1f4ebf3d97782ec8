from __future__ import annotations

import re
from inspect import signature

import pytest
import torch
from tests.tiny import Tiny, batches, trainer

import leyden as L
from leyden.callbacks import ModelCheckpoint
from leyden.core.warnings import LeydenWarning
from leyden.errors import DetachedError, ModuleError, SettingsError, UsageError


class Data(L.DataModule):
    """Its four loaders, each of another length."""

    def train_dataloader(self):
        return batches(3)

    def val_dataloader(self):
        return batches(2)

    def test_dataloader(self):
        return batches(4)

    def predict_dataloader(self):
        return batches(1)


def test_all_arguments_are_named():
    kinds = {parameter.kind for parameter in list(signature(L.Trainer.__init__).parameters.values())[1:]}
    assert {kind.name for kind in kinds} == {"KEYWORD_ONLY"}


def test_every_argument_is_explained():
    explained = L.Trainer.__doc__.split("Args:")[1].split("Raises:")[0]
    names = re.findall(r"^ {8}(\w+):", explained, re.MULTILINE)
    assert names == list(signature(L.Trainer.__init__).parameters)[1:]


# The data


def test_a_data_module_has_the_data_of_every_call(tmp_path):
    run, module, data = trainer(tmp_path), Tiny(), Data()
    run.fit(module, datamodule=data)
    assert (run.num_training_batches, run.num_val_batches, run.datamodule) == (3, [2], data)
    run.test(module, datamodule=data, verbose=False)
    assert run.num_test_batches == [4]
    assert len(run.predict(module, datamodule=data)) == 1


def test_a_data_module_may_stand_in_the_place_of_loaders(tmp_path):
    run = trainer(tmp_path)
    run.fit(Tiny(), Data())
    assert run.global_step == 3
    assert len(run.validate(Tiny(), Data(), verbose=False)) == 1
    assert len(run.predict(Tiny(), Data())) == 1


def test_the_data_module_of_the_last_call_is_taken_where_nothing_is_given(tmp_path):
    run = trainer(tmp_path)
    run.fit(Tiny(), datamodule=Data())
    assert run.test(verbose=False)[0].keys() == {"test"}


@pytest.mark.parametrize(
    "call",
    [
        lambda run: run.fit(Tiny(), batches(1), datamodule=Data()),
        lambda run: run.fit(Tiny(), val_dataloaders=batches(1), datamodule=Data()),
        lambda run: run.fit(Tiny(), Data(), batches(1)),
        lambda run: run.validate(Tiny(), batches(1), datamodule=Data()),
        lambda run: run.test(Tiny(), batches(1), datamodule=Data()),
        lambda run: run.predict(Tiny(), batches(1), datamodule=Data()),
    ],
)
def test_loaders_and_a_data_module_at_once_are_refused(tmp_path, call):
    with pytest.raises(SettingsError, match="both loaders and a data module were given. Give one"):
        call(trainer(tmp_path))


def test_two_data_modules_are_refused(tmp_path):
    with pytest.raises(SettingsError, match="two data modules were given"):
        trainer(tmp_path).fit(Tiny(), Data(), datamodule=Data())


@pytest.mark.parametrize(("given", "said"), [(Data, "the class Data and not an object"), ([1], "a list of (int)")])
def test_what_is_no_data_module_is_refused(tmp_path, given, said):
    with pytest.raises(SettingsError) as caught:
        trainer(tmp_path).fit(Tiny(), datamodule=given)
    assert str(caught.value).startswith(said)


# The model


@pytest.mark.parametrize(
    ("model", "said"),
    [
        (None, "no model, and this trainer has run none"),
        (torch.nn.Linear(1, 1), "a Linear as model"),
        (Tiny, "the class Tiny and not an object of it as model"),
        ("model", "a str as model"),
    ],
)
@pytest.mark.parametrize("method", ["fit", "validate", "test", "predict"])
def test_what_is_no_module_is_refused(tmp_path, method, model, said):
    with pytest.raises(ModuleError) as caught:
        getattr(trainer(tmp_path), method)(model, batches(1))
    assert str(caught.value) == f"{method}() was given {said}. Pass an object of a subclass of leyden.Module."


def test_a_module_that_was_never_initialized_is_refused_with_the_call_that_is_missing(tmp_path):
    class Half(Tiny):
        def __init__(self):
            self.lr = 1

    with pytest.raises(ModuleError, match=r"Half\.__init__\(\) does not call super\(\)\.__init__\(\)"):
        trainer(tmp_path).fit(Half(), batches(1))


def test_the_model_of_the_last_fit_is_evaluated_with_its_best_weights(tmp_path):
    saver = ModelCheckpoint(dirpath=tmp_path / "saved", monitor="val", mode="max")
    run, module = trainer(tmp_path, saver, enable_checkpointing=None, max_epochs=2), Tiny()
    run.fit(module, batches(3), batches(1))
    with pytest.warns(LeydenWarning, match="best checkpoint of the last fit"):
        (metrics,) = run.validate(dataloaders=batches(1), verbose=False)
    assert metrics["val"] == pytest.approx(saver.best_model_score.item())
    assert run.ckpt_path == saver.best_model_path


def test_one_trainer_may_run_two_models(tmp_path):
    run, first, second = trainer(tmp_path), Tiny(), Tiny()
    run.fit(first, batches(1), batches(1))
    run.validate(second, batches(1), verbose=False)
    assert run.lightning_module is second
    assert first.trainer is second.trainer is run


# Results


def test_results_are_printed_as_a_table_unless_told_otherwise(tmp_path, capsys):
    run = trainer(tmp_path)
    run.test(Tiny(), batches(1))
    assert "test" in capsys.readouterr().out
    run.test(Tiny(), batches(1), verbose=False)
    assert capsys.readouterr().out == ""


def test_print_goes_through_the_bar_where_there_is_one(tmp_path, capsys):
    trainer(tmp_path).print("without", 1)
    assert capsys.readouterr().out == "without 1\n"
    trainer(tmp_path, enable_progress_bar=True).print("with", 2)
    assert "with 2" in "".join(capsys.readouterr())


# Checkpoints


def test_saving_before_anything_has_run_is_refused(tmp_path):
    with pytest.raises(DetachedError, match="this trainer has run none. Call it after fit"):
        trainer(tmp_path).save_checkpoint(tmp_path / "a.ckpt")


def test_options_of_remote_storage_are_refused(tmp_path):
    run = trainer(tmp_path)
    run.fit(Tiny(), batches(1), batches(1))
    with pytest.raises(SettingsError, match="storage_options are given once.*Leave them out"):
        run.save_checkpoint(tmp_path / "a.ckpt", storage_options={"key": 1})


def test_a_run_goes_on_from_what_was_saved_after_its_test(tmp_path):
    module, run = Tiny(), trainer(tmp_path)
    run.fit(module, batches(3), batches(1))
    run.test(module, batches(1), verbose=False)
    run.save_checkpoint(tmp_path / "a.ckpt")
    resumed = trainer(tmp_path, max_epochs=2)
    resumed.fit(Tiny(), batches(3), batches(1), ckpt_path=tmp_path / "a.ckpt")
    assert (resumed.current_epoch, resumed.global_step) == (2, 6)


def test_a_run_goes_on_from_its_own_checkpoint(tmp_path):
    run = trainer(tmp_path)
    run.fit(Tiny(), batches(3), batches(1))
    run.save_checkpoint(tmp_path / "a.ckpt")
    resumed = trainer(tmp_path, max_epochs=3)
    resumed.fit(Tiny(), batches(3), batches(1), ckpt_path=str(tmp_path / "a.ckpt"))
    assert (resumed.current_epoch, resumed.global_step) == (3, 9)


def test_a_checkpoint_of_more_epochs_than_are_allowed_is_refused_with_the_number_that_is(tmp_path):
    run = trainer(tmp_path, max_epochs=3)
    run.fit(Tiny(), batches(1), batches(1))
    run.save_checkpoint(tmp_path / "a.ckpt")
    with pytest.raises(SettingsError, match=r"after 3 epochs, but max_epochs=1\. Raise max_epochs to 4"):
        trainer(tmp_path).fit(Tiny(), batches(1), batches(1), ckpt_path=tmp_path / "a.ckpt")


def test_a_finished_run_that_is_resumed_trains_nothing(tmp_path):
    run, module = trainer(tmp_path), Tiny()
    run.fit(module, batches(1), batches(1))
    run.save_checkpoint(tmp_path / "a.ckpt")
    again = Tiny()
    resumed = trainer(tmp_path)
    resumed.fit(again, batches(1), batches(1), ckpt_path=tmp_path / "a.ckpt")
    assert resumed.global_step == 1
    assert torch.equal(again.layer.weight, module.layer.weight)


# A run inside a run


@pytest.mark.parametrize("hook", ["on_train_start", "on_train_epoch_end", "on_train_batch_end", "on_validation_end"])
def test_a_run_inside_a_run_is_refused_with_the_hook(tmp_path, hook):
    def nested(self, run, module, *given):
        run.validate(module, batches(1), verbose=False)

    callback = type("Nested", (L.Callback,), {hook: nested})()
    with pytest.raises(UsageError, match=rf"validate\(\) was called inside {hook} .* in on_fit_end, or on another"):
        trainer(tmp_path, callback).fit(Tiny(), batches(1), batches(1))


def test_a_run_may_begin_when_training_is_over(tmp_path):
    class Testing(L.Callback):
        def on_fit_end(self, trainer, pl_module):
            results.extend(trainer.test(pl_module, batches(1), verbose=False))

    results = []
    run = trainer(tmp_path, Testing())
    run.fit(Tiny(), batches(1), batches(1))
    assert (results[0].keys(), run.state.status) == ({"test"}, "finished")


def test_another_trainer_may_run_inside_a_run(tmp_path):
    class Testing(L.Callback):
        def on_train_epoch_end(self, run, pl_module):
            other = Tiny()
            results.extend(trainer(tmp_path).test(other, batches(1), verbose=False))

    results = []
    trainer(tmp_path, Testing()).fit(Tiny(), batches(1), batches(1))
    assert results[0].keys() == {"test"}


def test_no_variable_of_the_environment_sets_an_argument(monkeypatch):
    plain = L.Trainer(logger=False)
    for name in ("MAX_EPOCHS", "PRECISION", "DEFAULT_ROOT_DIR", "CALLBACKS"):  # Lightning evaluated these
        for prefix in ("PL_TRAINER_", "LEYDEN_TRAINER_", "LEYDEN_"):
            monkeypatch.setenv(f"{prefix}{name}", "__import__('os').abort()")
    made = L.Trainer(logger=False)
    assert (made.max_epochs, made.precision, made.default_root_dir) == (
        plain.max_epochs, plain.precision, plain.default_root_dir,
    )  # fmt: skip
