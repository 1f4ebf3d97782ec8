"""Random numbers: seeding them, keeping them apart, and saving where they are."""

from __future__ import annotations

import hashlib
import logging
import os
import random
import struct
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final, SupportsInt

import torch
from torch import Tensor

from leyden.core.warnings import warn
from leyden.errors import FormatError, SettingsError
from leyden.runtime.rank_zero import rank_zero_only

SEED_VARIABLE: Final = "PL_GLOBAL_SEED"
WORKERS_VARIABLE: Final = "PL_SEED_WORKERS"
LARGEST_SEED: Final = 2**32 - 1  # numpy's limit

_log = logging.getLogger("leyden")
_WORDS: Final = struct.Struct("<625I")  # of a Mersenne Twister: 624 words and the position in them
_LAST_POSITION: Final = 624


def seed_everything(seed: int | None = None, workers: bool = False, verbose: bool = True) -> int:
    """Seed Python, numpy and torch on every device, and return the seed.

    Without a seed the one in the environment (``PL_GLOBAL_SEED``) is taken, else 0. The seed and ``workers`` are
    written to the environment, where the processes that this one starts find them. ``workers=True`` also gives every
    worker of a loader streams of its own on each rank.
    """
    number = _from_environment(verbose) if seed is None else _checked(seed, "The seed")
    os.environ[SEED_VARIABLE] = str(number)
    os.environ[WORKERS_VARIABLE] = str(int(workers))
    if verbose:
        _log.info("Seed set to %d on rank %d", number, rank_zero_only.rank)
    _seed_streams(number)
    return number


def reset_seed() -> None:
    """Seed everything again as the last ``seed_everything`` of this process or of the one that started it did."""
    if SEED_VARIABLE in os.environ:
        seed_everything(workers=workers_are_seeded(), verbose=False)


def workers_are_seeded() -> bool:
    """Was ``seed_everything(workers=True)`` the last call, here or in the process that started this one?"""
    return os.environ.get(WORKERS_VARIABLE) == "1"


def seed_worker(worker_id: int, rank: int | None = None) -> None:
    """A ``worker_init_fn`` whose streams of random numbers differ by rank, by worker and by pass over the loader."""
    # torch draws a new base for every pass and seeds each worker with base + worker_id before it calls this.
    base = torch.initial_seed() - worker_id
    key = f"{base}/{rank_zero_only.rank if rank is None else rank}/{worker_id}"
    torch.manual_seed(_digest(key, "torch") >> 192)
    random.seed(_digest(key, "python"))
    if (numpy := _numpy()) is not None:
        numpy.random.seed(_digest(key, "numpy") >> 224)


@contextmanager
def isolate_rng(include_cuda: bool = True) -> Iterator[None]:
    """Put every stream of random numbers back at the end of the block, even after an error."""
    states = random_states(include_cuda)
    try:
        yield
    finally:
        restore_random_states(states)


def random_states(include_cuda: bool = True) -> dict[str, Any]:
    """Where the global streams of Python, numpy and torch are, as data that a checkpoint can hold.

    An accelerator that this process has not used is left out, and so is a bit generator other than numpy's own.
    """
    states: dict[str, Any] = {"python": _python_state(), "torch": torch.get_rng_state()}
    if (numpy := _numpy()) is not None:
        state = numpy.random.get_state(legacy=False)
        if state["bit_generator"] == "MT19937":
            states["numpy"] = {
                "words": _WORDS.pack(*state["state"]["key"].tolist(), state["state"]["pos"]),
                "gauss": float(state["gauss"]) if state["has_gauss"] else None,
            }
    if include_cuda and torch.cuda.is_initialized():
        states["cuda"] = torch.cuda.get_rng_state_all()
    if torch.backends.mps.is_available():
        states["mps"] = torch.mps.get_rng_state()
    return states


def restore_random_states(states: object) -> None:
    """Continue the streams where ``random_states`` found them; malformed data is a FormatError and changes nothing.

    The state of an accelerator that this machine lacks is passed over.
    """
    for step in _steps_to_restore(states):
        step()


def check_random_states(states: object) -> None:
    """Find out whether ``restore_random_states`` would take this.

    Raises:
        FormatError: it would not.
    """
    _steps_to_restore(states)


def _steps_to_restore(states: object) -> list[Callable[[], None]]:
    if not isinstance(states, Mapping) or not {"python", "torch"} <= states.keys() <= _RESTORE.keys():
        raise FormatError(
            "The random states are no dictionary of python and torch, and of nothing else but numpy, cuda and mps. "
            "Resume from another checkpoint."
        )
    return [_RESTORE[name](state) for name, state in states.items()]


def generator_state(state: object, device: str) -> Tensor:
    """The saved state of a generator, found to be one.

    Raises:
        FormatError: no generator of this device has such a state.
    """
    if not isinstance(state, Tensor) or state.dtype != torch.uint8 or state.dim() != 1:
        raise _malformed(device)
    on_cpu = state.cpu()
    try:
        torch.Generator(device).set_state(on_cpu)
    except RuntimeError:
        raise _malformed(device) from None
    return on_cpu


def _from_environment(verbose: bool) -> int:
    text = os.environ.get(SEED_VARIABLE)
    if text is not None:
        return _checked(text, f"{SEED_VARIABLE} in the environment")
    if verbose and rank_zero_only.rank == 0:
        warn("No seed was given, so the seed is 0. Call seed_everything(seed) to choose one.")
    return 0


def _checked(seed: SupportsInt | str, where: str) -> int:
    try:
        number = int(seed)
    except (TypeError, ValueError, OverflowError):
        number = -1
    if not 0 <= number <= LARGEST_SEED:
        raise SettingsError(f"{where} is {seed!r}. A seed must be a whole number from 0 to {LARGEST_SEED}.")
    return number


def _seed_streams(seed: int) -> None:
    random.seed(seed)
    if (numpy := _numpy()) is not None:
        numpy.random.seed(seed)
    torch.manual_seed(seed)


def _numpy() -> Any:
    return sys.modules.get("numpy")  # torch has imported it if it is installed


def _digest(key: str, stream: str) -> int:
    return int.from_bytes(hashlib.sha256(f"{key}/{stream}".encode()).digest(), "big")


def _python_state() -> dict[str, Any]:
    _, words, gauss = random.getstate()
    return {"words": _WORDS.pack(*words), "gauss": gauss}


def _malformed(stream: str) -> FormatError:
    return FormatError(f"The random state of {stream} is malformed. Resume from another checkpoint.")


def _twister(state: object, stream: str) -> tuple[tuple[int, ...], int, float | None]:
    """Words, position and the second number of a pair of normal ones, if one is waiting."""
    match state:
        case {"words": bytes(packed), "gauss": None | float() as gauss} if len(packed) == _WORDS.size:
            *words, position = _WORDS.unpack(packed)
            if position <= _LAST_POSITION and any(words):
                return tuple(words), position, gauss
    raise _malformed(stream)


def _restore_python(state: object) -> Callable[[], None]:
    words, position, gauss = _twister(state, "Python")
    return lambda: random.setstate((3, (*words, position), gauss))


def _restore_numpy(state: object) -> Callable[[], None]:
    words, position, gauss = _twister(state, "numpy")
    numpy = _numpy()
    if numpy is None:
        return _pass_over
    key = numpy.array(words, dtype=numpy.uint32)
    return lambda: numpy.random.set_state(("MT19937", key, position, int(gauss is not None), gauss or 0.0))


def _restore_torch(state: object) -> Callable[[], None]:
    checked = generator_state(state, "cpu")
    return lambda: torch.set_rng_state(checked)


def _restore_cuda(state: object) -> Callable[[], None]:
    if not isinstance(state, list):
        raise _malformed("cuda")
    if not torch.cuda.is_available():
        return _pass_over
    devices = range(min(len(state), torch.cuda.device_count()))
    checked = [generator_state(state[device], f"cuda:{device}") for device in devices]
    return lambda: torch.cuda.set_rng_state_all(checked)


def _restore_mps(state: object) -> Callable[[], None]:
    if not torch.backends.mps.is_available():
        return _pass_over
    checked = generator_state(state, "mps")
    return lambda: torch.mps.set_rng_state(checked)


def _pass_over() -> None:
    """What is done about a stream that this machine does not have."""


_RESTORE: Final[Mapping[str, Callable[[object], Callable[[], None]]]] = {
    "python": _restore_python,
    "numpy": _restore_numpy,
    "torch": _restore_torch,
    "cuda": _restore_cuda,
    "mps": _restore_mps,
}
