"""Steps under torch.compile."""

from __future__ import annotations

import pytest
import torch
from tests.tiny import Tiny, batches, trainer


class Logging(Tiny):
    def training_step(self, batch, batch_idx):
        loss = self(batch).pow(2).mean()
        self.log("loss", loss, on_epoch=True, prog_bar=True)
        self.log_dict({"twice": 2 * loss, "one": 1.0}, on_step=False, on_epoch=True)
        return loss


# What torch itself warns of while it looks at code.
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning", "ignore::UserWarning:torch")
def test_a_compiled_step_that_logs_is_compiled_once_and_logs_the_same(tmp_path):
    from torch._dynamo.utils import counters

    plain, compiled = Logging(), Logging()
    compiled.load_state_dict(plain.state_dict())
    compiled.training_step = torch.compile(compiled.training_step, backend="eager")
    counters.clear()
    runs = []
    for module in (plain, compiled):
        runs.append(trainer(tmp_path))
        runs[-1].fit(module, batches(12), batches(1))
    assert counters["stats"]["unique_graphs"] == 2  # before the first line that logs, and after it
    assert counters["frames"]["total"] < 8
    assert runs[0].callback_metrics == runs[1].callback_metrics
    assert torch.equal(plain.layer.weight, compiled.layer.weight)
