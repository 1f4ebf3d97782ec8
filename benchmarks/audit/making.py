"""Files put together byte by byte. Nothing here is ever loaded by what would run it."""

from __future__ import annotations

import io
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

MAGIC = b"\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19."
VERSION = b"\x80\x02M\xe9\x03."
SYSTEM = b"\x80\x02}q\x00(X\x10\x00\x00\x00protocol_versionq\x01M\xe9\x03X\r\x00\x00\x00little_endianq\x02\x88u."
HARMLESS = b"\x80\x02ccollections\nOrderedDict\n)R."
TENSORS = (
    b"\x80\x02}X\x01\x00\x00\x00wctorch._utils\n_rebuild_tensor_v2\n(("
    b"X\x07\x00\x00\x00storagectorch\nFloatStorage\nX\x01\x00\x00\x000X\x03\x00\x00\x00cpuK\x06tQ"
    b"K\x00K\x02K\x03\x86K\x03K\x01\x86\x89ccollections\nOrderedDict\n)RtRs."
)
STORAGE = struct.pack("<6f", *range(6))

Call = tuple[str, str, str]  # module, name, argument
How = Literal["global", "stack", "inst", "obj", "newobj", "newobj_ex", "memo", "none"]


@dataclass(frozen=True)
class Sample:
    """A file of the corpus."""

    technique: str
    name: str
    content: bytes
    hostile: bool


def text(value: str) -> bytes:
    data = value.encode()
    return b"X" + struct.pack("<I", len(data)) + data


def short(value: str) -> bytes:
    data = value.encode()
    return b"\x8c" + bytes([len(data)]) + data


def calling(call: Call, how: How = "global", *, protocol: int = 2) -> bytes:
    """Operations that call ``call`` in one of the ways that there are, and leave the answer on the stack."""
    module, name, argument = call
    named = f"c{module}\n{name}\n".encode()
    given = text(argument) if protocol else f"V{argument}\n".encode()
    one = given + b"\x85" if protocol >= 2 else b"(" + given + b"t"
    match how:
        case "global":
            return named + one + b"R"
        case "stack":
            return short(module) + short(name) + b"\x93" + one + b"R"
        case "inst":
            return b"(" + given + f"i{module}\n{name}\n".encode()
        case "obj":
            return b"(" + named + given + b"o"
        case "newobj":
            return named + one + b"\x81"
        case "newobj_ex":
            return named + one + b"}\x92"
        case "memo":
            return short(module) + b"\x940" + short(name) + b"\x940h\x00h\x01\x93" + one + b"R"
        case "none":
            return named


def pickled(operations: bytes, protocol: int = 2) -> bytes:
    return (bytes([0x80, protocol]) if protocol >= 2 else b"") + operations + b"."


def framed(operations: bytes) -> bytes:
    body = operations + b"."
    return b"\x80\x04\x95" + struct.pack("<Q", len(body)) + body


def torch_zip(
    pickle: bytes = TENSORS,
    storages: Mapping[str, bytes] | None = None,
    *,
    root: str = "archive",
    name: str = "data.pkl",
    more: Iterable[tuple[str, bytes]] = (),
    method: int = zipfile.ZIP_STORED,
    first: Iterable[tuple[str, bytes]] = (),
) -> bytes:
    """A zip archive as torch.save writes them."""
    storages = {"0": STORAGE} if storages is None else storages
    members = [*first, (f"{root}/{name}", pickle), (f"{root}/byteorder", b"little"), (f"{root}/version", b"3\n")]
    members += [(f"{root}/data/{key}", content) for key, content in storages.items()]
    return zipped([*members, *more], method)


def zipped(members: Iterable[tuple[str, bytes]], method: int = zipfile.ZIP_STORED) -> bytes:
    """A plain zip archive, with members of the same name where they are given."""
    return raw_zip([(name, name, content, method) for name, content in members])


def raw_zip(
    members: Sequence[tuple[str, str, bytes, int]],
    *,
    hidden: frozenset[str] = frozenset(),
    comment: bytes = b"",
    flags: int = 0,
    version: int = 20,
    count: int | None = None,
    crc: int = 0,
) -> bytes:
    """A zip archive of (name in the header, name in the directory, content, method), however wrong that is."""
    out, directory = io.BytesIO(), io.BytesIO()
    entries = 0
    for own, listed, content, method in members:
        packed = content
        if method == zipfile.ZIP_DEFLATED:
            machine = zlib.compressobj(9, zlib.DEFLATED, -15)
            packed = machine.compress(content) + machine.flush()
        at, check = out.tell(), zlib.crc32(content) ^ crc
        sizes = struct.pack("<III", check, len(packed), len(content))
        out.write(struct.pack("<IHHHHH", 0x04034B50, version, flags, method, 0, 0) + sizes)
        out.write(struct.pack("<HH", len(own.encode()), 0) + own.encode() + packed)
        if listed in hidden:
            continue
        entries += 1
        directory.write(struct.pack("<IHHHHHH", 0x02014B50, version, version, flags, method, 0, 0) + sizes)
        directory.write(struct.pack("<HHHHHII", len(listed.encode()), 0, 0, 0, 0, 0, at) + listed.encode())
    start, listing = out.tell(), directory.getvalue()
    total = entries if count is None else count
    end = struct.pack("<IHHHHIIH", 0x06054B50, 0, 0, total, total, len(listing), start, len(comment))
    return out.getvalue() + listing + end + comment


def tarred(members: Iterable[tuple[str, bytes]], links: Iterable[tuple[str, str]] = (), mode: str = "w") -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode=mode) as archive:  # type: ignore[call-overload]
        for name, content in members:
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
        for name, target in links:
            info = tarfile.TarInfo(name)
            info.type, info.linkname = tarfile.SYMTYPE, target
            archive.addfile(info)
    return out.getvalue()


def legacy(main: bytes = TENSORS, *, magic: bytes = MAGIC, version: bytes = VERSION, system: bytes = SYSTEM,
           keys: bytes = b"\x80\x02](X\x01\x00\x00\x000e.", numel: int = 6, after: bytes = b"") -> bytes:  # fmt: skip
    """Five pickles in a row and a storage, as torch before 1.6 wrote them."""
    return magic + version + system + main + keys + struct.pack("<q", numel) + STORAGE + after


def npy(content: bytes, descr: str = "|O", shape: tuple[int, ...] = (1,)) -> bytes:
    header = f"{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}".encode()
    header += b" " * (-(len(header) + 11) % 64) + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header + content


def joblib(payload: bytes, *, dtype: bytes = b"U\x02f8", size: int = 16) -> bytes:
    """A pickle of joblib: an array in the middle of the stream, and then ``payload``."""
    wrapper = (
        b"\x80\x02(cjoblib.numpy_pickle\nNumpyArrayWrapper\n)\x81}(U\x08subclasscnumpy\nndarray\nU\x05shapeK\x02\x85U\x05orderU\x01C"
        b"U\x05dtypecnumpy\ndtype\n" + dtype + b"\x89\x88\x87RU\x0aallow_mmap\x88ub"
    )
    return wrapper + bytes(range(200, 200 + size)) + payload + b"t."


def safetensors(header: bytes, data: bytes = b"") -> bytes:
    return struct.pack("<Q", len(header)) + header + data


def varint(number: int) -> bytes:
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


def proto(number: int, content: bytes | int) -> bytes:
    """A field of a protocol buffer."""
    if isinstance(content, int):
        return varint(number << 3) + varint(content)
    return varint(number << 3 | 2) + varint(len(content)) + content


def onnx(location: str | None) -> bytes:
    external = (
        b"" if location is None else proto(13, proto(1, b"location") + proto(2, location.encode())) + proto(14, 1)
    )
    tensor = proto(1, 3) + proto(2, 1) + proto(8, b"w") + external
    return proto(1, 8) + proto(2, b"corpus") + proto(7, proto(2, b"graph") + proto(5, tensor)) + proto(8, proto(2, 17))
