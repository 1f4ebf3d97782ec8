"""CombinedLoader: several loaders iterated as one, side by side or one after the other."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from math import inf
from typing import Any, Literal, final, get_args

from leyden.core.hooks import nobody
from leyden.data.nested import Build, flatten
from leyden.data.sizes import length_of
from leyden.errors import DataError, DetachedError, MismatchError, SettingsError

Mode = Literal["min_size", "max_size_cycle", "max_size", "sequential"]
Note = Callable[[Any], Any]
MODES: tuple[Mode, ...] = get_args(Mode)


@final
class CombinedLoader(Iterable[tuple[Any, int, int]]):
    """Iterates a collection of loaders as one; gives (batch, number of the batch, number of the loader).

    A batch has the structure of the collection, with a batch of every loader in it; in the mode "sequential" it is the
    batch of one loader.

    Args:
        iterables: a loader, or a list, tuple, dict or nesting of them; any iterable is a loader.
        mode: "min_size" ends with the shortest loader; "max_size_cycle" with the longest, and the others start again;
            "max_size" too, with None in the place of a loader that has ended; "sequential" runs one after the other.

    Raises:
        SettingsError: there is no such mode.
    """

    def __init__(self, iterables: Any, mode: Mode = "min_size") -> None:
        if mode not in MODES:
            raise SettingsError(f"mode={mode!r} is unknown. Use one of {', '.join(map(repr, MODES))}.")
        self.mode = mode
        self._iterables = iterables
        self._leaves, self._build = flatten(iterables)
        self._limits: list[int | float] | None = None
        self._iterator: Iterator[tuple[Any, int, int]] | None = None

    @property
    def iterables(self) -> Any:
        """The collection of loaders."""
        return self._iterables

    @property
    def flattened(self) -> list[Any]:
        """The loaders in order. They can be replaced by as many others; the collection that was given stays as it is.

        Raises:
            DataError: on setting another number of loaders.
        """
        return self._leaves

    @flattened.setter
    def flattened(self, loaders: Sequence[Any]) -> None:
        if len(loaders) != len(self._leaves):
            raise DataError(f"{len(loaders)} loaders cannot take the place of {len(self._leaves)}. Give as many.")
        self._leaves = list(loaders)
        self._iterables = self._build(iter(self._leaves))

    @property
    def limits(self) -> list[int | float] | None:
        """How many batches to take of each loader: one number for all, or a list.

        Side by side they only say how long the whole is, in ``len``, and whoever iterates stops there.

        Raises:
            SettingsError: on setting a list that has another length than there are loaders.
        """
        return self._limits

    @limits.setter
    def limits(self, limits: int | float | Sequence[int | float] | None) -> None:
        if isinstance(limits, (int, float)):
            limits = [limits] * len(self._leaves)
        if limits is not None and len(limits) != len(self._leaves):
            raise SettingsError(
                f"limits has {len(limits)} numbers for {len(self._leaves)} loaders. Give one for each, or one for all."
            )
        self._limits = None if limits is None else list(limits)

    @property
    def sampler(self) -> Any:
        """The samplers of the loaders, in the structure of the collection; None for a loader that has none."""
        return self._build(getattr(loader, "sampler", None) for loader in self._leaves)

    @property
    def batch_sampler(self) -> Any:
        """The batch samplers of the loaders, in the structure of the collection; None for a loader that has none."""
        return self._build(getattr(loader, "batch_sampler", None) for loader in self._leaves)

    @property
    def size(self) -> float:
        """The number of batches within the limits; inf where a loader that decides it does not know its length."""
        lengths = [inf if (length := length_of(loader)) is None else length for loader in self._leaves]
        return size_of(self.mode, lengths if self._limits is None else list(map(min, lengths, self._limits)))

    def __len__(self) -> int:
        if self._iterator is None:
            raise DetachedError("the length of a CombinedLoader is known once it is iterated. Call iter(loader) first.")
        if self.size == inf:
            raise TypeError("this CombinedLoader has a loader without a length. Iterate it, or set its limits.")
        return int(self.size)

    def __iter__(self) -> CombinedLoader:
        self._iterator = self._numbered() if self.mode == "sequential" else _first(self.side_by_side())
        return self

    def __next__(self) -> tuple[Any, int, int]:
        if self._iterator is None:
            raise DetachedError("next() needs an iteration that has begun. Call iter(loader) first.")
        return next(self._iterator)

    def reset(self) -> None:
        """End the iteration, and with it the worker processes that serve it."""
        self._iterator = None

    @property
    def alone(self) -> bool:
        """Is it one loader, and no collection?"""
        return self._iterables is self._leaves[0]

    def side_by_side(self, places: list[Place] | None = None, note: Note = nobody) -> Iterator[Any]:
        """The batches alone, in every mode but "sequential"; of a lone loader, its own iterator.

        Args:
            places: where the iteration is in each loader, and stays so while it runs; left out, at the start.
            note: called with a loader before an iterator of it is made; its answer is kept with the place.
        """
        if places is None:
            places = [Place.at_start(loader, note) for loader in self._leaves]
        return places[0].iterator if self.alone else SideBySide(self._leaves, self.mode, self._build, places, note)

    def state_dicts(self) -> list[dict[str, Any]]:
        """The states of the loaders that have one."""
        return [loader.state_dict() for loader in self._stateful()]

    def load_state_dicts(self, states: Sequence[dict[str, Any]]) -> None:
        """Give the loaders that have a state what ``state_dicts`` gave.

        Raises:
            MismatchError: there are more or fewer states than such loaders.
        """
        stateful = self._stateful()
        if len(states) != len(stateful):
            raise MismatchError(
                f"there are {len(states)} states for {len(stateful)} loaders that have one. "
                "Use the loaders that the states were taken from."
            )
        for loader, state in zip(stateful, states, strict=True):
            loader.load_state_dict(state)

    def _stateful(self) -> list[Any]:
        return [loader for loader in self._leaves if has_state(loader)]

    def _numbered(self) -> Iterator[tuple[Any, int, int]]:
        limits = [inf] * len(self._leaves) if self._limits is None else self._limits
        return one_by_one(self._leaves, limits)


def has_state(loader: Any) -> bool:
    """Does a loader keep its own position, so that it can be asked for it?"""
    return all(callable(getattr(loader, name, None)) for name in ("state_dict", "load_state_dict"))


def size_of(mode: Mode, sizes: Sequence[float]) -> float:
    """The number of batches of a combination whose loaders give so many."""
    match mode:
        case "min_size":
            return min(sizes)
        case "max_size_cycle" | "max_size":
            return max(sizes)
        case "sequential":
            return sum(sizes)


def one_by_one(
    loaders: Sequence[Any], limits: Sequence[int | float], gave_nothing: Callable[[int], object] = nobody
) -> Iterator[tuple[Any, int, int]]:
    """The batches of one loader after the other, each up to its limit, as a CombinedLoader gives them.

    The first iterator is made at the call and the others in their turn, also where the limit is 0: that may draw random
    numbers, so the moment matters. ``gave_nothing`` is told the number of a loader that ends before its first batch.
    """
    return _in_turn(iter(loaders[0]), loaders, limits, gave_nothing)


def _in_turn(
    first: Iterator[Any],
    loaders: Sequence[Any],
    limits: Sequence[int | float],
    gave_nothing: Callable[[int], object],
) -> Iterator[tuple[Any, int, int]]:
    for number, limit in enumerate(limits):
        iterator = iter(loaders[number]) if number else first
        index = -1
        for index, batch in enumerate(iterator if limit else ()):
            yield batch, index, number
            if index + 1 >= limit:
                break
        if limit and index < 0:
            gave_nothing(number)


def _first(batches: Iterator[Any]) -> Iterator[tuple[Any, int, int]]:
    """Side by side, the loaders count as one: the first."""
    return ((batch, index, 0) for index, batch in enumerate(batches))


@final
@dataclass
class Place:
    """Where an iteration is in one of its loaders."""

    iterator: Iterator[Any]
    begun: Any  # what was noted before the iterator was made
    first: Any = None  # what was noted before its first batch: samplers draw their order then
    taken: int = 0  # batches since then; not counted where the loader is alone
    ended: bool = False  # it has ended, and perhaps started again

    @classmethod
    def at_start(cls, loader: Any, note: Note) -> Place:
        begun = note(loader)
        return cls(iter(loader), begun)


@final
class SideBySide(Iterator[Any]):
    """An iteration that takes a batch of every loader at a time, until its mode says that it is over."""

    def __init__(self, loaders: Sequence[Any], mode: Mode, build: Build, places: list[Place], note: Note) -> None:
        self._loaders = loaders
        self._mode = mode
        self._build = build
        self._places = places
        self._note = note

    def __next__(self) -> Any:
        return self._build(iter([self._take(number) for number in range(len(self._places))]))

    def _take(self, number: int) -> Any:
        place = self._places[number]
        if self._mode == "max_size" and place.ended:
            return None
        if place.first is None:
            place.first = self._note(self._loaders[number])
        batch = next(place.iterator, _END)
        if batch is _END:
            place.ended = True
            if self._mode == "min_size" or all(other.ended for other in self._places):
                raise StopIteration
            if self._mode == "max_size":
                return None
            again = Place.at_start(self._loaders[number], self._note)
            place.iterator, place.begun, place.taken = again.iterator, again.begun, 0
            place.first = self._note(self._loaders[number])
            batch = next(place.iterator)
        place.taken += 1
        return batch


_END = object()
