"""RichProgressBar and RichModelSummary as programs subclass them: columns, metrics, totals, the table's content."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

from tests.parity import toolkit as kit

TOTALS = ("total_train_batches", "total_val_batches", "sanity_check_description", "train_description")
TOTALS += ("validation_description", "test_description", "predict_description", "is_enabled", "is_disabled")


def program(L: Any, out: Path) -> dict[str, Any]:
    result: dict[str, Any] = {}
    shown: list[Any] = []
    tables: list[Any] = []

    class Bar(L.callbacks.RichProgressBar):
        def configure_columns(self, trainer: Any) -> Any:
            columns = super().configure_columns(trainer)
            shown.append(["columns", isinstance(columns, list), len(columns)])
            return columns[:2]

        def on_train_epoch_end(self, trainer: Any, pl_module: Any) -> None:
            super().on_train_epoch_end(trainer, pl_module)
            shown.append(sorted(self.get_metrics(trainer, pl_module)))
            shown.append([getattr(self, name) for name in TOTALS])

        def on_validation_batch_end(self, trainer: Any, *args: Any, **kwargs: Any) -> None:
            super().on_validation_batch_end(trainer, *args, **kwargs)
            shown.append([trainer.sanity_checking, self.total_val_batches_current_dataloader])

    class Summary(L.callbacks.RichModelSummary):
        @staticmethod
        def summarize(
            summary_data: Any,
            total_parameters: int,
            trainable_parameters: int,
            model_size: float,
            total_training_modes: Any,
            total_flops: int,
            **more: Any,
        ) -> None:
            columns = {name: cells for name, cells in summary_data if name.strip() in ("", "Name", "Type", "Mode")}
            numbers = [total_parameters, trainable_parameters, model_size, total_training_modes, total_flops]
            tables.append([columns, *numbers, more])

    for name, arguments in (("plain", {}), ("left", {"leave": True})):
        quiet = {"file": io.StringIO(), "force_terminal": True}
        bar = Bar(console_kwargs=quiet, refresh_rate=5, **arguments)
        settings = {"callbacks": [bar, Summary(max_depth=-1, mark="x")], "enable_progress_bar": True}
        settings |= {"enable_model_summary": True, "max_epochs": 2}
        module = kit.module_class(L)()
        trainer = kit.trainer(L, out, **settings)
        trainer.fit(module, kit.loader(), kit.val_loader())
        done = bar.train_progress_bar
        after = [done.completed, done.total, bar.progress is not None, trainer.progress_bar_callback is bar]
        trainer.test(module, kit.val_loader(), verbose=False)
        trainer.predict(module, kit.val_loader())
        trainer.validate(module, kit.val_loader(), verbose=False)
        result[name] = kit.summary(trainer, module, shown=list(shown), tables=list(tables), after=after)
        shown.clear()
        tables.clear()

    class Counted(L.callbacks.RichProgressBar):
        pass

    off = Counted(refresh_rate=0)
    trainer = kit.trainer(L, out, callbacks=[off], enable_progress_bar=True, max_epochs=1)
    trainer.fit(kit.module_class(L)(), kit.loader(), kit.val_loader())
    result["off"] = [off.is_enabled, off.is_disabled, off.progress]
    both = [L.callbacks.RichProgressBar(), L.callbacks.TQDMProgressBar()]
    result["two bars"] = kit.attempt(lambda: kit.trainer(L, out, callbacks=both, enable_progress_bar=True))
    summaries = kit.trainer(L, out, callbacks=both[:1], enable_progress_bar=True, enable_model_summary=True)
    result["summary beside it"] = [type(callback).__name__ for callback in summaries.callbacks]
    return result
