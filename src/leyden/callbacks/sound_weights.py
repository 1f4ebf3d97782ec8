"""Whether weights may be saved where good ones are."""

from __future__ import annotations

from torch import nn

from leyden.core.warnings import warn
from leyden.runtime.finite import weights_not_finite


def are_sound(module: nn.Module) -> bool:
    """Are the weights finite? If not, that is said, and no checkpoint takes the place of a good one."""
    names = weights_not_finite(module)
    if names:
        others = f" (and {len(names) - 1} others)" if len(names) > 1 else ""
        warn(
            f"the weight {names[0]!r}{others} is not finite, so no checkpoint is saved, and those before stay. Go on "
            "from one of them with a lower learning rate, and see Trainer(on_nonfinite=...)."
        )
    return not names
