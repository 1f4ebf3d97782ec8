"""The random generators that a module has beside the global ones, as data that a checkpoint holds."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from leyden.core.warnings import warn
from leyden.errors import FormatError


def generators_in(module: nn.Module) -> dict[str, torch.Generator]:
    """The generators that are attributes of a module and its parts, by their names in it."""
    return {
        f"{name}.{attribute}" if name else attribute: value
        for name, part in module.named_modules()
        for attribute, value in vars(part).items()
        if isinstance(value, torch.Generator)
    }


def dump_generators(module: nn.Module) -> dict[str, Tensor]:
    return {name: generator.get_state() for name, generator in generators_in(module).items()}


def check_generators(saved: object) -> None:
    """Find out whether ``load_generators`` would take this.

    Raises:
        FormatError: it is malformed.
    """
    if not isinstance(saved, Mapping):
        raise FormatError("the states of the module's own random generators are no dictionary")
    for name, state in saved.items():
        if not isinstance(state, Tensor) or state.dtype != torch.uint8 or state.dim() != 1:
            raise FormatError(f"the state of the module's random generator {name!r} is none")


def load_generators(saved: Mapping[str, Tensor], module: nn.Module) -> None:
    """Let the generators of a module go on; one that the module does not have, or on another device, is reported.

    Raises:
        FormatError: a state is none of a generator.
    """
    own = generators_in(module)
    for name, state in saved.items():
        generator = own.get(name)
        if generator is None or generator.get_state().shape != state.shape:
            warn(f"the checkpoint has the state of a random generator {name!r}, which is none of this module as it is.")
            continue
        try:
            generator.set_state(state.cpu())
        except RuntimeError:
            raise FormatError(f"the state of the module's random generator {name!r} is malformed") from None
