"""The standard library's values that JSON lacks, as adapters of the tree codec."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta, timezone, tzinfo
from pathlib import Path, PosixPath, PurePath, PurePosixPath, PureWindowsPath, WindowsPath
from typing import TYPE_CHECKING, Any, Final, TypeVar, final

from leyden.wire.strict_json import Json

if TYPE_CHECKING:
    from leyden.wire.decode import Decoder
    from leyden.wire.encode import Encoder

_Moment = TypeVar("_Moment", date, datetime, time)


@final
@dataclass(frozen=True)
class Adapter:
    """How values of some exact types become the body of a ``$tag`` node, and back.

    Of ``mutable`` values it matters which is which. A ``cyclic`` one may contain itself.
    """

    tag: str
    types: tuple[type, ...]
    encode: Callable[[Any, Encoder], Json]
    decode: Callable[[Json, Decoder], object]
    mutable: bool = False
    cyclic: bool = False


def _bytes_body(value: bytes | bytearray, out: Encoder) -> Json:
    return out.blob(value)


def _complex_body(value: complex, out: Encoder) -> Json:
    return [out.value(value.real), out.value(value.imag)]


def _complex(body: Json, source: Decoder) -> complex:
    if isinstance(body, list) and len(body) == 2:
        parts = source.value(body[0]), source.value(body[1])
        if all(type(part) is float for part in parts):
            return complex(*parts)
    return source.fail("is not a complex number")


def _whole(start: object, stop: object, step: object, out: Encoder) -> Json:
    return [out.value(start), out.value(stop), out.value(step)]


def _range(body: Json, source: Decoder) -> range:
    if isinstance(body, list) and len(body) == 3:
        start, stop, step = map(source.value, body)
        if type(start) is int and type(stop) is int and type(step) is int and step != 0:
            return range(start, stop, step)
    return source.fail("is not a range")


def _slice_body(value: slice, out: Encoder) -> Json:
    if not all(part is None or type(part) is int for part in (value.start, value.stop, value.step)):
        out.fail("is a slice of other things than whole numbers. Save its parts")
    return _whole(value.start, value.stop, value.step, out)


def _slice(body: Json, source: Decoder) -> slice:
    if isinstance(body, list) and len(body) == 3:
        parts = [*map(source.value, body)]
        if all(part is None or type(part) is int for part in parts):
            return slice(*parts)
    return source.fail("is not a slice of whole numbers")


def _path(body: Json, source: Decoder, kind: type[PurePath]) -> PurePath:
    return kind(source.text(body))


def _timedelta_body(value: timedelta, out: Encoder) -> Json:
    return [value.days, value.seconds, value.microseconds]


def _timedelta(body: Json, source: Decoder) -> timedelta:
    match body:
        case [int(days), int(seconds), int(microseconds)] if max(abs(days), abs(seconds), abs(microseconds)) < 10**15:
            try:
                return timedelta(days, seconds, microseconds)
            except OverflowError:
                pass
    return source.fail("is not a timedelta")


def _moment_body(value: datetime | time, out: Encoder) -> Json:
    return [value.replace(tzinfo=None).isoformat(), value.fold, _zone_body(value.tzinfo, out)]


def _datetime(body: Json, source: Decoder) -> datetime:
    match body:
        case [str(text), int(fold), zone] if fold in (0, 1):
            return _moment(datetime, text, source).replace(tzinfo=_zone(zone, source), fold=fold)
    return source.fail("is not a datetime")


def _time(body: Json, source: Decoder) -> time:
    match body:
        case [str(text), int(fold), zone] if fold in (0, 1):
            return _moment(time, text, source).replace(tzinfo=_zone(zone, source), fold=fold)
    return source.fail("is not a time")


def _date(body: Json, source: Decoder) -> date:
    return _moment(date, body, source) if isinstance(body, str) else source.fail("is not a date")


def _moment(kind: type[_Moment], text: str, source: Decoder) -> _Moment:
    try:
        moment = kind.fromisoformat(text)
    except ValueError:
        return source.fail(f"is not a {kind.__name__}")
    # fromisoformat reads more than isoformat writes, and more with each version of Python.
    naive = getattr(moment, "tzinfo", None) is None  # a date has none
    if not naive or moment.isoformat() != text:
        source.fail(f"is not a {kind.__name__} as isoformat writes it, without a zone")
    return moment


def _zone_body(zone: tzinfo | None, out: Encoder) -> Json:
    if zone is None:
        return None
    if type(zone) is not timezone:
        out.fail("has a time zone other than a fixed offset. Save value.astimezone(datetime.timezone.utc)")
    offset, name = zone.utcoffset(None), zone.tzname(None)
    return [_timedelta_body(offset, out), None if timezone(offset).tzname(None) == name else out.text(name)]


def _zone(body: Json, source: Decoder) -> timezone | None:
    if body is None:
        return None
    if isinstance(body, list) and len(body) == 2:
        shift = _timedelta(body[0], source)
        if abs(shift) < timedelta(days=1):
            return timezone(shift) if body[1] is None else timezone(shift, source.text(body[1]))
    return source.fail("has no valid time zone")


def _path_adapter(tag: str, written: tuple[type[PurePath], ...], read: type[PurePath]) -> Adapter:
    return Adapter(tag, written, lambda path, out: out.text(str(path)), lambda body, source: _path(body, source, read))


STANDARD: Final[tuple[Adapter, ...]] = (
    Adapter("bytes", (bytes,), _bytes_body, lambda body, source: bytes(source.blob(body))),
    Adapter("bytearray", (bytearray,), _bytes_body, lambda body, source: bytearray(source.blob(body)), mutable=True),
    Adapter("complex", (complex,), _complex_body, _complex),
    Adapter("range", (range,), lambda value, out: _whole(value.start, value.stop, value.step, out), _range),
    Adapter("slice", (slice,), _slice_body, _slice),
    Adapter("timedelta", (timedelta,), _timedelta_body, _timedelta),
    Adapter("datetime", (datetime,), _moment_body, _datetime),
    Adapter("time", (time,), _moment_body, _time),
    Adapter("date", (date,), lambda value, _: value.isoformat(), _date),
    # A path of another system's cannot exist here, so it comes back as this system's.
    _path_adapter("path", (PosixPath, WindowsPath), Path),
    _path_adapter("posix_path", (PurePosixPath,), PurePosixPath),
    _path_adapter("windows_path", (PureWindowsPath,), PureWindowsPath),
)
