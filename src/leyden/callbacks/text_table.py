"""Tables as plain text, for terminals and logs alike."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from leyden.redaction import shown_name

Align = Literal["<", ">"]


def text_table(header: Sequence[str], rows: Sequence[Sequence[str]], align: Sequence[Align]) -> str:
    """Columns as wide as they need to be, under a header and a line."""
    widths = [max(map(len, column)) for column in zip(header, *rows, strict=True)]
    lines = [
        "  ".join(f"{cell:{side}{width}}" for cell, side, width in zip(row, align, widths, strict=True)).rstrip()
        for row in (header, *rows)
    ]
    rule = "  ".join("-" * width for width in widths)
    return "\n".join([lines[0].rstrip(), rule, *lines[1:]])


def results_table(results: Sequence[Mapping[str, Any]], title: str = "Metric") -> str:
    """What ``validate`` and ``test`` returned, a line for each metric and a column for each loader.

    A metric whose name ends in ``/dataloader_idx_N`` stands under its own name in the column of that loader.
    """
    columns = [
        {name.removesuffix(f"/dataloader_idx_{loader}"): value for name, value in metrics.items()}
        for loader, metrics in enumerate(results)
    ]
    names = list(dict.fromkeys(name for column in columns for name in column))
    if not names:
        return ""
    header = ["Value"] if len(columns) == 1 else [f"DataLoader {loader}" for loader in range(len(columns))]
    rows = [
        [shown_name(name), *(_number(column[name]) if name in column else "" for column in columns)] for name in names
    ]
    numbers: list[Align] = [">"] * len(columns)
    return text_table([title, *header], rows, ["<", *numbers])


def _number(value: Any) -> str:
    return f"{value:.6g}" if isinstance(value, float) else str(value)
