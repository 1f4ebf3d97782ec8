"""``trainer.predict_loop``: what callbacks written for Lightning read of a prediction while it runs."""

from __future__ import annotations

from typing import Any, final

from leyden.loop.run import Predictions


@final
class PredictLoop:
    """A prediction, under Lightning's names."""

    def __init__(self, made: Predictions) -> None:
        self._made = made

    @property
    def predictions(self) -> list[Any]:
        """What ``predict_step`` returned for each batch; a list of these for each loader where there are several."""
        outputs = self._made.outputs
        return outputs[0] if len(outputs) == 1 else outputs

    @property
    def epoch_batch_indices(self) -> list[Any]:
        """For each loader and batch, the samples it was made of; where a callback writes predictions, else nothing."""
        return self._made.samples if self._made.notes_samples else []

    @property
    def current_batch_indices(self) -> list[Any]:
        """The samples of the current batch; where a callback writes predictions and the loader tells, else nothing."""
        return self._made.samples_of_batch
