"""The loaders of a run: the batches that it takes of them, and where in them it is."""

from __future__ import annotations

from bisect import bisect
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing
from itertools import accumulate, chain, islice
from math import inf
from typing import Any, final

from leyden._torch import workers_run
from leyden.core.described import described
from leyden.core.warnings import warn
from leyden.data.combined import CombinedLoader, Place, has_state, one_by_one, size_of
from leyden.data.nested import can_be_iterated
from leyden.data.position import (
    InLoader,
    Position,
    Skipped,
    Standing,
    checked_states,
    draw_again,
    generators_of,
    random_of,
    set_states,
    start_workers,
    tell_epoch,
)
from leyden.data.pulled import Pulled
from leyden.data.samples import NotedBatches, noted
from leyden.errors import DataError, MismatchError
from leyden.runtime.seed import random_states, restore_random_states


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
    """The training loaders with their limit and the position to resume from.

    Where the step takes its batches itself, ``batches`` gives what it takes them from in the place of a batch.
    """

    def __init__(self, loader: Any, size: int | float, pulls: bool = False) -> None:
        self.combined = loader if isinstance(loader, CombinedLoader) else CombinedLoader(loader, "max_size_cycle")
        self.size = size
        self._pulls = pulls
        self._pulled: Pulled | None = None
        self._pulled_before = 0  # batches that were taken of this epoch before the run was resumed
        self._opened = False  # is there an iterator that nobody has taken a batch of?
        self._iterator: Iterator[Any] = iter(())
        self._places: list[Place] = []  # where it is in each loader; [] between epochs
        self._given = 0  # batches of the epoch, the current one among them
        self._ahead: Any = _END  # without a length, only looking ahead tells the last batch
        self._before_ahead: dict[str, Any] = {}  # the position before that

    @property
    def loader(self) -> Any:
        """The loader, or the collection of them, as the program made it."""
        return self.combined.iterables

    @property
    def pulls(self) -> bool:
        """Does the step take its batches itself?"""
        return self._pulls

    def open(self, epoch: int) -> None:
        """Make the iterator of an epoch. Random numbers are drawn here, so the moment matters for reproducing a run."""
        tell_epoch(self.combined.flattened, epoch)
        self._stand([Place.at_start(loader, random_of) for loader in self.combined.flattened])
        if self.size == inf:
            self._look_ahead()

    def _note_first(self) -> None:
        # Side by side, this is noted of each loader in its turn.
        if self.combined.alone and self._places[0].first is None:
            self._places[0].first = random_of(self.loader)

    def _stand(self, places: list[Place]) -> None:
        self._places = places
        self._iterator = self.combined.side_by_side(places, random_of)
        self._opened = True

    def _look_ahead(self) -> None:
        self._note_first()
        self._before_ahead = {"loaders": self._in_loaders(), "ahead": random_states()}
        self._ahead = next(self._iterator, _END)

    def batches(self, start: int, epoch: int) -> Iterator[tuple[int, Any, bool]]:
        """Batches from number ``start`` of the epoch: (index, batch, is it the last)."""
        return self._pulled_batches(start, epoch) if self._pulls else self._given_batches(start, epoch)

    def _pulled_batches(self, start: int, epoch: int) -> Iterator[tuple[int, Any, bool]]:
        taken, self._pulled_before = self._pulled_before, 0
        with closing(self._given_batches(taken, epoch)) as given:
            self._pulled = Pulled((((batch, index, 0), last) for index, batch, last in given), taken)
            index = start
            if taken and (self._ahead is _END if self.size == inf else taken >= self.size):  # resumed behind the last
                next(given, None)  # which ends the epoch
                self._pulled.done = True
            while not self._pulled.done:
                yield index, self._pulled, index + 1 == self.size
                index += 1
        self._pulled = None

    def _given_batches(self, start: int, epoch: int) -> Generator[tuple[int, Any, bool], None, None]:
        if not self._opened:
            self.open(epoch)
        self._opened = False
        iterator, index, size = self._iterator, start, self.size
        try:
            if size < inf:
                self._note_first()
                while index < size and (batch := next(iterator, _END)) is not _END:
                    self._given = index + 1
                    yield index, batch, index + 1 == size
                    index += 1
                if index < size:
                    self._warn_of_early_end(index)
                return
            if self._ahead is _END and start == 0:
                _warn_of_nothing("the training loader", self.loader)
            while (batch := self._ahead) is not _END:
                self._look_ahead()
                yield index, batch, self._ahead is _END
                index += 1
        finally:
            self._places, self._before_ahead, self._ahead, self._given = [], {}, _END, 0
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
        generators = [generator.get_state() for generator in generators_of(self.combined.flattened)]
        position = self._before_ahead or {"loaders": self._in_loaders(), "ahead": None}
        pulled = {} if self._pulled is None else {"pulled": self._pulled.taken}
        inside = {"inside": bool(self._places), "given": self._given}
        return {**inside, "generators": generators, **position, **pulled}

    def _in_loaders(self) -> list[dict[str, Any]]:
        loaders = self.combined.flattened
        places = self._places or [Place(iter(()), None) for _ in loaders]
        return [
            {
                "begun": place.begun,
                "first": place.first,
                "taken": place.taken,
                "ended": place.ended,
                "state": loader.state_dict() if has_state(loader) else None,
                "workers": workers_run(loader),
            }
            for loader, place in zip(loaders, places, strict=True)
        ]

    def rewind(self, saved: object, start: int, epoch: int) -> None:
        """Stand again where ``saved`` was made, before batch ``start``.

        A loader that keeps its own state is given it. The order of every other is drawn again from the same random
        states, and its batches that were done are fetched and dropped, which is exact even where the dataset draws
        random numbers.

        Raises:
            FormatError: what was saved is malformed.
            MismatchError: it is the position in other loaders, or they have fewer batches than were done.
        """
        loaders = self.combined.flattened
        before = [generator.get_state() for generator in generators_of(loaders)]
        skipped = Skipped.read(saved)
        try:
            if skipped is None:
                self._find_again(Position.read(saved), start, epoch)
            else:
                self._skip(skipped, epoch)
        except BaseException:
            set_states(loaders, before)
            raise

    def _find_again(self, position: Position, start: int, epoch: int) -> None:
        loaders = self.combined.flattened
        if len(position.loaders) != len(loaders):
            raise MismatchError(
                f"the checkpoint was made with {len(position.loaders)} training loaders, but there are {len(loaders)}. "
                "Resume with the data that the run was started with."
            )
        now = checked_states(loaders, position.generators)
        if position.inside:
            if self._pulls:
                start = self._pulled_before = position.pulled
            for loader, place in zip(loaders, position.loaders, strict=True):
                for drawn in filter(None, (place.begun, place.first)):
                    checked_states([loader], drawn.generators)  # all of them before anything changes
            tell_epoch(loaders, epoch)
            self._stand(
                [
                    _found_again(loader, place, start if self.combined.alone else place.taken)
                    for loader, place in zip(loaders, position.loaders, strict=True)
                ]
            )
            one_begun = position.given > start and not self._pulls
            if one_begun and self.combined.alone and position.loaders[0].state is None:
                # that batch comes again, and its fetching may have drawn the order of the epoch
                batch = next(self._iterator, _END)
                if batch is _END:
                    raise _too_short(start)
                self._iterator = chain([batch], self._iterator)
            if position.ahead is not None:
                restore_random_states(position.ahead)
                self._look_ahead()
        else:
            for loader, place in zip(loaders, position.loaders, strict=True):
                if _loaded(loader, place.state):
                    next(iter(loader), None)  # the state is that of an epoch which is over, and is used up by this
                elif place.workers:
                    start_workers(loader)
        set_states(loaders, now)

    def _skip(self, skipped: Skipped, epoch: int) -> None:
        if skipped.states:
            self.combined.load_state_dicts(skipped.states)
        if not skipped.inside:
            for loader in self.combined.flattened if skipped.states else ():
                if has_state(loader):
                    next(iter(loader), None)  # the state is that of an epoch which is over, and is used up by this
            self.open(epoch)  # as Lightning does: it draws random numbers
            self._iterator, self._ahead = iter(()), _END
            return
        self.open(epoch)
        self._given = self._pulled_before = skipped.batches
        if skipped.states:
            return
        for _ in range(skipped.batches):
            if self.size < inf:
                self._note_first()
                taken = next(self._iterator, _END)
            else:
                taken = self._ahead
                self._look_ahead()
            if taken is _END:
                raise _too_short(skipped.batches)


def _found_again(loader: Any, place: InLoader, taken: int) -> Place:
    own = _loaded(loader, place.state)
    begun, first = place.begun, place.first
    assert begun is not None
    draw_again(loader, begun)
    iterator = iter(loader)
    if first is not None:
        draw_again(loader, first)
    if not own and sum(1 for _ in islice(iterator, taken)) < taken:
        raise _too_short(taken)
    return Place(iterator, begun._asdict(), None if first is None else first._asdict(), taken, place.ended)


def _too_short(taken: int) -> MismatchError:
    return MismatchError(
        f"the checkpoint was made after {taken} batches, but the training loader has fewer. "
        "Resume with the data that the run was started with."
    )


def _loaded(loader: Any, state: Any) -> bool:
    if state is None or not has_state(loader):
        return False
    loader.load_state_dict(state)
    return True


@final
class EvaluationData:
    """The loaders of an evaluation, run one after the other, or side by side where the program combined them so."""

    def __init__(
        self,
        loaders: CombinedLoader,
        sizes: list[int | float],
        notes: Sequence[NotedBatches | None] | None = None,
        pulls: bool = False,
    ) -> None:
        self.combined = loaders
        self._pulls = pulls  # does the step take its batches itself?
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

    def state_dict(self) -> dict[str, Any]:
        """What the loaders keep from one pass to the next."""
        return Standing.of(self.combined.flattened)._asdict()

    def load_state_dict(self, saved: Standing) -> None:
        """Go on with what ``state_dict`` gave."""
        saved.restore(self.combined.flattened)

    def noting_samples(self) -> EvaluationData:
        """The same batches, with what tells of which samples they are made, unless the step takes them itself."""
        if self._pulls:
            return self
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
        sizes = [size if size <= count else int(count) for size in self.sizes]
        return EvaluationData(self.combined, sizes, pulls=self._pulls)

    def batches(self, epoch: int) -> Iterator[tuple[Any, int, int]]:
        """(batch, index, loader) for all batches; the iterator of the first loader is made at the call."""
        loaders, mode = self.combined.flattened, self.combined.mode
        tell_epoch(loaders, epoch)
        size = size_of(mode, self.sizes)
        if mode == "sequential":
            batches = one_by_one(loaders, self.sizes, self._warn_of_nothing)
        else:
            batches = ((batch, index, 0) for index, batch in enumerate(self.combined.side_by_side()))
        batches = _one_ahead(batches) if size == inf else islice(batches, int(size))
        return self._pulled(batches, size) if self._pulls else batches

    def _pulled(self, batches: Iterator[Any], size: float) -> Iterator[tuple[Any, int, int]]:
        pulled = Pulled((place, number + 1 == size) for number, place in enumerate(batches))
        ends = list(accumulate(self.sizes if self.streams > 1 else [inf]))
        index = 0
        while not pulled.done:
            yield pulled, index, bisect(ends, pulled.taken)  # the loader that the next batch comes from
            index += 1

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
