from __future__ import annotations

import warnings

import pytest
from tests.tiny import Tiny, batches, trainer

from leyden.checks import check_epochs, check_evaluation, check_fit, warn_of_evaluation_mode
from leyden.core.stage import TrainerFn
from leyden.core.state import State
from leyden.core.warnings import LeydenWarning
from leyden.errors import DataError, ModuleError, SettingsError
from leyden.sources import Source


def source(name, given, module):
    return Source.of(name, given, None, module)


def checked(module, train, val, **arguments):
    settings = trainer(".", **arguments).settings
    check_fit(module, source("train_dataloader", train, module), source("val_dataloader", val, module), settings)


def test_a_module_with_its_loaders_can_be_fitted():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        checked(Tiny(), batches(1), batches(1))
        checked(Tiny(), batches(1), None, limit_val_batches=0)


@pytest.mark.parametrize("method", ["training_step", "configure_optimizers"])
def test_what_training_needs_is_named(method):
    module = Tiny()
    setattr(module, method, None)
    with pytest.raises(ModuleError, match=rf"no {method}\(\), which fit\(\) needs"):
        checked(module, batches(1), batches(1))


@pytest.mark.parametrize("argument", ["gradient_clip_val", "accumulate_grad_batches"])
def test_what_automatic_optimization_does_is_no_argument_of_manual_optimization(argument):
    module = Tiny()
    module.automatic_optimization = False
    with pytest.raises(SettingsError, match=f"{argument}=2"):
        checked(module, batches(1), batches(1), **{argument: 2})


def test_without_training_data_nothing_begins():
    with pytest.raises(DataError, match="no training data"):
        checked(Tiny(), None, batches(1))


def test_a_validation_that_lacks_its_other_half_is_reported():
    with pytest.warns(LeydenWarning, match="there is no val_dataloader"):
        checked(Tiny(), batches(1), None)
    module = Tiny()
    module.validation_step = None
    with pytest.warns(LeydenWarning, match=r"has no validation_step\(\)"):
        checked(module, batches(1), batches(1))


def test_what_an_evaluation_needs_is_named():
    module = Tiny()
    for fn in (TrainerFn.VALIDATING, TrainerFn.TESTING, TrainerFn.PREDICTING):
        check_evaluation(fn, module, None, batches(1))
        with pytest.raises(DataError, match=rf"{fn}\(\) has no data"):
            check_evaluation(fn, module, None, None)
    module.test_step = None
    with pytest.raises(ModuleError, match=r"no test_step\(\)"):
        check_evaluation(TrainerFn.TESTING, module, None, batches(1))
    module.forward = None
    with pytest.raises(ModuleError, match=r"neither predict_step\(\) nor forward\(\)"):
        check_evaluation(TrainerFn.PREDICTING, module, None, batches(1))
    module.predict_step = None
    with pytest.raises(ModuleError, match="predict_step of Tiny is None"):
        check_evaluation(TrainerFn.PREDICTING, module, None, batches(1))


def test_parts_in_evaluation_mode_are_reported_before_training():
    module = Tiny()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warn_of_evaluation_mode(module)
    module.layer.eval()
    with pytest.warns(LeydenWarning, match="evaluation mode: 'layer'"):
        warn_of_evaluation_mode(module)


def test_a_run_cannot_go_on_behind_its_last_epoch():
    settings = trainer(".", max_epochs=2).settings
    check_epochs(State(epoch=2), settings, "a.ckpt")
    with pytest.raises(SettingsError, match=r"a\.ckpt was made after 3 epochs.* Raise max_epochs to 4"):
        check_epochs(State(epoch=3), settings, "a.ckpt")
