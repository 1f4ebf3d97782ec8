"""Where a run is in its training loaders, as data that a checkpoint holds, and the random numbers of their order."""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor

from leyden._torch import workers_run
from leyden.core.warnings import warn
from leyden.errors import FormatError, MismatchError
from leyden.runtime.seed import generator_state, random_states, restore_random_states


class Drawn(NamedTuple):
    """The random states that the order of a loader was drawn from."""

    random: object  # global ones
    generators: list[object]  # of the generators that the loader was given
    workers: bool  # did its worker processes run already? Starting them draws a random number

    @classmethod
    def read(cls, saved: object) -> Drawn | None:
        match saved:
            case None:
                return None
            case {"random": random, "generators": list(generators), "workers": bool(workers)}:
                return cls(random, generators, workers)
            case _:
                raise _malformed()


class InLoader(NamedTuple):
    """The position in one loader."""

    begun: Drawn | None  # before its iterator was made; None between epochs
    first: Drawn | None  # before its first batch
    taken: int  # batches since then
    ended: bool  # it has ended in this epoch, and perhaps started again
    state: Any  # its own, or None
    workers: bool  # do its worker processes run on after the epoch?

    @classmethod
    def read(cls, saved: object) -> InLoader:
        match saved:
            case {
                "begun": begun,
                "first": first,
                "taken": int(taken),
                "ended": bool(ended),
                "state": state,
                "workers": bool(workers),
            } if taken >= 0:
                return cls(Drawn.read(begun), Drawn.read(first), taken, ended, state, workers)
            case _:
                raise _malformed()


class Position(NamedTuple):
    """The position in all of them, found to be of the right form."""

    inside: bool  # is it inside an epoch?
    loaders: list[InLoader]
    generators: list[object]  # the loaders' random states as they were
    given: int  # batches of the epoch, one that is being trained on among them
    ahead: object  # the global random states before the batch that was read ahead; None if there was none
    pulled: int = 0  # batches that a step has taken itself, where it does

    @classmethod
    def read(cls, saved: object) -> Position:
        """Find out whether a position is well formed.

        Raises:
            FormatError: it is not.
        """
        match saved:
            case {
                "inside": bool(inside),
                "loaders": list(loaders),
                "generators": list(now),
                "given": int(given),
                "ahead": ahead,
            } if given >= 0:
                read = [InLoader.read(one) for one in loaders]
                if all((one.begun is not None) is inside for one in read):
                    return cls(inside, read, now, given, ahead, _pulled(saved))
                raise _malformed()
            case _:
                raise _malformed()


class Skipped(NamedTuple):
    """A position that is known by the number of batches alone: the order is drawn anew."""

    inside: bool  # are there more batches of the epoch?
    batches: int
    states: list[Any]  # of the loaders that keep one

    @classmethod
    def read(cls, saved: object) -> Skipped | None:
        match saved:
            case {"inside": bool(inside), "skipped": int(batches), "states": list(states)} if batches >= 0:
                return cls(inside, batches, states)
            case _:
                return None


def _pulled(saved: object) -> int:
    match saved:
        case {"pulled": int(pulled)} if pulled >= 0:
            return pulled
        case {"pulled": _}:
            raise _malformed()
        case _:
            return 0


class Standing(NamedTuple):
    """What the loaders of a validation keep from one pass to the next."""

    generators: list[object]  # their random states
    workers: list[object]  # of each loader, whether its worker processes run already

    @classmethod
    def of(cls, loaders: list[Any]) -> Standing:
        states: list[object] = [generator.get_state() for generator in generators_of(loaders)]
        return cls(states, [workers_run(loader) for loader in loaders])

    @classmethod
    def read(cls, saved: object) -> Standing | None:
        """Find out whether it is well formed.

        Raises:
            FormatError: it is not.
        """
        match saved:
            case None:
                return None
            case {"generators": list(generators), "workers": list(workers)} if all(
                type(run) is bool for run in workers
            ):
                return cls(generators, workers)
            case _:
                raise FormatError("the saved state of the validation loaders is malformed")

    def restore(self, loaders: list[Any]) -> None:
        """Let loaders go on in the same way; other ones begin as they are, which is reported.

        Raises:
            FormatError: the state of a generator is malformed; nothing is changed then.
        """
        generators = generators_of(loaders)
        if (len(generators), len(loaders)) != (len(self.generators), len(self.workers)):
            warn(
                f"the checkpoint was made with {len(self.workers)} validation loaders that have {len(self.generators)} "
                f"random generators, and this run has {len(loaders)} with {len(generators)}, so what they draw begins "
                "anew."
            )
            return
        pairs = zip(generators, self.generators, strict=True)
        states = [generator_state(state, str(generator.device)) for generator, state in pairs]
        for loader, run in zip(loaders, self.workers, strict=True):
            if run:
                start_workers(loader)
        set_states(loaders, states)


def random_of(loader: Any) -> dict[str, Any]:
    """The random states that an iterator draws the order of a loader from, if it is made now."""
    generators = [generator.get_state() for generator in generators_of([loader])]
    return {"random": random_states(), "generators": generators, "workers": workers_run(loader)}


def generators_of(loaders: list[Any]) -> list[torch.Generator]:
    """The random generators that loaders were given, each once."""
    holders = [h for loader in loaders for h in (loader, *_samplers(loader), getattr(loader, "batch_sampler", None))]
    found = [getattr(holder, "generator", None) for holder in holders]
    return _distinct([generator for generator in found if isinstance(generator, torch.Generator)])


def checked_states(loaders: list[Any], states: list[object]) -> list[Tensor]:
    """The saved states of the generators of loaders, found to fit them.

    Raises:
        MismatchError: there are more or fewer than generators.
        FormatError: one is none.
    """
    generators = generators_of(loaders)
    if len(states) != len(generators):
        raise MismatchError(
            f"the checkpoint has the states of {len(states)} random generators of the training loader, "
            f"but the loader has {len(generators)}. Resume with a loader that is built in the same way."
        )
    return [generator_state(state, str(g.device)) for g, state in zip(generators, states, strict=True)]


def set_states(loaders: list[Any], states: list[Tensor]) -> None:
    """Continue the generators of loaders where ``checked_states`` says."""
    for generator, state in zip(generators_of(loaders), states, strict=True):
        generator.set_state(state)


def draw_again(loader: Any, drawn: Drawn) -> None:
    """Put the random numbers back to where the order of a loader was drawn."""
    if drawn.workers:
        start_workers(loader)
    restore_random_states(drawn.random)
    set_states([loader], checked_states([loader], drawn.generators))


def start_workers(loader: Any) -> None:
    """Start the worker processes that a loader keeps from one epoch to the next, unless they run."""
    if getattr(loader, "persistent_workers", False) and not workers_run(loader):
        iter(loader)


def tell_epoch(loaders: list[Any], epoch: int) -> None:
    """Tell the samplers that shuffle by epoch which one begins."""
    for sampler in _distinct([sampler for loader in loaders for sampler in _samplers(loader)]):
        set_epoch = getattr(sampler, "set_epoch", None)
        if callable(set_epoch):
            set_epoch(epoch)


def _samplers(loader: Any) -> list[Any]:
    """The objects that may draw the order of a loader."""
    return [getattr(loader, "sampler", None), getattr(getattr(loader, "batch_sampler", None), "sampler", None)]


def _distinct(items: list[Any]) -> list[Any]:
    return list({id(item): item for item in items if item is not None}.values())


def _malformed() -> FormatError:
    return FormatError("the saved position in the training data is malformed. Resume from another checkpoint.")
