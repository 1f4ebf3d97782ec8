"""Two loggers side by side: what each is told, which one names the directories, and one that is changed later."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.parity import toolkit as kit


def program(L: Any, out: Path) -> dict[str, Any]:
    result: dict[str, Any] = {}

    class Logging(kit.module_class(L)):
        def __init__(self, lr: float = 0.1) -> None:
            super().__init__(lr)
            self.save_hyperparameters()

        def on_train_epoch_end(self) -> None:
            told = [type(logger).__name__ for logger in self.loggers]
            recorder.note(f"{type(self.logger).__name__} of {told}")
            self.logger.log_metrics({"first only": 1.0}, step=self.global_step)
            for logger in self.loggers:
                logger.log_metrics({"all": 2.0}, step=self.global_step)

    recorder = kit.Recorder(L)
    loggers = [recorder.logger("one"), recorder.logger("two"), L.loggers.CSVLogger(out / "csv", name="x")]
    for name, order in (("listener first", loggers), ("csv first", loggers[::-1])):
        recorder.trace.clear()
        module = Logging()
        monitor = L.callbacks.LearningRateMonitor(logging_interval="epoch")
        settings = {"max_epochs": 2, "log_every_n_steps": 3, "enable_checkpointing": True, "callbacks": [monitor]}
        trainer = kit.trainer(L, out / "root", logger=order, **settings)
        trainer.fit(module, kit.loader(), kit.val_loader())
        more = {"log_dir": trainer.log_dir, "best": trainer.checkpoint_callback.best_model_path}
        more |= {"files": kit.files(out), "same": trainer.logger is order[0], "trace": list(recorder.trace)}
        result[name] = kit.summary(trainer, module) | more
    trainer.logger = loggers[0]
    result["set"] = [len(trainer.loggers), trainer.logger is loggers[0]]
    trainer.loggers = loggers[:2]
    result["set several"] = [len(trainer.loggers), trainer.logger is loggers[0]]
    trainer.logger = None
    result["taken away"] = [len(trainer.loggers), trainer.logger is None]
    return result
