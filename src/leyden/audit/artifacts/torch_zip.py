"""What is in torch's zip files: one pickle that is the object, and storages that nobody unpickles."""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final, final

from leyden.audit.artifacts import lightning, unpack
from leyden.audit.artifacts.pickles import read_pickle
from leyden.audit.artifacts.streams import examine
from leyden.audit.finding import File, Record
from leyden.audit.rules.artifacts import CONTAINER, COSTS, STORAGE, TORCHSCRIPT, TRAILING
from leyden.audit.rules.engine import DAMAGED
from leyden.wire.pickle.nodes import Name
from leyden.wire.pickle.storages import Storage, storage_of
from leyden.wire.pickle.table import is_harmless
from leyden.wire.zip_parts import ENCRYPTED, Member

_LARGEST_CHECKED: Final = 16 << 20
DTYPES: Final[Mapping[str, str]] = {
    "BFloat16Storage": "BF16",
    "BoolStorage": "BOOL",
    "ByteStorage": "U8",
    "CharStorage": "I8",
    "ComplexDoubleStorage": "C128",
    "ComplexFloatStorage": "C64",
    "DoubleStorage": "F64",
    "FloatStorage": "F32",
    "HalfStorage": "F16",
    "IntStorage": "I32",
    "LongStorage": "I64",
    "ShortStorage": "I16",
}
_SCRIPT_MODULE: Final = "torch.jit._pickle"
_SCRIPT_NAMES: Final = {
    "build_boollist",
    "build_doublelist",
    "build_intlist",
    "build_tensor_from_id",
    "build_tensorlist",
    "restore_type_tag",
}
_FILES: Final = re.compile(rb"\b(?:torch|ops\s*\.\s*aten|aten)\s*(?:\.|::)\s*(?:save|from_file)\b")
_IGNORED: Final = re.compile(rb"#[^\n]*|\\(?=\n)")  # by the reader of TorchScript: comments, and the ends of lines


@final
@dataclass
class Model:
    """The members of an archive that make it a file of torch. Names count as torch compares them: without case."""

    pickles: list[Member] = field(default_factory=list)  # data.pkl and constants.pkl; several are a contradiction
    storages: dict[str, Member] = field(default_factory=dict)  # by key
    code: list[Member] = field(default_factory=list)
    script: bool = False
    described: dict[str, Storage] = field(default_factory=dict)  # by key, filled while the pickles are read

    @property
    def dtypes(self) -> tuple[str, ...]:
        """The types of the numbers, as safetensors calls them."""
        return tuple(sorted({DTYPES.get(storage.kind, storage.kind) for storage in self.described.values()}))

    @property
    def numbers(self) -> int:
        """How many numbers the storages hold."""
        return sum(storage.numel for storage in self.described.values())

    @staticmethod
    def of(members: list[Member]) -> Model | None:
        """The parts of a torch file, or None where the archive is none."""
        model = Model()
        for member in members:
            folder, _, name = member.name.casefold().rpartition("/")
            last = folder.rpartition("/")[2]
            if name in ("data.pkl", "constants.pkl"):
                model.pickles.append(member)
                model.script = model.script or name == "constants.pkl"
            elif last in ("data", "constants", "weights", "tensors"):
                model.storages.setdefault(name, member)
            elif "/code/" in member.name:
                model.code.append(member)
        return model if model.pickles else None


def read_model(file: File, model: Model, done: set[str]) -> Iterator[Record]:
    """What is wrong with the pickles and storages; the names of the members that need no other look go to ``done``."""
    # Beside its code, TorchScript keeps where each line came from, as a pickle.
    origins = [member for member in model.code if model.script and member.name.endswith(".debug_pkl")]
    for member in (*model.pickles, *origins):
        if member.flags & ENCRYPTED or member.method not in (0, 8) or member.start == 0:
            continue
        content = file.data[member.start : member.start + member.packed]
        if member.method:
            unpacked = unpack.undeflate(content, file.budget)
            content = memoryview(unpacked.content)
            if unpacked.problem:
                message = f"The member cannot be unpacked to its end: {unpacked.problem}."
                yield DAMAGED.at(file.place.within(member.name), message, key="member")
        opened = file.member(member.name, content)
        yield from judge_checksum(file, member, content)
        yield from _read_pickle(file, opened, model, done)
        done.add(member.name)
    for member in model.code:
        yield from _read_code(file, member, script=model.script)


def judge_checksum(file: File, member: Member, content: memoryview) -> Iterator[Record]:
    """Whether a member is what its archive says, unless it takes long to find out."""
    if len(content) <= _LARGEST_CHECKED and zlib.crc32(content) != member.crc:
        yield CONTAINER.at(file.place.within(member.name), "The member's checksum is wrong.", key="checksum")


def _read_pickle(file: File, opened: File, model: Model, done: set[str]) -> Iterator[Record]:
    pickle = read_pickle(opened, harmless=is_script_name if model.script else is_harmless)
    yield from examine(opened, pickle)
    yield from lightning.read_checkpoint(opened, pickle.value)
    if pickle.broken is None and pickle.stop < len(opened.data):
        yield TRAILING.at(opened.place.at_byte(pickle.stop), "Bytes follow the end of the pickle.", key="bytes")
    for storage in filter(None, map(storage_of, pickle.persistents)):
        model.described[storage.key] = storage
        member = model.storages.get(storage.key.casefold())
        if member is None:
            message = f"Storage {storage.key[:40]!r} is not in the archive."
            yield STORAGE.at(opened.place, message, key=f"missing {storage.key[:40]}")
            continue
        if member.name in done:
            continue
        done.add(member.name)
        place = file.place.within(member.name)
        if member.size != storage.nbytes:
            message = f"The storage has {member.size:,} bytes, and the pickle says {storage.nbytes:,}."
            yield STORAGE.at(place, message, key="size")
        if member.method and member.size > (16 << 20) and member.size > 100 * member.packed:
            message = f"{member.packed:,} compressed bytes become {member.size:,} when the model is loaded."
            yield COSTS.at(place, message, key="bomb")


def is_script_name(name: Name) -> bool:
    """Whether a name is harmless in TorchScript, whose own classes are not Python's."""
    module, attribute = name
    own = module == "__torch__" or module.startswith("__torch__.")
    return own or (module == _SCRIPT_MODULE and attribute in _SCRIPT_NAMES) or is_harmless(name)


def _read_code(file: File, member: Member, *, script: bool) -> Iterator[Record]:
    if (
        not script
        or not member.name.endswith(".py")
        or member.start == 0
        or member.flags & ENCRYPTED
        or member.method not in (0, 8)
    ):
        return
    packed = file.data[member.start : member.start + member.packed]
    content = bytes(packed if member.method == 0 else unpack.undeflate(packed, file.budget).content)
    content = _IGNORED.sub(lambda ignored: b" " * len(ignored[0]), content)
    found = _FILES.search(content)
    if found is not None:
        line = content.count(b"\n", 0, found.start()) + 1
        snippet = content[found.start() : found.start() + 80].decode("utf-8", "replace")
        message = f"Its program calls {b''.join(found[0].split()).decode()}."
        yield TORCHSCRIPT.at(file.place.within(member.name).at_line(line), message, snippet=snippet, key=snippet)
