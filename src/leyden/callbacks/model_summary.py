"""ModelSummary: the table of layers at the start of training."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from leyden.api.callback import Callback
from leyden.callbacks.progress_bar import print_plainly
from leyden.callbacks.summarize import Summary, summarize, summary_text

if TYPE_CHECKING:
    from leyden.api.module import Module
    from leyden.trainer import Trainer

_log = logging.getLogger("leyden")


class ModelSummary(Callback):
    """Show a table of the model's layers when ``fit`` starts.

    Args:
        max_depth: 1 shows the model's own children, more what is below them, -1 everything, 0 nothing.
        **summarize_kwargs: handed to ``summarize``, for subclasses that present the table in another way.
    """

    def __init__(self, max_depth: int = 1, **summarize_kwargs: Any) -> None:
        self._max_depth = max_depth
        self._summarize_kwargs = summarize_kwargs

    def on_fit_start(self, trainer: Trainer, pl_module: Module) -> None:
        if not self._max_depth:
            return
        summary = self._summary(trainer, pl_module)
        if trainer.is_global_zero:
            self.summarize(
                summary.columns(),
                summary.total_parameters,
                summary.trainable_parameters,
                summary.model_size,
                summary.total_training_modes,
                total_flops=summary.total_flops,
                **self._summarize_kwargs,
            )

    def _summary(self, trainer: Trainer, pl_module: Module) -> Summary:
        return summarize(pl_module, max_depth=self._max_depth)

    @staticmethod
    def summarize(
        summary_data: list[tuple[str, list[str]]],
        total_parameters: int,
        trainable_parameters: int,
        model_size: float,
        total_training_modes: dict[str, int],
        total_flops: int,
        **summarize_kwargs: Any,
    ) -> None:
        """Present the table; override it to do so in another way."""
        flops = total_flops if any(name == "FLOPs" for name, _ in summary_data) else None
        text = summary_text(
            summary_data, total_parameters, trainable_parameters, model_size, total_training_modes, flops
        )
        # A program that has set up logging decides where it goes; any other is shown it.
        if _log.hasHandlers():
            _log.info("\n%s", text)
        elif _log.level <= logging.INFO:
            print_plainly(text)
