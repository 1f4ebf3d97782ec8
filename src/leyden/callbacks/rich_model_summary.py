"""RichModelSummary: the table of layers at the start of training, drawn by rich."""

from __future__ import annotations

from typing import Any

from leyden.callbacks.model_summary import ModelSummary
from leyden.callbacks.summarize import LEFT_ALIGNED, totals_of
from leyden.core.packages import require


class RichModelSummary(ModelSummary):
    """Show a table of the model's layers when ``fit`` starts, as plain text where there is no terminal or notebook.

    It needs the package ``rich``.

    Args:
        max_depth: 1 shows the model's own children, more what is below them, -1 everything, 0 nothing.
        **summarize_kwargs: ``header_style`` is the style of the header, as rich names it: "bold magenta".
    """

    def __init__(self, max_depth: int = 1, **summarize_kwargs: Any) -> None:
        require("rich", "RichModelSummary")
        super().__init__(max_depth, **summarize_kwargs)

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
        from rich.console import Console
        from rich.table import Table

        console = Console()
        if not (console.is_terminal or console.is_jupyter):
            ModelSummary.summarize(
                summary_data, total_parameters, trainable_parameters, model_size, total_training_modes, total_flops
            )
            return
        table = Table(header_style=summarize_kwargs.get("header_style", "bold"))
        for name, _ in summary_data:
            table.add_column(name, justify="left" if name in LEFT_ALIGNED else "right", overflow="fold")
        for row in zip(*(cells for _, cells in summary_data), strict=True):
            table.add_row(*row)
        flops = total_flops if any(name == "FLOPs" for name, _ in summary_data) else None
        totals = Table.grid(padding=(0, 1))
        totals.add_column(justify="right")
        totals.add_column()
        for total in totals_of(total_parameters, trainable_parameters, model_size, total_training_modes, flops):
            totals.add_row(*total)
        console.print(table)
        console.print(totals)
