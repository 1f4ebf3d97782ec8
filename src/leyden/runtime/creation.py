"""Creation: modules made on the device and in the number format of a run, so that nothing is copied there later."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from typing import Any, final

import torch
from torch.overrides import TorchFunctionMode


@contextmanager
def created_on(device: torch.device, dtype: torch.dtype, empty: bool) -> Iterator[None]:
    """Tensors made in this block are on ``device`` and, if they are not told otherwise, of type ``dtype``.

    Args:
        device: where.
        dtype: the default type, put back afterwards; float32 leaves the program's own default alone.
        empty: leave parameters as memory happens to be, for weights that are about to be loaded.
    """
    outer = torch.get_default_dtype()
    with device, Uninitialised() if empty else nullcontext():
        try:
            if dtype != torch.float32:
                torch.set_default_dtype(dtype)
            yield
        finally:
            torch.set_default_dtype(outer)


@final
class Uninitialised(TorchFunctionMode):
    """Makes the functions of ``torch.nn.init`` do nothing."""

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        named = kwargs or {}
        if getattr(func, "__module__", None) == "torch.nn.init":
            return named["tensor"] if "tensor" in named else args[0]
        return func(*args, **named)
