"""Prediction: run all batches and keep what ``predict_step`` returns."""

from __future__ import annotations

from typing import Any

from leyden.loop.evaluate import evaluation_mode
from leyden.loop.run import Evaluation


def predict(ev: Evaluation, keep: bool) -> list[list[Any]]:
    """Run the batches of all loaders once; returns a list of outputs for each loader, empty unless they are kept."""
    hooks, log = ev.hooks, ev.log
    ev.status.stage = ev.stage
    with ev.no_grad():
        data = ev.data()
        kept: list[list[Any]] = [[] for _ in data.loaders]
        if not any(data.sizes):
            return kept
        several = len(data.loaders) > 1
        batches = data.batches()  # random numbers may be drawn here, before the first hook
        with evaluation_mode(ev.module, hooks.model_eval, hooks.model_train):
            hooks.start()
            hooks.epoch_start()
            for loader, index, batch in batches:
                batch = ev.to_device(batch, loader)
                place = (batch, index, loader) if several else (batch, index)
                hooks.batch_start(*place)
                log.hook = ev.step_name
                output = ev.step(*place)
                log.hook = None
                hooks.batch_end(output, *place)
                if keep:
                    kept[loader].append(output)
            hooks.epoch_end()
            hooks.end()
    return kept
