"""strategy="ddp" on one device: a run of one process, which trains, validates, tests and predicts as usual."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch.distributed
from tests.parity import toolkit as kit


def program(L: Any, out: Path) -> dict[str, Any]:
    result = {}
    for name, settings in {
        "plain": {},
        "accumulated": {"accumulate_grad_batches": 3},
        "found": {"strategy": "ddp_find_unused_parameters_true"},
        "seeded": {},
    }.items():
        if name == "seeded":
            L.seed_everything(7, verbose=False)
            torch.rand(1)  # taken back when the processes are set up
        recorder = kit.Recorder(L)
        module = recorder.watch(kit.module_class(L), "M", only=("training_step", "on_validation_batch_end"))()
        settings = {"strategy": "ddp", "max_epochs": 2, "use_distributed_sampler": False} | settings
        trainer = kit.trainer(L, out, **settings)
        try:
            trainer.fit(module, kit.loader(), kit.val_loader())
            more = {
                "tested": trainer.test(module, kit.val_loader(), verbose=False),
                "predicted": trainer.predict(module, kit.val_loader()),
                "processes": [trainer.world_size, trainer.is_global_zero, trainer.strategy.is_global_zero],
                "decided": trainer.strategy.reduce_boolean_decision(True),
                "reduced": trainer.strategy.reduce(torch.tensor(3.0)),
                "told": trainer.strategy.broadcast({"of": 1}),
                "waited": trainer.strategy.barrier(),
                "plain module": type(trainer.model).__mro__[1:] == type(module).__mro__[1:],
            }
        finally:
            if torch.distributed.is_initialized():
                torch.distributed.destroy_process_group()
        result[name] = kit.summary(trainer, module, recorder, **more)
    return result
