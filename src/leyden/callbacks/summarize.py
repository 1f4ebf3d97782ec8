"""summarize: the layers of a module, what they hold and what goes through them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final, final

import torch
from torch import nn
from torch.nn.parameter import UninitializedParameter

from leyden.callbacks.text_table import Align, text_table
from leyden.errors import SettingsError
from leyden.loop.evaluate import evaluation_mode
from leyden.redaction import shown_name

if TYPE_CHECKING:
    from leyden.api.module import Module

UNKNOWN_SIZE: Final = "?"
NOT_APPLICABLE: Final = "n/a"
_UNITS: Final = (" ", "K", "M", "B", "T")
LEFT_ALIGNED: Final = frozenset(("Name", "Type", "Mode", "In sizes", "Out sizes"))


@final
class LayerSummary:
    """One layer: its type, its parameters and, where an example went through it, the sizes of what went in and out."""

    def __init__(self, module: nn.Module) -> None:
        self.module = module
        self.in_size: Any = UNKNOWN_SIZE
        self.out_size: Any = UNKNOWN_SIZE

    @property
    def layer_type(self) -> str:
        return type(self.module).__name__

    @property
    def num_parameters(self) -> int:
        return count_parameters(self.module.parameters())

    @property
    def training(self) -> bool:
        return self.module.training


@final
class Summary:
    """The layers of a module down to a depth, and totals of all of it.

    Args:
        model: the module. If it has an ``example_input_array``, that is sent through it once, in evaluation mode and
            without gradients, to learn sizes and FLOPs.
        max_depth: how deep to go: 1 shows the module's own children, 0 totals alone, -1 everything.
    """

    def __init__(self, model: Module, max_depth: int = 1) -> None:
        if max_depth < -1:
            raise SettingsError(
                f"max_depth={max_depth} is no depth. Use 1 or more, 0 for totals alone, or -1 for all layers."
            )
        self._model = model
        self._max_depth = max_depth
        self._layers = {name: LayerSummary(module) for name, module in self.named_modules}
        self.flop_counts: Mapping[str, Mapping[Any, int]] = {}
        self.has_example = model.example_input_array is not None
        if self.has_example:
            self._run_example()

    def summarize(self) -> dict[str, LayerSummary]:
        """The layers that are shown, by name."""
        deepest = math.inf if self._max_depth == -1 else self._max_depth
        return {name: layer for name, layer in self._layers.items() if name.count(".") < deepest}

    @cached_property
    def named_modules(self) -> list[tuple[str, nn.Module]]:
        """The modules below the model that are looked at."""
        if self._max_depth == 0:
            return []
        if self._max_depth == 1:
            return list(self._model.named_children())
        return list(self._model.named_modules())[1:]

    @property
    def layer_names(self) -> list[str]:
        return list(self.summarize())

    @property
    def layer_types(self) -> list[str]:
        return [layer.layer_type for layer in self.summarize().values()]

    @property
    def param_nums(self) -> list[int]:
        return [layer.num_parameters for layer in self.summarize().values()]

    @property
    def training_modes(self) -> list[bool]:
        return [layer.training for layer in self.summarize().values()]

    @property
    def in_sizes(self) -> list[Any]:
        return [layer.in_size for layer in self.summarize().values()]

    @property
    def out_sizes(self) -> list[Any]:
        return [layer.out_size for layer in self.summarize().values()]

    @property
    def total_parameters(self) -> int:
        """All parameters; those that layers share count once."""
        return count_parameters(self._model.parameters())

    @property
    def trainable_parameters(self) -> int:
        return count_parameters(p for p in self._model.parameters() if p.requires_grad)

    @property
    def total_layer_params(self) -> int:
        return sum(self.param_nums)

    @property
    def model_size(self) -> float:
        """Megabytes that the parameters take."""
        real = (p for p in self._model.parameters() if not isinstance(p, UninitializedParameter))
        return sum(p.numel() * p.element_size() for p in real) / 1e6

    @property
    def total_training_modes(self) -> dict[str, int]:
        """How many modules below the model are in each mode."""
        modes = [module.training for module in self._model.modules()][1:]
        return {"train": modes.count(True), "eval": modes.count(False)}

    @property
    def total_flops(self) -> int:
        """Floating-point operations of one forward pass of the example."""
        return sum(self.flop_counts.get("Global", {}).values())

    @property
    def other_parameters(self) -> int:
        """Parameters that belong to none of the layers shown."""
        shown = {id(p) for layer in self.summarize().values() for p in layer.module.parameters()}
        return count_parameters(p for p in self._model.parameters() if id(p) not in shown)

    @property
    def has_lazy_parameters(self) -> bool:
        return any(isinstance(p, UninitializedParameter) for p in self._model.parameters())

    def columns(self) -> list[tuple[str, list[str]]]:
        """The table, as columns with their header."""
        layers = self.summarize()
        table = {
            " ": [str(index) for index in range(len(layers))],
            "Name": [shown_name(name) for name in self.layer_names],
            "Type": self.layer_types,
            "Params": [human_readable_count(number) for number in self.param_nums],
            "Mode": ["train" if training else "eval" for training in self.training_modes],
        }
        if self.has_example:
            table["FLOPs"] = [human_readable_count(self._flops(name)) for name in layers]
            table["In sizes"] = [str(size) for size in self.in_sizes]
            table["Out sizes"] = [str(size) for size in self.out_sizes]
        if self.other_parameters:
            other = {" ": "", "Name": "other params", "Params": human_readable_count(self.other_parameters)}
            for header, column in table.items():
                column.append(other.get(header, NOT_APPLICABLE))
        return list(table.items())

    def __str__(self) -> str:
        text = summary_text(
            self.columns(),
            self.total_parameters,
            self.trainable_parameters,
            self.model_size,
            self.total_training_modes,
            self.total_flops if self.has_example else None,
        )
        return f"{text}\nLayers with lazy parameters are not counted yet." if self.has_lazy_parameters else text

    def _flops(self, name: str) -> int:
        return sum(self.flop_counts.get(f"{type(self._model).__name__}.{name}", {}).values())

    def _run_example(self) -> None:
        from torch.utils.flop_counter import FlopCounterMode  # takes time to import, and most models have no example

        model = self._model
        batch = model.on_before_batch_transfer(model.example_input_array, 0)
        batch = model.transfer_batch_to_device(batch, model.device, 0)
        batch = model.on_after_batch_transfer(batch, 0)
        handles = [
            layer.module.register_forward_hook(_note_sizes(layer))
            for layer in self._layers.values()
            if not isinstance(layer.module, torch.jit.ScriptModule)
        ]
        counter = FlopCounterMode(display=False)
        try:
            with evaluation_mode(model, None, None), torch.no_grad(), counter:
                _call(model, batch)
        finally:
            for handle in handles:
                handle.remove()
        self.flop_counts = counter.get_flop_counts()


def summarize(lightning_module: Module, max_depth: int = 1) -> Summary:
    """The layers of a module, as an object that prints as a table.

    Args:
        lightning_module: the module; an ``example_input_array`` makes sizes and FLOPs known.
        max_depth: 1 for its own children, more for what is below them, -1 for everything, 0 for totals alone.
    """
    return Summary(lightning_module, max_depth)


def summary_text(
    columns: list[tuple[str, list[str]]],
    total_parameters: int,
    trainable_parameters: int,
    model_size: float,
    total_training_modes: Mapping[str, int],
    total_flops: int | None = None,
) -> str:
    """The table with its totals below."""
    header = [name for name, _ in columns]
    align: list[Align] = ["<" if name in LEFT_ALIGNED else ">" for name in header]
    rows = list(zip(*(cells for _, cells in columns), strict=True))
    totals = totals_of(total_parameters, trainable_parameters, model_size, total_training_modes, total_flops)
    width = max(len(number) for number, _ in totals)
    table = text_table(header, rows, align)
    rule = "-" * max(map(len, table.splitlines()))
    return "\n".join([table, rule, *(f"{number:>{width}} {what}" for number, what in totals)])


def totals_of(
    total_parameters: int,
    trainable_parameters: int,
    model_size: float,
    total_training_modes: Mapping[str, int],
    total_flops: int | None = None,
) -> list[tuple[str, str]]:
    """The totals below the table: each number, and what it is the number of."""
    totals = [
        (human_readable_count(trainable_parameters), "trainable parameters"),
        (human_readable_count(total_parameters - trainable_parameters), "non-trainable parameters"),
        (human_readable_count(total_parameters), "parameters in total"),
        (f"{model_size:,.3f}  ", "MB of parameters"),
        (f"{total_training_modes['train']:,}  ", "modules in train mode"),
        (f"{total_training_modes['eval']:,}  ", "modules in eval mode"),
    ]
    if total_flops is not None:
        totals.append((human_readable_count(total_flops), "FLOPs for the example input"))
    return totals


def human_readable_count(number: int) -> str:
    """A count with a unit: ``1.2 K``, ``36.5 M``; below a thousand the unit is blank."""
    value, units = float(number), list(_UNITS)
    while value >= 1000 and len(units) > 1:
        value, units = value / 1000, units[1:]
    exact = units[0] == _UNITS[0] or value >= 100
    return f"{int(value):,} {units[0]}" if exact else f"{value:,.1f} {units[0]}"


def count_parameters(parameters: Iterable[nn.Parameter]) -> int:
    """How many numbers they hold; a lazy parameter holds none yet."""
    return sum(0 if isinstance(p, UninitializedParameter) else p.numel() for p in parameters)


def _note_sizes(layer: LayerSummary) -> Any:
    def note(_: nn.Module, inputs: tuple[Any, ...], output: Any) -> None:
        layer.in_size = _sizes(inputs[0] if len(inputs) == 1 else inputs)
        layer.out_size = _sizes(output)

    return note


def _sizes(value: Any) -> Any:
    if isinstance(value, torch.Tensor):
        return list(value.shape)
    return [_sizes(item) for item in value] if isinstance(value, (list, tuple)) else UNKNOWN_SIZE


def _call(model: nn.Module, batch: Any) -> None:
    if isinstance(batch, (list, tuple)):
        model(*batch)
    elif isinstance(batch, dict):
        model(**batch)
    else:
        model(batch)
