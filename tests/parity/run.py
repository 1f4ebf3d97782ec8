"""Run parity programs under one framework: ``python -m tests.parity.run FRAMEWORK OUTDIR [PROGRAM…]``.

Writes ``OUTDIR/results.json``: for each program its result, or the traceback of the error that ended it.
"""

from __future__ import annotations

import importlib
import json
import logging
import os
import sys
import time
import traceback
import warnings
from pathlib import Path
from typing import Any

import torch
from tests.parity.toolkit import exact

PROGRAMS = Path(__file__).parent / "programs"


def program_names() -> list[str]:
    """Every program, by the name of its file."""
    return sorted(path.stem for path in PROGRAMS.glob("[a-z]*.py"))


def run_program(name: str, L: Any, out: Path) -> dict[str, Any]:
    """Run one program in a folder of its own and with a fixed seed."""
    out.mkdir(parents=True)
    environment = dict(os.environ)
    os.chdir(out)
    torch.manual_seed(1)
    started = time.perf_counter()
    declared: dict[str, Any] = {}
    answer: dict[str, Any]
    try:
        module = importlib.import_module(f"tests.parity.programs.{name}")
        declared = {"differs": getattr(module, "DIFFERS", {}), "unavailable": getattr(module, "UNAVAILABLE", None)}
        answer = {"result": exact(module.program(L, out), out)}
    except Exception:  # noqa: BLE001 - an error of one program is its answer
        answer = {"error": traceback.format_exc()}
    finally:
        os.environ.clear()
        os.environ.update(environment)
    return answer | declared | {"seconds": time.perf_counter() - started}


def main(framework: str, outdir: str, *names: str) -> None:
    """Run the named programs, or all of them."""
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    L = importlib.import_module(framework)
    for part in ("callbacks", "loggers"):
        importlib.import_module(f"{framework}.{part}")
    logging.disable(logging.WARNING)
    folder = Path(outdir).resolve()
    results = {name: run_program(name, L, folder / name) for name in names or program_names()}
    (folder / "results.json").write_text(json.dumps(results))


if __name__ == "__main__":
    main(*sys.argv[1:])
