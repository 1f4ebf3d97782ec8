"""What ``leyden doctor PROGRAM`` verifies before a run starts. Nothing of the program is run or imported."""

from __future__ import annotations

import difflib
import inspect
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from leyden.audit.code.local import program
from leyden.audit.code.text import UnparsedError
from leyden.audit.code.trainers import Loaded, Made, trainers
from leyden.audit.dependencies.kinds import kind
from leyden.audit.finding import Budget, Finding, LimitError, Place, Record, Survey
from leyden.audit.opening import opened
from leyden.audit.rules.doctor import (
    ARGUMENT_UNKNOWN,
    CHECKPOINT_MISSING,
    CHECKPOINT_REFUSED,
    DOCTOR,
    NOT_LITERAL,
    RUN_NOT_CHECKED,
    TRAINER_REFUSES,
)
from leyden.cli.doctor_config import configured
from leyden.errors import FormatError, LeydenError, PathError

# Words for what a run finds by itself, and where it is an address, loading it is checked when it is done.
_WORDS: Final = ("last", "best", "hpc", "registry")
# Objects that no rule between arguments asks about: they may be made while the program runs.
_APART: Final = frozenset(
    ("callbacks", "logger", "default_root_dir", "policy", "encryption", "data_manifest", "async_checkpointing",
     "enable_progress_bar", "enable_model_summary", "enable_checkpointing", "log_every_n_steps", "max_time")
)  # fmt: skip


def examined(script: str, configurations: Sequence[str]) -> tuple[list[str], Survey]:
    """The files to audit, and what else there is to look at. PathError where there is no such program."""
    for path in (script, *configurations):
        if not Path(path).is_file():
            raise PathError(f"There is no file {path}. Name the program that trains, as Python is given it.")
    files = program(Path(script))
    named = [Path(one.path) for file in files for one in _found(file) if isinstance(one, Loaded)]
    there = [str(path) for path in dict.fromkeys(named) if _is_path(str(path)) and path.is_file()]
    survey = Survey("run", lambda: look(files, configurations), DOCTOR)
    return [*map(str, files), *configurations, *there, *_declared()], survey


def _declared() -> Iterator[str]:
    """Files of this directory that say which packages the project runs with."""
    yield from (path.name for path in sorted(Path().iterdir()) if kind(path.name) and path.is_file())


def look(files: Sequence[Path], configurations: Sequence[str]) -> Iterator[Record]:
    """The Trainers of a program and of its configurations, and the checkpoints that it names."""
    for file in files:
        for one in _found(file):
            yield from _trainer(one) if isinstance(one, Made) else _checkpoint(one)
    for path in configurations:
        try:
            for made in configured(Path(path)):
                yield from _trainer(made)
        except FormatError as error:
            yield RUN_NOT_CHECKED.at(Place(path), str(error), key="configuration")


def _found(file: Path) -> list[Made | Loaded]:
    try:
        with opened(str(file), Budget()) as content:
            return list(trainers(content))
    except (UnparsedError, FormatError, OSError, RecursionError):
        return []  # the audit of the file itself says so


def _trainer(made: Made) -> Iterator[Finding]:
    try:
        from leyden import settings
        from leyden.trainer import Trainer
    except ImportError as error:
        yield RUN_NOT_CHECKED.at(made.place, f"torch cannot be imported here: {error}.", key="torch")
        return
    names = [name for name in inspect.signature(Trainer.__init__).parameters if name != "self"]
    strange = [name for name in (*made.arguments, *made.unknown) if name not in names and name != "**"]
    for name in strange:
        close = difflib.get_close_matches(name, names, 1)
        hint = f" Did you mean {close[0]}?" if close else ""
        yield ARGUMENT_UNKNOWN.at(
            made.place, f"Trainer has no argument {name!r}.{hint}", snippet=made.snippet, key=name
        )
    if made.positional:
        text = "Trainer takes its arguments by name, and is given some without."
        yield ARGUMENT_UNKNOWN.at(made.place, text, snippet=made.snippet, key="positional")
    if made.unknown:
        text = f"Not checked, since they are decided while the program runs: {', '.join(made.unknown)}."
        yield NOT_LITERAL.at(made.place, text, snippet=made.snippet)
    if not strange and not made.positional and _APART.issuperset(made.unknown):
        refusal = _refusal(made.arguments, settings, Trainer)
        if refusal:
            yield TRAINER_REFUSES.at(made.place, refusal, snippet=made.snippet)


def _refusal(arguments: Mapping[str, Any], settings: Any, trainer: Any) -> str:
    """Why a Trainer would not take these arguments; "" where it would. No Trainer is made: that may write files."""
    defaults = {
        name: parameter.default
        for name, parameter in inspect.signature(trainer.__init__).parameters.items()
        if name != "self"
    }
    given = {**defaults, **arguments}
    if "://" in str(given["default_root_dir"]):  # whether its place is allowed, the program says while it runs
        given["default_root_dir"] = None
    resolved = inspect.signature(settings.resolve).parameters
    try:
        settings.refuse_unavailable(**{name: given[name] for name in settings.UNAVAILABLE})
        settings.resolve(**{name: given[name] for name in resolved})
    except (LeydenError, TypeError, ValueError, AttributeError, RuntimeError) as error:
        return str(error)
    return ""


def _checkpoint(one: Loaded) -> Iterator[Finding]:
    if not _is_path(one.path):
        return
    path = Path(one.path)
    if not path.is_file():
        text = f"There is no file {one.path}, counted from this directory."
        yield CHECKPOINT_MISSING.at(one.place, text, snippet=one.snippet)
        return
    from leyden.cli.mapped import content
    from leyden.security.policy import admit, admit_pickled, resolve
    from leyden.wire import envelope

    try:
        policy = resolve(None)
        data = content(path)
        if bytes(data[8 : 8 + len(envelope.PREFIX)]) != envelope.PREFIX:
            if not one.path.endswith(".safetensors"):
                admit_pickled(one.path, policy)
            return
        opened_file = envelope.read(data, one.path)
        admit(opened_file.seal, one.path, policy)
        envelope.check_digests(opened_file, data, one.path)
    except LimitError:  # what looks has taken too long, which says nothing about the file
        raise
    except (LeydenError, OSError) as error:
        yield CHECKPOINT_REFUSED.at(one.place, str(error), snippet=one.snippet)


def _is_path(text: str) -> bool:
    return bool(text) and text not in _WORDS and "://" not in text
