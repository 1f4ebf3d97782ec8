"""Loaders: how many batches they give, and where in them a run is."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence, Sized
from math import inf
from typing import Any, NamedTuple, final

import torch

from leyden.core.described import described
from leyden.core.warnings import warn
from leyden.data.samples import NotedBatches, noted
from leyden.errors import DataError, FormatError, MismatchError, SettingsError
from leyden.runtime.seed import generator_state, random_states, restore_random_states


def length_of(loader: Any) -> int | None:
    """The number of batches of a loader, or None where only iterating tells."""
    if not isinstance(loader, Sized):
        return None
    try:
        return len(loader)
    except (TypeError, NotImplementedError):  # a DataLoader has __len__ even where its dataset does not
        return None


def batches_of(loader: Any, limit: int | float, argument: str) -> int | float:
    """How many batches of a loader a run takes: an int, or inf where the loader does not know.

    Args:
        loader: any iterable.
        limit: an int is a count, a float a fraction of the loader.
        argument: the name of the limit, for messages.

    Raises:
        SettingsError: a fraction of a loader without a length, or one that leaves no batch.
    """
    length = length_of(loader)
    if isinstance(limit, int):
        return limit if length is None else min(limit, length)
    if length is None:
        if limit in (0.0, 1.0):
            return inf if limit else 0
        raise SettingsError(
            f"{argument}={limit} is a fraction, but {type(loader).__name__} has no length to take it of. "
            f"Give {argument} a whole number of batches."
        )
    taken = int(length * limit)
    if taken == 0 < limit and length > 0:
        raise SettingsError(
            f"{argument}={limit} of {length} batches is less than one batch. "
            f"Use {argument}=1 for one batch, or a larger fraction."
        )
    return taken


def checked_loader(loader: Any, where: str) -> Iterable[Any]:
    """The loader, if it is one that can be iterated.

    Raises:
        DataError: it is missing or not iterable.
    """
    if loader is None:
        raise DataError(f"there is no {where}. Pass it to the call, or define {where}() on the module or data module.")
    if not isinstance(loader, Iterable) and not callable(getattr(loader, "__getitem__", None)):
        raise DataError(
            f"{where} is {described(loader)}, which cannot be iterated. Return a DataLoader or a list of batches."
        )
    return loader  # type: ignore[no-any-return]


@final
class TrainData:
    """The training loader with its limit and the position to resume from."""

    def __init__(self, loader: Iterable[Any], size: int | float) -> None:
        self.loader = loader
        self.size = size
        self._sized = length_of(loader) is not None
        self._iterator: Iterator[Any] | None = None
        self._begun: dict[str, Any] = {}  # the random states that this epoch's order is drawn from; {} between epochs

    def open(self, epoch: int) -> None:
        """Make the iterator of an epoch. Random numbers are drawn here, so the moment matters for reproducing a run."""
        for sampler in _samplers(self.loader):
            set_epoch = getattr(sampler, "set_epoch", None)
            if callable(set_epoch):
                set_epoch(epoch)
        self._begun = {"random": random_states(), "generators": [g.get_state() for g in _generators(self.loader)]}
        self._iterator = iter(self.loader)

    def batches(self, start: int, epoch: int) -> Iterator[tuple[int, Any, bool]]:
        """Batches from number ``start`` of the epoch: (index, batch, is it the last)."""
        if self._iterator is None:
            self.open(epoch)
        iterator, self._iterator = self._iterator, None
        assert iterator is not None
        index, size = start, self.size
        try:
            if self._sized:
                while index < size and (batch := next(iterator, _END)) is not _END:
                    yield index, batch, index + 1 == size
                    index += 1
                if index < size:
                    warn(
                        f"the training loader says that it has {length_of(self.loader)} batches, but it gave {index}, "
                        "so what waits for the last batch of an epoch, such as validation, does not happen. "
                        "Correct its __len__()."
                    )
                return
            ahead = next(iterator, _END)  # without a length, only looking ahead tells the last batch
            if ahead is _END and start == 0:
                _warn_of_nothing("the training loader", self.loader)
            while ahead is not _END and index < size:
                batch, ahead = ahead, next(iterator, _END) if index + 1 < size else _END
                yield index, batch, ahead is _END
                index += 1
        finally:
            self._begun = {}

    def state_dict(self) -> dict[str, Any]:
        """What is needed to find the position again: the loader's own state, or the states its order was drawn from."""
        own = getattr(self.loader, "state_dict", None)
        now = [g.get_state() for g in _generators(self.loader)]
        return {"begun": self._begun, "generators": now, "loader": own() if callable(own) else None}

    def rewind(self, saved: object, start: int, epoch: int) -> None:
        """Stand again where ``saved`` was made, before batch ``start``.

        The order is drawn again from the same random states, and the batches that were done are fetched and dropped,
        which is exact even where the dataset draws random numbers.

        Raises:
            FormatError: what was saved is malformed.
            DataError: the loader has fewer batches than were done.
        """
        position = _Position.read(saved)
        load = getattr(self.loader, "load_state_dict", None)
        if position.loader is not None and callable(load):
            load(position.loader)
            self.open(epoch)
            if not position.inside:
                # The state is that of an epoch which is over, and is used up by the iterator that was just made.
                self._iterator, self._begun = None, {}
        elif position.inside:
            restore_random_states(position.random)
            self._restore_generators(position.begun)
            self.open(epoch)
            assert self._iterator is not None
            for _ in range(start):
                if next(self._iterator, _END) is _END:
                    raise DataError(
                        f"the checkpoint was made after {start} batches of epoch {epoch}, but the loader has fewer. "
                        "Resume with the data that the run was started with."
                    )
        else:
            self._restore_generators(position.generators)

    def _restore_generators(self, states: list[object]) -> None:
        generators = _generators(self.loader)
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
    random: object  # the global random states, and below those of the loader, that this epoch's order was drawn from
    begun: list[object]
    generators: list[object]  # the loader's random states as they were
    loader: Any  # the loader's own state

    @classmethod
    def read(cls, saved: object) -> _Position:
        match saved:
            case {"begun": {"random": random, "generators": list(begun)}, "generators": list(now), "loader": own}:
                return cls(True, random, begun, now, own)
            case {"begun": {**nothing}, "generators": list(now), "loader": own} if not nothing:
                return cls(False, None, [], now, own)
        raise FormatError("the saved position in the training data is malformed. Resume from another checkpoint.")


@final
class EvaluationData:
    """The loaders of an evaluation, which are run one after the other."""

    def __init__(
        self, loaders: list[Any], sizes: list[int | float], notes: Sequence[NotedBatches | None] | None = None
    ) -> None:
        self.loaders = loaders
        self.sizes = sizes
        self._notes = notes

    def noting_samples(self) -> EvaluationData:
        """The same batches, with what tells of which samples they are made."""
        pairs = [noted(loader) for loader in self.loaders]
        return EvaluationData([loader for loader, _ in pairs], self.sizes, [notes for _, notes in pairs])

    def samples_of_batch(self, number: int) -> list[Any]:
        """The indices of the samples that the next batch of a loader is made of; none where it does not tell."""
        notes = self._notes[number] if self._notes is not None else None
        return notes.take() if notes is not None else []

    def limited(self, count: float) -> EvaluationData:
        """The same loaders with at most ``count`` batches of each."""
        sizes = [size if size <= count else int(count) for size in self.sizes]
        return EvaluationData(self.loaders, sizes)

    def batches(self) -> Iterator[tuple[int, int, Any]]:
        """(loader, index, batch) for all batches of all loaders; the first loader's iterator is made at the call."""
        todo = [
            (number, loader, size)
            for number, (loader, size) in enumerate(zip(self.loaders, self.sizes, strict=True))
            if size
        ]
        return self._run(iter(todo[0][1]), todo) if todo else iter(())

    def _run(self, first: Iterator[Any], todo: list[tuple[int, Any, int | float]]) -> Iterator[tuple[int, int, Any]]:
        for place, (number, loader, size) in enumerate(todo):
            index = -1
            for index, batch in enumerate(first if place == 0 else loader):
                yield number, index, batch
                if index + 1 >= size:
                    break
            if index < 0:
                _warn_of_nothing(f"loader {number} of the evaluation", loader)


_END = object()


def _warn_of_nothing(which: str, loader: Any) -> None:
    cause = "; an iterator is used up after one pass, so give it as a list or a DataLoader"
    warn(f"{which}, {described(loader)}, gave no batch{cause if isinstance(loader, Iterator) else ''}.")


def _samplers(loader: Any) -> list[Any]:
    """The objects of a DataLoader that may have ``set_epoch``, each once."""
    batch_sampler = getattr(loader, "batch_sampler", None)
    return _distinct([getattr(loader, "sampler", None), batch_sampler, getattr(batch_sampler, "sampler", None)])


def _generators(loader: Any) -> list[torch.Generator]:
    """The random generators that a DataLoader was given, each once."""
    holders = [loader, *_samplers(loader)]
    return _distinct([g for holder in holders if isinstance(g := getattr(holder, "generator", None), torch.Generator)])


def _distinct(items: list[Any]) -> list[Any]:
    return list({id(item): item for item in items if item is not None}.values())
