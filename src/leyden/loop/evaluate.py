"""Evaluation: validation and testing on their own, and the validation inside training."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from torch import nn

from leyden.core.metrics import floats
from leyden.core.turns import Hook
from leyden.data.pulled import NoBatchError
from leyden.loop.run import Evaluation


def evaluate(ev: Evaluation, most: float | None = None) -> list[dict[str, float]]:
    """Run the batches of all loaders once.

    Args:
        ev: what to run.
        most: the largest number of batches of each loader, for a sanity check: it writes no rows to the loggers.

    Returns:
        The metrics of the epoch, a dict for each loader; empty if there is no batch to run.
    """
    hooks, log, state = ev.hooks, ev.log, ev.state
    ev.status.stage = ev.stage
    with ev.no_grad():
        data = ev.data() if most is None else ev.data(renew=False).limited(most)
        if not any(data.sizes):
            return []
        several = data.streams > 1
        ev.rows.extend([0] * (data.streams - len(ev.rows)))
        batches = data.batches(state.epoch)  # random numbers may be drawn here, before the first hook
        with evaluation_mode(ev.module, hooks.model_eval, hooks.model_train):
            log.open(ev.stage, data.streams)
            hooks.start()
            hooks.epoch_start()
            for batch, index, loader in batches:
                batch = ev.to_device(batch, loader)
                place = (batch, index, loader) if several else (batch, index)
                log.begin_batch(batch, loader)
                hooks.batch_start(*place)
                log.hook = ev.step_name
                try:
                    output = ev.step(*place)
                except NoBatchError:
                    log.hook = None
                    break
                log.hook = None
                hooks.batch_end(output, *place)
                if most is None and (metrics := log.step_metrics()):
                    ev.write(metrics, ev.rows[loader], None)
                    ev.rows[loader] += 1
            log.end_batches()
            hooks.epoch_end()
            if most is None:
                ev.write(log.epoch_metrics(), state.log_step, state.epoch)
            if state.at == "validate":
                state.at = "validated"  # a run resumed from a save in the hooks below does not validate again
            hooks.end()
            log.close()  # only now: metric objects are reset, and those hooks may still read them
    return [floats(metrics) for metrics in log.results()]


@contextmanager
def evaluation_mode(module: nn.Module, model_eval: Hook | None, model_train: Hook | None) -> Iterator[None]:
    """Evaluation mode inside; afterwards each submodule has its mode back. The module's own hooks go before."""
    modes = [(part, part.training) for part in module.modules()]
    if model_eval is None:
        module.eval()
    else:
        model_eval()
    yield
    if model_train is None:
        for part, training in modes:
            part.training = training
    else:
        model_train()
