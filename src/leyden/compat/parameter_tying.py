"""Parameters that several parts of a module share."""

from __future__ import annotations

from torch import nn


def find_shared_parameters(module: nn.Module) -> list[list[str]]:
    """The names of parameters that are one object under several names, one list for each."""
    names: dict[nn.Parameter, list[str]] = {}
    for prefix, part in module.named_modules(remove_duplicate=False):
        for name, parameter in part._parameters.items():
            if parameter is not None:
                names.setdefault(parameter, []).append(f"{prefix}.{name}" if prefix else name)
    return [shared for shared in names.values() if len(shared) > 1]


def set_shared_parameters(module: nn.Module, shared_params: list[list[str]]) -> nn.Module:
    """Make the parameters of each list one object again: the one that the first name has."""
    for first, *others in shared_params:
        parameter = module.get_parameter(first)
        for other in others:
            prefix, _, name = other.rpartition(".")
            setattr(module.get_submodule(prefix), name, parameter)
    return module
