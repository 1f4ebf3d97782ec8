"""What ``leyden doctor`` says beyond the system: torch and its devices, the policy, keys, the list of advisories."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Final

from leyden.audit.advisories.advisory import Catalogue
from leyden.audit.advisories.survey import OLD
from leyden.audit.doctor import kernel, system, variables
from leyden.audit.doctor.line import Line, Status
from leyden.audit.environment import places
from leyden.audit.environment.distributions import installed
from leyden.audit.environment.places import Environment
from leyden.audit.finding import Finding
from leyden.audit.suppress import today
from leyden.errors import LeydenError

_STACK: Final = (
    "cryptography", "lightning", "numpy", "pytorch-lightning", "pyyaml", "safetensors", "tensorboard", "torch",
    "torchmetrics", "transformers",
)  # fmt: skip
_PATIENCE: Final = 120  # seconds; importing torch from a cold network disk takes long
# In a process of its own: where torch is missing or broken, the rest is still told.
_DEVICES: Final = """
import json, torch
found = {"torch": torch.__version__, "cuda": torch.version.cuda, "devices": []}
if torch.cuda.is_available():
    found["devices"] = [torch.cuda.get_device_name(n) for n in range(torch.cuda.device_count())]
elif torch.backends.mps.is_available():
    found["devices"] = ["Apple MPS"]
print(json.dumps(found))
"""


def lines(here: Path, known: Catalogue) -> Iterator[Line]:
    """Everything, in the order in which it is shown."""
    yield from system.environment()
    yield age_of_list(known.date, known.number, today())
    yield from versions(places.running(), known)
    yield from devices()
    yield from policy(here)
    yield from keys()
    yield from system.files(here)
    yield from variables.lines(os.environ)
    yield from kernel.lines()


def devices(python: str = sys.executable) -> Iterator[Line]:
    """torch and what it computes on."""
    try:
        # Elsewhere than here, so that no torch.py of a project is taken for it.
        done = subprocess.run(  # noqa: S603
            [python, "-c", _DEVICES], capture_output=True, cwd=Path(python).parent, timeout=_PATIENCE, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        yield Line("devices", "torch", f"cannot be asked for: {error}", Status.PROBLEM)
        return
    try:
        found = json.loads(done.stdout)
    except ValueError:
        missing = b"No module named 'torch'" in done.stderr
        last = done.stderr.decode("utf-8", "replace").strip().rpartition("\n")[2]
        text = "not installed" if missing else f"cannot be imported: {last[:300]}"
        yield Line("devices", "torch", text, Status.WARN if missing else Status.PROBLEM, "`pip install torch`")
        return
    built = f"for CUDA {found['cuda']}" if found["cuda"] else "without CUDA"
    yield Line("devices", "torch", f"{found['torch']}, built {built}")
    names = list(dict.fromkeys(found["devices"]))
    text = ", ".join(f"{found['devices'].count(name)} × {name}" for name in names) or "the processor alone"
    yield Line("devices", "devices", text)


def versions(environment: Environment, known: Catalogue) -> Iterator[Line]:
    """The packages that training stands on, and what is known against their releases."""
    for folder in environment.folders:
        for one in installed(folder):
            if isinstance(one, Finding) or one.key not in _STACK:
                continue
            against = known.affecting(one.name, one.version)
            if not against:
                yield Line("versions", one.key, one.version)
                continue
            fixed = known.lowest_sound(one.name)
            text = f"{one.version}: {', '.join(advisory.id for advisory in against[:5])}"
            advice = f"Install {fixed} or newer." if fixed else "Remove it."
            yield Line("versions", one.key, text, Status.PROBLEM, advice)


def age_of_list(published: date, number: int, now: date) -> Line:
    """How old the list of bad releases is."""
    days = (now - published).days
    text = f"number {number} of {published}"
    if days <= OLD:
        return Line("environment", "advisories", text)
    advice = "Upgrade leyden, or ask public databases: `leyden audit --online`."
    return Line("environment", "advisories", f"{text}, {days} days old", Status.WARN, advice)


def policy(here: Path) -> Iterator[Line]:
    """What may be read, and who says so."""
    from leyden.security.policy import explained

    try:
        found = explained(here=here)
    except LeydenError as error:
        yield Line("policy", "policy", str(error), Status.PROBLEM, "Nothing is loaded until it is mended.")
        return
    for name, (value, where) in found.items():
        yield Line("policy", name, f"{str(value).lower()} ({where or 'the default'})")


def keys() -> Iterator[Line]:
    """The key that seals checkpoints. None is made for the question."""
    from leyden.security import keys as kept

    try:
        path = Path(os.environ["LEYDEN_KEY"]) if os.environ.get("LEYDEN_KEY") else kept.home() / "identity.key"
        if not path.exists():
            yield Line("keys", "identity", f"none yet: it is made at its first use, in {path.parent}")
            return
        public = kept.identity().public
        spoken = kept.known()
    except LeydenError as error:
        yield Line("keys", "identity", str(error), Status.PROBLEM, "Checkpoints are written without a seal until then.")
        return
    yield Line("keys", "identity", f"{kept.text_of(public)} in {path}")
    trusted = sum(one.standing is kept.Standing.TRUSTED for one in spoken)
    yield Line("keys", "trusted", f"{trusted} of others, {len(spoken) - trusted} revoked or earlier ones of yours")
