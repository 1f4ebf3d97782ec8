"""A process that looks at files for another one: a file that ends it, or never ends, costs one worker and no audit.

Each line in is a JSON list of jobs; for each job one line goes out, a JSON list of records.
"""

from __future__ import annotations

import gc
import json
import os
import signal
import sys
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import IO, Final

from leyden.audit import suppress
from leyden.audit.finding import Limits, Source
from leyden.audit.look import Job, look
from leyden.audit.records import to_json

READY: Final = b"ready\n"
# Nothing of the current directory or of the environment is imported: what is audited may lie there.
_START: Final = "import sys; sys.path += sys.argv[1:]; from leyden.audit.worker import main; main()"


def command() -> list[str]:
    """How a worker is started: with the paths that this process imports from, but never the current directory."""
    here = str(Path.cwd())
    package = str(Path(__file__).parents[2])
    paths = [path for path in sys.path if os.path.isabs(path) and path != here]  # noqa: PTH117
    if package not in paths:
        paths.insert(0, package)
    return [sys.executable, "-I", "-S", "-X", f"utf8={sys.flags.utf8_mode}", "-c", _START, *paths]


def main() -> None:
    """Serve on standard input and output until the other side closes them."""
    from leyden.audit.sources import SOURCES

    gc.set_threshold(50_000)  # a syntax tree is many objects and no circle, and looking for some takes a tenth
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the other side gets it too, and ends this one
    _limit_memory(Limits().memory)
    serve(SOURCES, sys.stdin.buffer, sys.stdout.buffer)


def serve(sources: Iterable[Source], jobs: IO[bytes], answers: IO[bytes]) -> None:
    """Answer each line of ``jobs``."""
    sources, today = tuple(sources), suppress.today()
    answers.write(READY)
    answers.flush()
    for line in jobs:
        for job in json.loads(line):
            records = [to_json(record) for record in look(_job(job), sources, today)]
            answers.write(json.dumps(records, separators=(",", ":")).encode("ascii") + b"\n")
            answers.flush()


def line(jobs: Iterable[Job]) -> bytes:
    """What asks a worker to do ``jobs``."""
    return json.dumps([asdict(job) for job in jobs], separators=(",", ":")).encode("ascii") + b"\n"


def _job(members: dict[str, object]) -> Job:
    limits = members.pop("limits")
    assert isinstance(limits, dict)
    return Job(**members, limits=Limits(**limits))  # type: ignore[arg-type]  # what `line` wrote


def _limit_memory(size: int) -> None:
    """At most ``size`` bytes of memory, mapped files not counted, where the system can limit it."""
    try:
        import resource
    except ImportError:
        return
    _, most = resource.getrlimit(resource.RLIMIT_DATA)
    wanted = size if most == resource.RLIM_INFINITY else min(size, most)
    resource.setrlimit(resource.RLIMIT_DATA, (wanted, most))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
