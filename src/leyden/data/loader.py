"""The loaders of a run: the batches that it takes of them, and where in them it is."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from math import inf
from typing import Any, NamedTuple, final

import torch

from leyden.core.described import described
from leyden.core.warnings import warn
from leyden.data.combined import CombinedLoader, SideBySide, has_state, one_by_one, size_of
from leyden.data.nested import can_be_iterated
from leyden.data.samples import NotedBatches, noted
from leyden.errors import DataError, FormatError, MismatchError
from leyden.runtime.seed import generator_state, random_states, restore_random_states


def check_loader(loader: Any, name: str) -> None:
    """Find out that a loader is none before it is used.

    Raises:
        DataError: it cannot be iterated.
    """
    if not can_be_iterated(loader):
        raise DataError(
            f"{name} is or holds {described(loader)}, which cannot be iterated. Use a DataLoader or a list of batches."
        )


@final
class TrainData:
    """The training loaders with their limit and the position to resume from."""

    def __init__(self, loader: Any, size: int | float) -> None:
        self.combined = loader if isinstance(loader, CombinedLoader) else CombinedLoader(loader, "max_size_cycle")
        self.size = size
        self._sized = size < inf
        self._opened = False  # is there an iterator that nobody has taken a batch of?
        self._iterator: Iterator[Any] = iter(())
        self._ahead: Any = _END  # without a length, only looking ahead tells the last batch
        self._begun: dict[str, Any] = {}  # the random states that this epoch's order is drawn from; {} between epochs
        self._read_ahead: dict[str, Any] | None = None  # the loaders' own states before the batch that waits

    @property
    def loader(self) -> Any:
        """The loader, or the collection of them, as the program made it."""
        return self.combined.iterables

    def open(self, epoch: int) -> None:
        """Make the iterator of an epoch. Random numbers are drawn here, so the moment matters for reproducing a run."""
        self._begin(epoch)
        self._look_ahead()

    def _begin(self, epoch: int) -> None:
        loaders = self.combined.flattened
        tell_epoch(loaders, epoch)
        self._begun = {"random": random_states(), "generators": [g.get_state() for g in _generators(loaders)]}
        self._iterator = self.combined.side_by_side()
        self._opened = True

    def _look_ahead(self) -> None:
        if not self._sized:
            if any(map(has_state, self.combined.flattened)):
                self._read_ahead = self._positions()
            self._ahead = next(self._iterator, _END)

    def batches(self, start: int, epoch: int) -> Iterator[tuple[int, Any, bool]]:
        """Batches from number ``start`` of the epoch: (index, batch, is it the last)."""
        if not self._opened:
            self.open(epoch)
        self._opened = False
        iterator, index, size = self._iterator, start, self.size
        try:
            if self._sized:
                while index < size and (batch := next(iterator, _END)) is not _END:
                    yield index, batch, index + 1 == size
                    index += 1
                if index < size:
                    self._warn_of_early_end(index)
                return
            if self._ahead is _END and start == 0:
                _warn_of_nothing("the training loader", self.loader)
            while (batch := self._ahead) is not _END and index < size:
                self._ahead, self._read_ahead = _END, None
                if index + 1 < size:
                    self._look_ahead()
                yield index, batch, self._ahead is _END
                index += 1
        finally:
            self._begun, self._read_ahead, self._ahead = {}, None, _END
            self._iterator = iter(())  # lets go of the worker processes

    def _warn_of_early_end(self, given: int) -> None:
        length = self.combined.size
        cause = "has no length" if length == inf else f"says that it has {length} batches"
        remedy = "Lower limit_train_batches" if length == inf else "Correct its __len__()"
        warn(
            f"the training loader {cause}, and gave {given} where {self.size} are taken, so what waits for the last "
            f"batch of an epoch, such as validation, does not happen. {remedy}."
        )

    def state_dict(self) -> dict[str, Any]:
        """What is needed to find the position again: the loaders' own states, and those their order was drawn from."""
        now = [g.get_state() for g in _generators(self.combined.flattened)]
        return {"begun": self._begun, "generators": now, **(self._read_ahead or self._positions())}

    def _positions(self) -> dict[str, Any]:
        states = [loader.state_dict() if has_state(loader) else None for loader in self.combined.flattened]
        ended = list(self._iterator.ended) if isinstance(self._iterator, SideBySide) else []
        return {"loaders": states, "ended": ended}

    def rewind(self, saved: object, start: int, epoch: int) -> None:
        """Stand again where ``saved`` was made, before batch ``start``.

        A loader that keeps its own state is given it. The order of every other is drawn again from the same random
        states, and its batches that were done are fetched and dropped, which is exact even where the dataset draws
        random numbers.

        Raises:
            FormatError: what was saved is malformed.
            MismatchError: it is the position in other loaders.
            DataError: the loaders have fewer batches than were done.
        """
        position = _Position.read(saved)
        loaders = self.combined.flattened
        if len(position.loaders) != len(loaders):
            raise MismatchError(
                f"the checkpoint was made with {len(position.loaders)} training loaders, but there are {len(loaders)}. "
                "Resume with the data that the run was started with."
            )
        own = [has_state(loader) and state is not None for loader, state in zip(loaders, position.loaders, strict=True)]
        if position.inside:
            restore_random_states(position.random)
        self._restore_generators(position.begun if position.inside else position.generators)
        for loader, state, has_own in zip(loaders, position.loaders, own, strict=True):
            if has_own:
                loader.load_state_dict(state)
                if not position.inside:
                    next(iter(loader), None)  # the state is that of an epoch which is over, and is used up by this
        if position.inside:
            self._begin(epoch)
            if not self._skip(start, own, position.ended):
                raise DataError(
                    f"the checkpoint was made after {start} batches of epoch {epoch}, but the loader has fewer. "
                    "Resume with the data that the run was started with."
                )
            if start < self.size:
                self._look_ahead()

    def _skip(self, count: int, own: list[bool], ended: list[bool]) -> bool:
        if not isinstance(self._iterator, SideBySide):
            return own[0] or sum(1 for _ in islice(self._iterator, count)) == count
        replayed = [number for number, has_own in enumerate(own) if not has_own]
        for number, has_own in enumerate(own):
            if has_own and ended:
                self._iterator.ended[number] = ended[number]
        return self._iterator.skip(count, replayed)

    def _restore_generators(self, states: list[object]) -> None:
        generators = _generators(self.combined.flattened)
        if len(states) != len(generators):
            raise MismatchError(
                f"the checkpoint has the states of {len(states)} random generators of the training loader, "
                f"but the loader has {len(generators)}. Resume with a loader that is built in the same way."
            )
        checked = [generator_state(state, str(g.device)) for g, state in zip(generators, states, strict=True)]
        for generator, state in zip(generators, checked, strict=True):
            generator.set_state(state)


class _Position(NamedTuple):
    """What ``TrainData.state_dict`` holds, found to be of the right form."""

    inside: bool  # was it made inside an epoch?
    random: object  # the global random states, and below those of the loaders, that this epoch's order was drawn from
    begun: list[object]
    generators: list[object]  # the loaders' random states as they were
    loaders: list[Any]  # the own state of each loader, or None
    ended: list[bool]  # where there are several: which have ended, and perhaps started again, in this epoch

    @classmethod
    def read(cls, saved: object) -> _Position:
        match saved:
            case {
                "begun": {**begun},
                "generators": list(now),
                "loaders": list(own),
                "ended": list(ended),
            } if all(type(one) is bool for one in ended) and len(ended) in (0, len(own)):
                if not begun:
                    return cls(False, None, [], now, own, ended)
                if "random" in begun and isinstance(states := begun.get("generators"), list):
                    return cls(True, begun["random"], states, now, own, ended)
        raise FormatError("the saved position in the training data is malformed. Resume from another checkpoint.")


@final
class EvaluationData:
    """The loaders of an evaluation, run one after the other, or side by side where the program combined them so."""

    def __init__(
        self,
        loaders: CombinedLoader,
        sizes: list[int | float],
        notes: Sequence[NotedBatches | None] | None = None,
    ) -> None:
        self.combined = loaders
        self.sizes = sizes  # batches taken of each loader
        self._notes = notes

    @property
    def loader(self) -> Any:
        """The loader, or the collection of them, as the program made it."""
        return self.combined.iterables

    @property
    def streams(self) -> int:
        """How many loaders the steps can tell apart; side by side, they are one."""
        return len(self.sizes) if self.combined.mode == "sequential" else 1

    def noting_samples(self) -> EvaluationData:
        """The same batches, with what tells of which samples they are made."""
        pairs = [noted(loader) for loader in self.combined.flattened]
        loaders = CombinedLoader(self.combined.iterables, self.combined.mode)
        loaders.flattened = [loader for loader, _ in pairs]
        return EvaluationData(loaders, self.sizes, [notes for _, notes in pairs])

    def samples_of_batch(self, number: int) -> list[Any]:
        """The indices of the samples that the next batch of a loader is made of; none where it does not tell."""
        notes = self._notes[number] if self._notes is not None else None
        return notes.take() if notes is not None else []

    def limited(self, count: float) -> EvaluationData:
        """The same loaders with at most ``count`` batches of each."""
        return EvaluationData(self.combined, [size if size <= count else int(count) for size in self.sizes])

    def batches(self, epoch: int) -> Iterator[tuple[Any, int, int]]:
        """(batch, index, loader) for all batches; the iterator of the first loader is made at the call."""
        loaders, mode = self.combined.flattened, self.combined.mode
        tell_epoch(loaders, epoch)
        size = size_of(mode, self.sizes)
        if mode == "sequential":
            batches = one_by_one(loaders, self.sizes, self._warn_of_nothing)
        else:
            batches = ((batch, index, 0) for index, batch in enumerate(self.combined.side_by_side()))
        return _one_ahead(batches) if size == inf else islice(batches, int(size))

    def _warn_of_nothing(self, number: int) -> None:
        _warn_of_nothing(f"loader {number} of the evaluation", self.combined.flattened[number])


_END = object()


def _one_ahead(batches: Iterator[Any]) -> Iterator[Any]:
    """The same, read one ahead from now on: as Lightning does without a length, so that draws keep their order."""
    return _shifted(next(batches, _END), batches)


def _shifted(ahead: Any, batches: Iterator[Any]) -> Iterator[Any]:
    while ahead is not _END:
        batch, ahead = ahead, next(batches, _END)
        yield batch


def _warn_of_nothing(which: str, loader: Any) -> None:
    cause = "; an iterator is used up after one pass, so give it as a list or a DataLoader"
    warn(f"{which}, {described(loader)}, gave no batch{cause if isinstance(loader, Iterator) else ''}.")


def tell_epoch(loaders: list[Any], epoch: int) -> None:
    """Tell the samplers that shuffle by epoch which one begins."""
    for sampler in _distinct([sampler for loader in loaders for sampler in _samplers(loader)]):
        set_epoch = getattr(sampler, "set_epoch", None)
        if callable(set_epoch):
            set_epoch(epoch)


def _samplers(loader: Any) -> list[Any]:
    """The objects that may draw the order of a loader."""
    return [getattr(loader, "sampler", None), getattr(getattr(loader, "batch_sampler", None), "sampler", None)]


def _generators(loaders: list[Any]) -> list[torch.Generator]:
    """The random generators that loaders were given, each once."""
    holders = [h for loader in loaders for h in (loader, *_samplers(loader), getattr(loader, "batch_sampler", None))]
    found = [getattr(holder, "generator", None) for holder in holders]
    return _distinct([generator for generator in found if isinstance(generator, torch.Generator)])


def _distinct(items: list[Any]) -> list[Any]:
    return list({id(item): item for item in items if item is not None}.values())
