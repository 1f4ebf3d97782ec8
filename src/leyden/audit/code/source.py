"""Python code and notebooks as something that is audited."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from leyden.audit.finding import File, Record, Source
from leyden.audit.rules.code_loads import LOADS, UNPARSED
from leyden.audit.rules.code_surroundings import SURROUNDINGS
from leyden.audit.rules.code_training import TRAINING

_SUFFIXES: Final = (".py", ".pyw", ".ipynb")  # nothing runs a .pyi
_SHEBANG: Final = re.compile(rb"#![^\n]{0,80}\bpython")


def read_code(file: File) -> Iterator[Record]:
    """Everything that is wrong with one file, if it is Python or a notebook. Nothing inside archives is."""
    if file.place.inside or not len(file.data) or not is_code(file):
        return
    # Here, since parsing Python takes modules that an audit of models never needs.
    from leyden.audit.code.inspection import findings
    from leyden.audit.code.text import UnparsedError

    try:
        yield from findings(file)
    except UnparsedError as error:
        yield UNPARSED.at(file.place, f"It was not looked at: {error}.", key="unparsed")


def is_code(file: File) -> bool:
    """Whether a file is Python, by its name or its first line, or a notebook."""
    name = file.name
    return name.endswith(_SUFFIXES) or ("." not in name and _SHEBANG.match(bytes(file.data[:100])) is not None)


SOURCE: Final = Source("code", read_code, (*LOADS, *TRAINING, *SURROUNDINGS))
