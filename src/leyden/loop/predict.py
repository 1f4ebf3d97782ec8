"""Prediction: run all batches and keep what ``predict_step`` returns."""

from __future__ import annotations

from leyden.data.pulled import NoBatchError
from leyden.loop.evaluate import evaluation_mode
from leyden.loop.run import Evaluation, Predictions


def predict(ev: Evaluation, made: Predictions) -> None:
    """Run the batches of all loaders once; what is to be kept of it is in ``made``, also while it runs."""
    hooks, log = ev.hooks, ev.log
    ev.status.stage = ev.stage
    with ev.no_grad():
        data = ev.data()
        made.begin(data.streams)
        if not any(data.sizes):
            return
        if made.notes_samples:
            data = data.noting_samples()
        several = data.streams > 1
        batches = data.batches(ev.state.epoch)  # random numbers may be drawn here, before the first hook
        with evaluation_mode(ev.module, hooks.model_eval, hooks.model_train):
            hooks.start()
            hooks.epoch_start()
            for batch, index, loader in batches:
                made.samples_of_batch = data.samples_of_batch(loader)
                batch = ev.to_device(batch, loader)
                place = (batch, index, loader) if several else (batch, index)
                hooks.batch_start(*place)
                log.hook = ev.step_name
                try:
                    output = ev.step(*place)
                except NoBatchError:
                    log.hook = None
                    break
                log.hook = None
                hooks.batch_end(output, *place)
                made.keep(loader, output)
            hooks.epoch_end()
            hooks.end()
