"""JSON from a stranger: read within limits, and refused where two readers could disagree about it."""

from __future__ import annotations

import json
import re
from typing import Any, NoReturn, TypeAlias

from leyden.errors import FormatError

Json: TypeAlias = "bool | int | float | str | list[Json] | dict[str, Json] | None"

LONGEST_INTEGER = 20  # characters: enough for 64 bits and a sign
_STRING = re.compile(r'"[^"]*"')
_ALL_BUT_BRACKETS = bytes(byte for byte in range(256) if byte not in b"[]{}")


def loads(text: str, *, depth: int, values: int, what: str) -> Json:
    """Parse ``text``; ``what`` names it in the FormatError.

    Refused beside malformed text: a key that appears twice in one object, NaN and infinities, integers longer than
    64 bits, nesting beyond ``depth`` and more than ``values`` values. The last two are found before anything is built.
    """
    _check_size(text, depth, values, what)

    def integer(digits: str) -> int:
        if len(digits) > LONGEST_INTEGER:
            raise FormatError(f"{what} holds an integer of {len(digits)} digits; 64 bits is the limit.")
        return int(digits)

    def real(digits: str) -> float:
        number = float(digits)
        if number in (float("inf"), float("-inf")):
            raise FormatError(f"{what} holds the number {digits[:40]}, which no 64-bit float can hold.")
        return number

    def constant(name: str) -> NoReturn:
        raise FormatError(f"{what} holds {name}, which is not JSON.")

    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        members = dict(pairs)
        if len(members) != len(pairs):
            keys = [key for key, _ in pairs]
            twice = next(key for key in keys if keys.count(key) > 1)
            raise FormatError(f"{what} has the key {twice[:200]!r} twice in one object, so its meaning is not certain.")
        return members

    try:
        parsed: Json = json.loads(
            text, object_pairs_hook=unique, parse_int=integer, parse_float=real, parse_constant=constant
        )
    except json.JSONDecodeError as error:
        raise FormatError(f"{what} is not JSON: {error}.") from None
    return parsed


def dumps(value: Json) -> str:
    """Compact ASCII text of ``value``, the same for the same value."""
    return json.dumps(value, separators=(",", ":"), check_circular=False, allow_nan=False)


def _check_size(text: str, depth: int, values: int, what: str) -> None:
    opening = text.count("[") + text.count("{")
    if opening <= depth and opening + text.count(",") < values:
        return  # an upper bound is within the limits already
    # Escaped quotes go first; then a string ends at the next quote, and what is left outside of strings is structure.
    plain = text.replace("\\\\", "").replace('\\"', "")
    if plain.count('"') > 4 * values:
        raise FormatError(f"{what} has over {values:,} values, the limit.")
    structure = _STRING.sub("", plain).encode("ascii", "replace")
    if sum(map(structure.count, (b",", b"[", b"{"))) >= values:
        raise FormatError(f"{what} has over {values:,} values, the limit.")
    level = 0
    for bracket in structure.translate(None, _ALL_BUT_BRACKETS):
        level += 1 if bracket in b"[{" else -1
        if level > depth:
            raise FormatError(f"{what} is nested deeper than {depth} levels, the limit.")
