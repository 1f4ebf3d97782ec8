"""Hostile archives and model files of a second collection, written against the formats and not against the rules."""

from __future__ import annotations

import bz2
import gzip
import io
import json
import lzma
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Iterator

from benchmarks.audit.hostile_pickles import SHOP, SYSTEM
from benchmarks.audit.making import (
    MAGIC,
    STORAGE,
    TENSORS,
    VERSION,
    calling,
    framed,
    joblib,
    legacy,
    npy,
    pickled,
    proto,
    raw_zip,
    safetensors,
    tarred,
    torch_zip,
    varint,
    zipped,
)

Made = Iterator[tuple[str, bytes]]

RUN = pickled(calling(SYSTEM))
BUY = pickled(calling(SHOP))
OLD = pickled(calling(SYSTEM, protocol=0), 0)
BAD_ZIP = torch_zip(pickled(calling(SYSTEM) + b"0}"))
GOOD_ZIP = torch_zip()
END = struct.Struct("<IHHHHIIH")


def members_beside() -> Made:
    for name in (
        "b/data.pkl", "ARCHIVE/DATA.PKL", "archive/./data.pkl", "archive//data.pkl", "archive\\data.pkl", "data.pkl",
        "archive/data.pkl/", "archive/data.pkl.", "archive/data.pkl ", "archive/.data/data.pkl", "archive/data/1",
        "archive/extra/model.bin", "archive/other.dat", "archive/weights", "archive/README.md", "archive/notes.txt",
        "archive/config.json", "archive/code/__torch__.py", "archive/constants.pkl", "archive/attributes.pkl",
        "archive/bytecode.pkl", "archive/data/sample_inputs/model.pt", "archive/data/constants/custom_obj_0",
        "archive/data/weights/w.pt", "archive/models/model.json", "archive/byteorder", "archive/.data/serialization_id",
    ):  # fmt: skip
        for run in (RUN, BUY, OLD, gzip.compress(RUN), torch_zip(BUY)):
            yield "model.pt", torch_zip(more=[(name, run)])
            yield "model.pt2", torch_zip(first=[(name, run)])


def zips_around_zips() -> Made:
    for name in ("model.pt", "model.zip", "arrays.npz", "model.keras", "model", "model.bin", "model.mar", "last.ckpt"):
        for before in (b"", b"junk", b"#!/bin/sh\nexit\n", bytes(4096), b"PK\7\x08", b"GIF89a", b"%PDF-1.4\n"):
            for after in (b"", b"junk", bytes(100), b"\n%%EOF"):
                if before or after:
                    yield name, before + BAD_ZIP + after
        yield name, BAD_ZIP + GOOD_ZIP
        yield name, GOOD_ZIP + BAD_ZIP
        yield name, RUN + GOOD_ZIP
        yield name, GOOD_ZIP + RUN
        yield name, b"x" + BAD_ZIP[:-2] + struct.pack("<H", 4) + b"note"
        yield name, BAD_ZIP + GOOD_ZIP[-22:]
        yield name, BAD_ZIP[:-1]


def ended(**changes: int) -> bytes:
    names = ("signature", "disk", "first", "here", "count", "size", "offset", "comment")
    fields = dict(zip(names, END.unpack(BAD_ZIP[-22:]), strict=True)) | changes
    return BAD_ZIP[:-22] + END.pack(*fields.values())


def end_records() -> Made:
    size, offset = struct.unpack("<II", BAD_ZIP[-10:-2])
    for changes in (
        {"disk": 1}, {"first": 1}, {"here": 0}, {"here": 0, "count": 0}, {"size": size - 1}, {"size": 0},
        {"offset": offset - 4}, {"offset": offset + 4}, {"offset": 0}, {"here": 65535, "count": 65535},
        {"size": 0xFFFFFFFF}, {"offset": 0xFFFFFFFF}, {"comment": 10}, {"here": 1, "count": 1},
    ):  # fmt: skip
        for name in ("model.pt", "arrays.npz", "model"):
            yield name, ended(**changes)
    for comment in (GOOD_ZIP[-22:], GOOD_ZIP, b"c" * 65535):
        yield "model.pt", BAD_ZIP[:-2] + struct.pack("<H", len(comment)) + comment
    yield "model.pt", GOOD_ZIP[:-2] + struct.pack("<H", len(BAD_ZIP)) + BAD_ZIP


def wide_records() -> Made:
    _, _, _, _, count, size, offset, _ = END.unpack(BAD_ZIP[-22:])
    at = len(BAD_ZIP) - 22
    full = END.pack(0x06054B50, 0, 0, 0xFFFF, 0xFFFF, 0xFFFFFFFF, 0xFFFFFFFF, 0)
    for number, long, start, where, end in (
        (count, size, offset, at, full), (1, size, offset, at, full), (count, size, 5, at, full), (count, 1, offset,
        at, full),
        (count, size, offset, 3, full), (count, size, 1, at, BAD_ZIP[-22:]), (1 << 60, size, offset, at, full),
        (count, size, 1 << 63, at, full), (count, (1 << 64) - 1, offset, at, full),
    ):  # fmt: skip
        record = struct.pack("<IQHHIIQQQQ", 0x06064B50, 44, 45, 45, 0, 0, number, number, long, start)
        for name in ("model.pt", "arrays.npz"):
            yield name, BAD_ZIP[:-22] + record + struct.pack("<IIQI", 0x07064B50, 0, where, 1) + end


def compressed_zip(members: list[tuple[str, bytes]], method: int) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as archive:
        for name, content in members:
            archive.writestr(zipfile.ZipInfo(name), content, method)
    return out.getvalue()


def zip_methods() -> Made:
    for method in (zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA, zipfile.ZIP_DEFLATED):
        for name in ("model.pt", "arrays.npz", "model.zip", "last.ckpt", "model"):
            yield name, compressed_zip([("archive/data.pkl", RUN)], method)
            yield name, compressed_zip([("a.npy", npy(RUN))], method)
            yield name, compressed_zip([("x/model.pkl", RUN)], method)
    for method in (1, 6, 9, 93, 95, 98, 99, 21845):
        for name, member in (("model.pt", "archive/data.pkl"), ("model.zip", "model.pkl"), ("arrays.npz", "a.npy")):
            yield name, raw_zip([(member, member, RUN, method)])
    packed = compressed_zip([("model.pkl", RUN + bytes(range(256)) * 9)], zipfile.ZIP_DEFLATED)
    yield "model.zip", changed(packed, (packed.index(b"PK\1\2") - 20, b"\xff\xff"))


def single(name: bytes, content: bytes, *, extra: bytes = b"", own: bytes = b"", attributes: int = 0) -> bytes:
    """A zip archive of one member with extra fields and the attributes that Unix gives."""
    sizes = struct.pack("<III", zlib.crc32(content), len(content), len(content))
    out = struct.pack("<IHHHHH", 0x04034B50, 20, 0, 0, 0, 0) + sizes + struct.pack("<HH", len(name), len(own))
    out += name + own + content
    entry = struct.pack("<IHHHHHH", 0x02014B50, 0x0314, 20, 0, 0, 0, 0) + sizes
    entry += struct.pack("<HHHHHII", len(name), len(extra), 0, 0, 0, attributes, 0) + name + extra
    return out + entry + END.pack(0x06054B50, 0, 0, 1, 1, len(entry), len(out), 0)


def zip_extras() -> Made:
    def renamed(new: bytes, old: bytes) -> bytes:
        return struct.pack("<HHBI", 0x7075, 5 + len(new), 1, zlib.crc32(old)) + new

    yield "model.zip", single(b"a.txt", RUN, extra=renamed(b"model.pkl", b"a.txt"))
    yield "model.pt", single(b"archive/x.txt", RUN, extra=renamed(b"archive/data.pkl", b"archive/x.txt"))
    yield "model.zip", single(b"link", b"/etc/passwd", attributes=0xA1FF0000)
    yield "model.pt", single(b"archive/data.pkl\0.txt", RUN)
    yield "model.pt", single(b"archive/data.pkl", RUN, extra=b"\x01\0\xff\xff" + bytes(8))
    yield "model.pt", single(b"archive/data.pkl", RUN, own=b"PK\1\2" + bytes(60))
    yield "model.pt", single("archive/dàta.pkl".encode("cp437"), RUN)


def member_paths() -> Made:
    for path in (
        "../evil.pkl", "a/../../b", "/etc/x", "C:\\x", "..\\x", "a/..", "//host/share", "a\\..\\..\\b", "C:x",
        "\\\\host\\x",
        "./../x", "a/./../../x", "..",
    ):  # fmt: skip
        yield "model.zip", zipped([(path, b"hi")])
        yield "model.tar", tarred([(path, b"hi")])
        yield "model.pt", torch_zip(more=[(path, b"hi")])


def checked(header: bytes, style: str = "%06o\0 ", *, signed: bool = False) -> bytes:
    """A tar archive whose first header has its checksum, written in one of the ways that Python's tarfile reads."""
    block = bytearray(header[:512])
    block[148:156] = b" " * 8
    total = sum(byte - 256 if signed and byte > 127 else byte for byte in block)
    field = b"\x80" + total.to_bytes(7, "big") if style == "binary" else (style % total).encode()
    block[148:156] = field.ljust(8, b"\0")
    return bytes(block) + header[512:]


def changed(header: bytes, *parts: tuple[int, bytes]) -> bytes:
    out = bytearray(header)
    for at, content in parts:
        out[at : at + len(content)] = content
    return bytes(out)


def tar_headers() -> Made:
    plain = tarred([("model.pkl", RUN)])
    for style in ("%06o\0 ", "binary", " %o", "0_%o", "+%o", "0o%o", "%08o"):
        for name in ("model.tar", "model.pt", "model", "model.nemo", "model.bin"):
            yield name, checked(plain, style)
    for name in ("model.tar", "model.pt", "model"):
        yield name, checked(changed(plain, (200, b"\xff"), (260, b"\xfe")), signed=True)
        yield name, checked(changed(plain, (0, bytes(100)), (257, b"ustar\x0000"), (345, b"model.pkl\0")))
    yield "model.tar", checked(changed(plain, (257, bytes(255))))
    for size in (b"\x80" + len(RUN).to_bytes(11, "big"), b"\xff" * 12, b"77777777777\0"):
        yield "model.tar", checked(changed(plain, (124, size)))


def with_headers(headers: dict[str, str], name: str, content: bytes) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as archive:
        info = tarfile.TarInfo(name)
        info.size, info.pax_headers = len(content), headers
        archive.addfile(info, io.BytesIO(content))
    return out.getvalue()


def tar_kinds() -> Made:
    plain, text = tarred([("model.pkl", RUN)]), tarred([("a.txt", b"hi")])
    for kind in (tarfile.GNU_FORMAT, tarfile.PAX_FORMAT, tarfile.USTAR_FORMAT):
        out = io.BytesIO()
        with tarfile.open(fileobj=out, mode="w", format=kind) as archive:
            info = tarfile.TarInfo("a" * 60 + "/" + "b" * 60 + "/model.pkl")
            info.size = len(RUN)
            archive.addfile(info, io.BytesIO(RUN))
        yield "model.tar", out.getvalue()
    holes = {"GNU.sparse.major": "1", "GNU.sparse.minor": "0", "GNU.sparse.realsize": str(len(RUN))}
    yield "model.tar", with_headers({"path": "../evil"}, "x.txt", b"hi")
    yield "model.tar", with_headers({"path": "model.pkl"}, "x.txt", RUN)
    yield (
        "model.tar",
        with_headers(holes | {"GNU.sparse.name": "model.pkl"}, "x", b"1\n0\n31\n".ljust(512, b"\0") + RUN),
    )
    yield "model.tar", with_headers({"GNU.sparse.map": f"0,{len(RUN)}"}, "model.pkl", RUN)
    yield "model.tar", with_headers({"size": "1"}, "model.pkl", RUN)
    for kind in (b"1", b"2", b"3", b"4", b"6", b"7", b"\0", b"V", b"M", b"D", b"S", b"Z"):
        yield "model.tar", checked(changed(plain, (156, kind + (b"../../x" if kind in b"12" else b""))))
    yield "model.tar", text + plain
    yield "model.tar", text[:1024] + plain
    yield "model.tar", text[:1024] + bytes(512) + plain
    yield "model.tar", plain[:512] + RUN[:9]
    yield "model.tar", changed(tarred([("a.txt", b"hi"), ("model.pkl", RUN)]), (1024 + 148, b"9"))
    for mode in ("w:gz", "w:bz2", "w:xz"):
        yield "model.pt", tarred([("a/b/model.pt", torch_zip(RUN))], mode=mode)
        yield "model", tarred([("a.tar.gz", tarred([("b.pkl", gzip.compress(RUN))], mode="w:gz"))], mode=mode)


def compression() -> Made:
    for run in (RUN, BUY):
        packed, small, tight = gzip.compress(run), bz2.compress(run), lzma.compress(run)
        machine = zlib.compressobj(9, zlib.DEFLATED, -15)
        raw = machine.compress(run) + machine.flush()
        head = b"\x1f\x8b\x08\x1e" + bytes(4) + b"\0\3\3\0abcname\0comment\0"
        head += struct.pack("<H", zlib.crc32(head) & 0xFFFF)
        for name in ("model.pkl", "model.pkl.gz", "model", "model.bin", "model.joblib"):
            yield name, head + raw + struct.pack("<II", zlib.crc32(run), len(run))
            for content in (
                packed[:-8] + bytes(8),
                packed[:-4],
                packed[:-9],
                packed + bytes(100),
                small[:-4],
                tight[:-6],
            ):
                yield name, content
            yield name, gzip.compress(b"") + packed
            yield name, gzip.compress(run[:9]) + bytes(20) + gzip.compress(run[9:])
            yield name, bz2.compress(run[:9]) + bz2.compress(run[9:])
            yield name, lzma.compress(run[:9]) + bytes(4) + lzma.compress(run[9:])
            yield name, gzip.compress(bz2.compress(lzma.compress(zlib.compress(run))))
            yield name, b"ZF" + b"0x%-17x" % len(run) + zlib.compress(run)
        for name in ("model.pkl", "model.joblib", "model.lzma", "model.z", "model.pkl.z"):
            yield name, zlib.compress(run)[:-4]
            yield name, zlib.compress(run) + b"junk"
            for window in (9, 12, 14):
                small_window = zlib.compressobj(9, zlib.DEFLATED, window)
                yield name, small_window.compress(run) + small_window.flush()
            for properties in ({"dict_size": 4096}, {"dict_size": 1 << 20, "lc": 0, "lp": 2, "pb": 0}):
                filters = [{"id": lzma.FILTER_LZMA1, **properties}]
                yield name, lzma.compress(run, format=lzma.FORMAT_ALONE, filters=filters)


def no_reader() -> Made:
    for magic in (
        b"\x1f\x9d\x90", b"MSCF" + bytes(4), b"LZIP\1", b"\x02\x21\x4c\x18", b"\xff\x06\0\0sNaPpY", b"\x50\x2a\x4d\x18",
        b"\x28\xb5\x2f\xfd", b"\x04\x22\x4d\x18", b"Rar!\x1a\x07\0", b"Rar!\x1a\x07\1\0", b"7z\xbc\xaf\x27\x1c",
        b"\x89LZO\0\r\n\x1a\n",
    ):  # fmt: skip
        for name in ("model.pt", "model.pkl.zst", "model", "model.7z", "model.bin"):
            yield name, magic + bytes(range(256)) * 4
    for name in (
        "model.gguf",
        "model.ggml",
        "model.tflite",
        "saved_model.pb",
        "model.mlmodel",
        "model.7z",
        "model.rar",
    ):
        yield name, b"GGUF\3\0\0\0" + bytes(100)
        yield name, b"\x1c\0\0\0TFL3" + bytes(100)


def numpy(version: tuple[int, int], header: str, body: bytes, length: int | None = None) -> bytes:
    size = struct.pack("<H" if version[0] == 1 else "<I", len(header) if length is None else length)
    return b"\x93NUMPY" + bytes(version) + size + header.encode() + body


def numpy_headers() -> Made:
    whole = "{'descr': %s, 'fortran_order': False, 'shape': (1,), }\n"
    for version in ((1, 0), (2, 0), (3, 0)):
        for kind in (
            "'|O'", "'O'", "'O8'", "'object'", "'<O'", "[('a','|O')]", "[('a','<f8'),('b','O')]",
            "[('a',[('b','|O')])]",
            "[('a','|O',(2,))]", "('|O',(2,))", "[(('t','a'),'object')]", "'i4,O'", "'O,i4'", "'object_'", "'2O'",
            "{'names':['a'],'formats':['O']}", "[('a', '<f8'), ('', '|V4'), ('b', '|O')]",
        ):  # fmt: skip
            array = numpy(version, whole % kind, RUN)
            yield from (("array.npy", array), ("arrays.npz", zipped([("a.npy", array)])), ("array", array))
    for header in (
        "__import__('os').system('x')", "{'descr': __import__('os'), 'fortran_order': False, 'shape': (1,)}\n",
        "(" * 10_000, "{" * 1_000, "[]", "1", "", "{'descr':'<f8'}", "9" * 9_000,
        "{'descr':'<f8','fortran_order':False,'shape':(-1,)}\n",
        "{'descr':'<f8','fortran_order':False,'shape':(1<<60,)}\n",
        "{'descr':'<f8','fortran_order':False,'shape':(99999999999999,)}\n",
        "{'descr':'<f8','fortran_order':False,'shape':(2,),'x':1}\n",
    ):  # fmt: skip
        yield "array.npy", numpy((1, 0), header, bytes(8))
        yield "array.npy", numpy((2, 0), header, RUN)
    for version in ((0, 0), (4, 0), (255, 255)):
        yield "array.npy", numpy(version, whole % "'|O'", RUN)
    yield "array.npy", numpy((2, 0), whole % "'|O'", RUN, length=0xFFFFFFFF)
    yield "array.npy", numpy((1, 0), whole % "'<f8'", bytes(8) + RUN)
    yield "array.npy", numpy((1, 0), whole % "'<f8'", bytes(4))
    yield "array.npy", b"\x93NUMPY"


def bad_headers() -> Made:
    entry = b'{"dtype":"F32","shape":[1],"data_offsets":[0,4]}'
    one = b'{"a":' + entry
    for header in (
        one + b"}" + bytes(8), b" " + one + b"}", b"\xef\xbb\xbf" + one + b"}", one + b',"__metadata__":{"x":1}}', one,
        b'{"__metadata__":{"a":"b"},"__metadata__":{"a":"c"},"a":' + entry + b"}", one + b"}junk", b"[" * 5_000,
        b'{"a":' * 5_000, b"", b'{"a":null}', one.replace(b"[0,4]", b"[4,0]") + b"}", one.replace(b"[0,4]",
        b"[1,5]") + b"}",
        one.replace(b"[1]", b"[-1]") + b"}", one.replace(b"[1]", b"[1.0]") + b"}", one.replace(b"F32", b"F99") + b"}",
        one.replace(b'"F32"', b'"F32","dtype":"I32"') + b"}", one.replace(b"[1]", b"[18446744073709551616]") + b"}",
    ):  # fmt: skip
        yield "model.safetensors", safetensors(header, bytes(4))
    good = safetensors(one + b"}", bytes(4))
    for content in (
        good + b"x", good + RUN, good[:-1], good[:20], RUN + good, b"PK\3\4" + good, BAD_ZIP, GOOD_ZIP, npy(RUN),
        struct.pack("<Q", 1 << 63) + b'{"a"', struct.pack("<Q", 1 << 40) + one + b"}", tarred([("a.pkl", RUN)]),
        gzip.compress(good), good + GOOD_ZIP, good + BAD_ZIP,
    ):  # fmt: skip
        yield "model.safetensors", content
    for path in ("../../etc/passwd", "/etc/passwd", "..\\x.bin", "http://localhost/y.bin"):
        for name in ("model.safetensors.index.json", "pytorch_model.bin.index.json"):
            yield name, json.dumps({"metadata": {}, "weight_map": {"a": path}}).encode()


def keras_again() -> Made:
    def archive(config: bytes, *more: tuple[str, bytes]) -> bytes:
        weights = ("model.weights.h5", b"\x89HDF\r\n\x1a\n")
        return zipped([("metadata.json", b"{}"), ("config.json", config), weights, *more])

    def hdf5(config: bytes, before: int) -> bytes:
        return bytes(before) + b"\x89HDF\r\n\x1a\n" + bytes(2_000) + b"model_config\0" + config + bytes(100)

    function = {"class_name": "function", "registered_name": "function"}
    for layer in (
        {"module": "keras.layers", "class_name": "Lambda", "config": {}},
        {"module": "keras.src.layers.core.lambda_layer", "class_name": "Lambda"},
        {"class_name": "TFOpLambda", "config": {"function": "io.write_file"}},
        {"module": "keras.layers", "class_name": "Dense", "config": {"activation": {"class_name": "__lambda__"}}},
        {"module": "keras.layers", "class_name": "Dense", "config": {"x": {**function, "module": "builtins",
        "config": "eval"}}},
        {**function, "module": "os", "config": "system"},
        {**function, "module": "keras.src.utils.io_utils", "config": "x"},
        {**function, "module": "keras", "config": "enable_unsafe_deserialization"},
        {"module": "keras.utils", "class_name": "get_file"},
        {"module": "keras.saving", "class_name": "load_model"},
        {"module": "keras.config", "class_name": "enable_unsafe_deserialization"},
        {"module": "keras.src.saving.serialization_lib", "class_name": "enable_unsafe_deserialization"},
        {"module": "keras.src.ops.numpy", "class_name": "x.y"},
        {"module": "keras.models", "class_name": "clone_model"},
        {"module": "keras.layers", "class_name": "TorchModuleWrapper", "config": {"module": "gASV"}},
        {"module": "keras.layers", "class_name": "JaxLayer"},
        {"module": "keras.layers", "class_name": "TFSMLayer", "config": {"filepath": "/leyden"}},
        {"module": "keras.layers", "class_name": "StringLookup", "config": {"vocabulary": "/etc/passwd"}},
        {"module": "keras.layers", "class_name": "TextVectorization", "config": {"vocabulary": "http://localhost"}},
        {"module": "keras", "class_name": "Sequential", "build_config": {"module": "subprocess", "class_name": "run"}},
        {"module": "os.path", "class_name": "join"},
        {"module": "shop", "class_name": "Evil", "registered_name": "shop>Evil"},
        {"module": "kerasevil", "class_name": "X"},
        {"module": "keras_evil.x", "class_name": "X"},
        {"module": "numpy", "class_name": "load"},
    ):  # fmt: skip
        config = json.dumps({"class_name": "Functional", "config": {"layers": [layer]}}).encode()
        yield "model.keras", archive(config)
        for before in (0, 512, 4096):
            yield "model.h5", hdf5(config, before)
        yield "weights", hdf5(config, 1024)
    for config in (
        b'{"class_name":"Lamb\\u0064a"}', b'{"\\u0063lass_name":"Lambda"}',
        b'{"class_name":"Dense","class_name":"Lambda"}',
        b'{"class_name":"Lambda"}\0',
    ):  # fmt: skip
        yield "model.keras", archive(config)
        yield "model.h5", hdf5(config, 0)
    for config in (b"\xef\xbb\xbf{}", json.dumps({"class_name": "Lambda"}).encode("utf-16"), b"[" * 3_000, b"", b"{"):
        yield "model.keras", archive(config)
    fine = b'{"module":"keras","class_name":"Sequential","config":{}}'
    for more in (
        ("assets/x.pkl", RUN), ("../x", b"a"), ("model.weights.npz", zipped([("a.npy", npy(RUN))])),
        ("config.json", b'{"class_name":"Lambda"}'),
    ):  # fmt: skip
        yield "model.keras", archive(fine, more)
    yield "model.keras", zipped([("config.json", b'{"class_name":"Lambda"}')])


def onnx_again() -> Made:
    def entry(key: bytes, value: bytes) -> bytes:
        return proto(13, proto(1, key) + proto(2, value))

    def tensor(*external: bytes) -> bytes:
        return proto(1, 3) + proto(2, 1) + proto(8, b"w") + b"".join(external) + proto(14, 1)

    def attribute(content: bytes) -> bytes:
        return proto(1, proto(1, b"x") + proto(2, b"y") + proto(4, b"If") + proto(5, proto(1, b"a") + content))

    def model(graph: bytes, more: bytes = b"") -> bytes:
        return proto(1, 8) + proto(2, b"corpus") + proto(7, proto(2, b"g") + graph) + more + proto(8, proto(2, 17))

    out, fine = entry(b"location", b"../../etc/passwd"), entry(b"location", b"ok.bin")
    bad = proto(5, tensor(out))
    deep = bad
    for _ in range(120):
        deep = attribute(proto(6, deep))
    for graph in (
        proto(5, tensor(fine, out)), proto(5, tensor(out, fine)), attribute(proto(5, tensor(out))),
        attribute(proto(6, bad)),
        proto(5, tensor(proto(13, proto(2, b"/etc/passwd") + proto(1, b"location")))), proto(15, proto(1, tensor(out))),
        attribute(proto(22, proto(1, tensor(out)))), attribute(proto(10, tensor(out))), attribute(proto(11, bad)), deep,
        *(proto(5, tensor(entry(b"location", path))) for path in (b"http://x/y", b"/proc/self/environ",
        b"\\\\host\\x", b"..")),
    ):  # fmt: skip
        yield "model.onnx", model(graph)
        yield "model", model(graph)
        yield "model.onnx", proto(7, proto(2, b"g") + graph) + proto(1, 8) + proto(8, proto(2, 17))
    yield "model.onnx", model(b"", proto(7, bad))
    yield "model.onnx", model(b"", proto(20, proto(1, bad)))
    yield "model.onnx", model(b"", proto(25, proto(1, b"f") + proto(7, proto(5, proto(5, tensor(out))))))
    yield "model.onnx", model(bad)[:-3]
    yield "model.onnx", proto(1, 8) + b"\x3a" + varint((1 << 32) - 1) + b"x"
    yield "model.onnx", proto(1, 8) + b"\x3b" + bad + b"\x3c"


def script_again() -> Made:
    for line in (
        'torch. save(x, "/l")', 'torch.save (x, "/l")', '(torch\n  .save)(x, "/l")', 'torch.\\\n save(x, "/l")',
        'ops . aten . from_file("/etc/passwd", False, 4)', 'torch.from_file ("/l")', 'ops.aten.save(x, "/l")',
        'torch.save# c\n(x, "/l")', 'ops.aten.from_file.out("/x")', 'ops.aten. from_file("/x")',
    ):  # fmt: skip
        code = f"def forward(self, x: Tensor) -> Tensor:\n  y = {line}\n  return x\n".encode()
        for where in ("archive/code/a.py", "archive/code/__torch__/shop.py", "archive/code/__torch__.py"):
            yield "model.pt", torch_zip(more=[("archive/constants.pkl", pickled(b")")), (where, code)])
    far = b"MZ" + bytes(58) + struct.pack("<I", 5_000) + bytes(4_936) + b"PE\0\0" + bytes(50)
    words = (
        b"\x7fELF\2\1\1",
        b"\xcf\xfa\xed\xfe",
        b"\xfe\xed\xfa\xcf",
        b"\xce\xfa\xed\xfe",
        b"\xca\xfe\xba\xbe\0\0\0\3",
    )
    for name in ("x.so", "x.dylib", "x", "x.cubin"):
        for library in (*(word + bytes(100) for word in words), far):
            yield "model.pt2", torch_zip(more=[(f"archive/data/aotinductor/model/{name}", library)])


def names() -> Made:
    contents = (RUN, BUY, OLD, BAD_ZIP, framed(calling(SYSTEM, "stack")), legacy(RUN), joblib(calling(SYSTEM)))
    for name in (
        "M.PKL", "model.Pt", "model.pkl.bak", "model.pickle.1", "model.pkl ", "model.pkl.", "model.pt~",
        "last.ckpt.tmp", ".pkl",
        "model.pdparams", "model.npy", "model.pth.tar", "model.t7", "model.dill", "model.cache", "model.obj",
        "model.db",
        "model.html", "model.yaml", "model.py", "model.csv", "model.jpg", "model.parquet", "model.h5", "model.log",
        "LICENSE",
    ):  # fmt: skip
        yield from ((name, content) for content in contents)


def sharded() -> Made:
    yield "checkpoint/.metadata", torch_zip(RUN)
    yield "checkpoint/.metadata", OLD
    yield "checkpoint/.metadata.tmp", RUN
    yield "checkpoint/meta.pt", torch_zip(RUN)
    for content in (
        GOOD_ZIP + b"junk" + torch_zip(RUN), GOOD_ZIP + RUN, RUN + GOOD_ZIP,
        GOOD_ZIP * 50 + torch_zip(BUY) + GOOD_ZIP * 50,
        GOOD_ZIP + zlib.compress(torch_zip(RUN)),
    ):  # fmt: skip
        yield "checkpoint/__0_0.distcp", content
        yield "checkpoint/x.pt", content


def legacy_again() -> Made:
    parts = [MAGIC, VERSION, b"\x80\x02}.", TENSORS, b"\x80\x02](X\x01\x00\x00\x000e."]
    for number in range(5):
        for place in (parts[number][:-1] + b"0" + calling(SHOP) + b".", BUY):
            changed_parts = [*parts[:number], place, *parts[number + 1 :]]
            yield "model.pt", b"".join(changed_parts) + struct.pack("<q", 6) + STORAGE
    yield "model.pt", legacy() + BAD_ZIP
    yield "model.pt", legacy() + legacy(RUN)
    yield "model.pt", legacy(RUN, magic=b"L119547037146038801333356L\n.")
    yield "model.pt", legacy(RUN, magic=b"\x80\x02\x8b\x0a\0\0\0l\xfc\x9cF\xf9 j\xa8P\x19.")
    for numel in (-1, 1 << 60):
        yield "model.pt", legacy(numel=numel)
    for dtype, size in ((b"U\x02f8", 8), (b"U\x03f16", 16), (b"U\x03V10", 10), (b"U\x02U4", 4), (b"U\x06object", 0)):
        yield "model.joblib", joblib(calling(SHOP), dtype=dtype, size=size)
    yield "model.joblib", joblib(calling(SYSTEM))[:-1]
    yield "model.joblib", joblib(b"N") + RUN


def nesting() -> Made:
    content = RUN
    for pack in (
        gzip.compress,
        lambda inner: zipped([("a.pt", inner)]),
        lambda inner: tarred([("b", inner)]),
        bz2.compress,
        lambda inner: zipped([("c.zip", inner)], zipfile.ZIP_DEFLATED),
        lzma.compress,
        lambda inner: tarred([("d.tar.xz", inner)], mode="w:gz"),
    ):
        content = pack(content)
        yield from ((name, content) for name in ("model.pt", "model", "model.zip", "model.bin"))
    for pack, name in ((gzip.compress, "model.gz"), (lambda inner: tarred([("x", inner)]), "model.tar")):
        content = RUN
        for _ in range(30):
            content = pack(content)
        yield name, content


TECHNIQUES = {
    "members beside the model": members_beside,
    "zips around zips": zips_around_zips,
    "end records of zip": end_records,
    "zip64": wide_records,
    "methods of zip": zip_methods,
    "extra fields and links": zip_extras,
    "paths of members": member_paths,
    "headers of tar": tar_headers,
    "kinds of tar": tar_kinds,
    "compressed oddly or cut": compression,
    "formats without a reader": no_reader,
    "headers of numpy": numpy_headers,
    "headers of safetensors": bad_headers,
    "Keras, again": keras_again,
    "ONNX, again": onnx_again,
    "TorchScript, again": script_again,
    "names": names,
    "sharded checkpoints": sharded,
    "legacy torch, again": legacy_again,
    "nesting": nesting,
}
