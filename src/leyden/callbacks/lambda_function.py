"""LambdaCallback: hooks as functions, without a class."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from leyden.api.callback import Callback
from leyden.errors import SettingsError

Function = Callable[..., Any] | None


class LambdaCallback(Callback):
    """A callback of functions, each given under the name of its hook and called with the hook's arguments.

    Example::

        LambdaCallback(on_train_epoch_end=lambda trainer, module: print(trainer.callback_metrics))
    """

    def __init__(
        self,
        setup: Function = None,
        teardown: Function = None,
        on_fit_start: Function = None,
        on_fit_end: Function = None,
        on_sanity_check_start: Function = None,
        on_sanity_check_end: Function = None,
        on_train_batch_start: Function = None,
        on_train_batch_end: Function = None,
        on_train_epoch_start: Function = None,
        on_train_epoch_end: Function = None,
        on_validation_epoch_start: Function = None,
        on_validation_epoch_end: Function = None,
        on_test_epoch_start: Function = None,
        on_test_epoch_end: Function = None,
        on_validation_batch_start: Function = None,
        on_validation_batch_end: Function = None,
        on_test_batch_start: Function = None,
        on_test_batch_end: Function = None,
        on_train_start: Function = None,
        on_train_end: Function = None,
        on_validation_start: Function = None,
        on_validation_end: Function = None,
        on_test_start: Function = None,
        on_test_end: Function = None,
        on_exception: Function = None,
        on_save_checkpoint: Function = None,
        on_load_checkpoint: Function = None,
        on_before_backward: Function = None,
        on_after_backward: Function = None,
        on_before_optimizer_step: Function = None,
        on_before_zero_grad: Function = None,
        on_predict_start: Function = None,
        on_predict_end: Function = None,
        on_predict_batch_start: Function = None,
        on_predict_batch_end: Function = None,
        on_predict_epoch_start: Function = None,
        on_predict_epoch_end: Function = None,
    ) -> None:
        given = {name: value for name, value in locals().items() if name != "self" and value is not None}
        for name, function in given.items():
            if not callable(function):
                raise SettingsError(
                    f"LambdaCallback({name}={function!r}) is a {type(function).__name__}, which cannot be called. "
                    "Give it a function."
                )
            setattr(self, name, function)
