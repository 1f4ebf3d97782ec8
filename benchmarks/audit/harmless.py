"""Harmless files that look like the hostile ones: what a scanner must be quiet about."""

from __future__ import annotations

import bz2
import gzip
import io
import json
import lzma
import pickle
import struct
import zipfile
import zlib
from collections import Counter, OrderedDict, defaultdict, deque
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from pathlib import PurePosixPath
from uuid import UUID

from benchmarks.audit.making import (
    HARMLESS,
    STORAGE,
    TENSORS,
    Sample,
    joblib,
    legacy,
    npy,
    onnx,
    pickled,
    safetensors,
    tarred,
    text,
    torch_zip,
    zipped,
)

Made = Iterator[tuple[str, bytes]]

VALUES = (
    {"epoch": 1, "global_step": 10, "name": "os.system", "text": "eval(open('x').read())"},
    OrderedDict(a=1, b=[1.5, None, True]),
    Counter("abc"),
    defaultdict(list, a=[1]),
    deque([1, 2], 3),
    [datetime(2024, 1, 1, tzinfo=timezone.utc), timedelta(1), Decimal("1.5"), UUID(int=1), PurePosixPath("a/b")],
    {1, 2},
    frozenset("ab"),
    [b"bytes", bytearray(b"more"), 1j, 2**100, -1.5, "é", slice(1, 2), range(3)],
    [[[]]] * 3,
)


def samples() -> Iterator[Sample]:
    """All of them."""
    for kind, made in KINDS.items():
        for number, (name, content) in enumerate(made()):
            yield Sample(kind, f"{kind.replace(' ', '-')}-{number}/{name}", content, hostile=False)


def plain_pickles() -> Made:
    for value in VALUES:
        for protocol in range(6):
            yield "data.pkl", pickle.dumps(value, protocol)
    looped: list[object] = []
    looped.append(looped)
    yield "loop.pkl", pickle.dumps(looped)
    yield "deep.pkl", b"\x80\x02" + b"]" * 2_000 + b"a" * 1_999 + b"."
    yield "words.pkl", pickle.dumps(["cos\nsystem\n", "os", "system", "(S'echo'\ntR."])
    content = legacy()
    load = b"ctorch.storage\n_load_from_bytes\nB" + struct.pack("<I", len(content)) + content + b"\x85R"
    yield "tensor.pkl", pickled(load)
    kind = b"c_operator\ngetitem\nctyping\nTuple\ncbuiltins\nint\ncbuiltins\nEllipsis\n\x86\x86R"
    yield "types.pkl", pickled(b"](ctyping\nAny\nctorchmetrics.utilities.data\ndim_zero_sum\n" + kind + b"e")
    yield "large.pkl", pickle.dumps([(i, str(i)) for i in range(20_000)])


def torch_zips() -> Made:
    yield "model.pt", torch_zip()
    yield "model.pth", torch_zip(root="model")
    yield "pytorch_model.bin", torch_zip()
    yield "model.ckpt", torch_zip(pickled(b"}(" + text("state_dict") + TENSORS[2:-1] + text("epoch") + b"K\x01u"))
    yield "model.pt", torch_zip(more=[("archive/.format_version", b"1"), ("archive/.data/serialization_id", b"0" * 40)])
    yield "empty.pt", torch_zip(pickled(b"}"), {})
    for kind, size in (("HalfStorage", 2), ("DoubleStorage", 8), ("BoolStorage", 1), ("BFloat16Storage", 2)):
        yield "model.pt", torch_zip(TENSORS.replace(b"FloatStorage", kind.encode()), {"0": bytes(6 * size)})
    # Weights may be any bytes, also those of a pickle or of an archive.
    for start in (b"\x80\x02cos\nsystem\n", b"PK\x03\x04", b"\x7fELF", b"cos\nsystem\n)R."):
        yield "model.pt", torch_zip(storages={"0": start.ljust(24, b"\0")})
    yield "model.pt", torch_zip(method=zipfile.ZIP_DEFLATED)
    yield (
        "script.pt",
        torch_zip(
            pickled(b"c__torch__.torch.nn.modules.linear\nLinear\n)\x81}b"),
            {},
            more=[
                ("archive/constants.pkl", pickled(b")")),
                ("archive/code/__torch__/a.py", b"class A(Module):\n  pass\n"),
                ("archive/code/__torch__/a.py.debug_pkl", pickled(b"ctorch.jit._pickle\nbuild_intlist\n](K\x01e\x85R")),
            ],
        ),
    )


def legacy_torch() -> Made:
    yield "model.pt", legacy()
    yield "pytorch_model.bin", legacy()
    yield "checkpoint", legacy()


def lightning() -> Made:
    def checkpoint(hparams: bytes) -> bytes:
        parts = text("pytorch-lightning_version") + text("2.6.6") + text("hyper_parameters") + hparams
        return torch_zip(pickled(b"}(" + parts + text("state_dict") + TENSORS[2:-1] + b"u"))

    yield "last.ckpt", checkpoint(b"}" + text("lr") + b"G?PbM\xd2\xf1\xa9\xfcs")
    for key, value in (
        ("_instantiator", "lightning.pytorch.cli.instantiate_module"),
        ("_class_path", "my.models.Net"),
        ("class_path", "torch.nn.Linear"),
        ("path", "os.system"),
        ("name", "__import__('os')"),
    ):
        yield "last.ckpt", checkpoint(b"}" + text(key) + text(value) + b"s")
    attributes = b"clightning.fabric.utilities.data\nAttributeDict\n)\x81" + text("lr") + b"K\x01s"
    yield "last.ckpt", checkpoint(attributes)


def numpy_files() -> Made:
    yield "a.npy", npy(bytes(24), "<f8", (3,))
    yield "b.npy", npy(bytes(12), "<U3", (1,))
    yield "c.npy", npy(b"", "<f4", (0, 9))
    yield "d.npz", zipped([("a.npy", npy(bytes(24), "<f8", (3,))), ("b.npy", npy(bytes(8), "<i8", ()))])
    yield "e.npz", zipped([("a.npy", npy(bytes(1 << 20), "<i1", (1 << 20,)))], zipfile.ZIP_DEFLATED)
    made = b"cnumpy._core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85C\x01b\x87R"
    state = b"(K\x01K\x02\x85cnumpy\ndtype\nU\x02f8\x89\x88\x87R\x89C\x10" + bytes(16) + b"tb"
    yield "f.pkl", pickled(made + state, 3)
    yield "g.joblib", joblib(b"N")
    yield "h.joblib", zlib.compress(joblib(b"K\x01"))
    yield "i.joblib", gzip.compress(joblib(b"K\x01"))


def safetensors_files() -> Made:
    header = b'{"__metadata__":{"format":"pt"},"a":{"dtype":"F32","shape":[2,3],"data_offsets":[0,24]}}'
    yield "model.safetensors", safetensors(header, STORAGE)
    yield "model.safetensors", safetensors(header + b" " * 16, STORAGE)
    yield "empty.safetensors", safetensors(b"{}")
    for start in (b"\x80\x02cos\nsystem\n", b"PK\x03\x04"):
        yield "model.safetensors", safetensors(header, start.ljust(24, b"\0"))


def archives() -> Made:
    for name, content in (("data.pkl", HARMLESS), ("model.pt", torch_zip()), ("a.npy", npy(bytes(8), "<f8", (1,)))):
        yield f"{name}.gz", gzip.compress(content)
        yield f"{name}.bz2", bz2.compress(content)
        yield f"{name}.xz", lzma.compress(content)
        yield "all.zip", zipped([(name, content), ("README.md", b"# hello")], zipfile.ZIP_DEFLATED)
        yield "all.tar", tarred([(name, content), ("README.md", b"# hello")])
        yield "all.tar.gz", tarred([(f"{'long/' * 40}{name}", content)], mode="w:gz")
    standard = io.BytesIO()
    with zipfile.ZipFile(standard, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a/b.txt", "text")
        archive.writestr("ü.txt", "text")
        archive.mkdir("c") if hasattr(archive, "mkdir") else archive.writestr("c/", b"")
    yield "standard.zip", standard.getvalue()
    yield "commented.zip", zipped([("a.txt", b"text")])[:-2] + struct.pack("<H", 5) + b"hello"
    yield "sharded/.metadata", pickle.dumps({"state_dict_metadata": {}}, 2)
    yield "sharded/__0_0.distcp", torch_zip() + torch_zip(root="other") + torch_zip(pickled(b"}"), {})


def others() -> Made:
    yield "model.onnx", onnx(None)
    yield "model.onnx", onnx("model.onnx.data")
    layer = {"module": "keras.layers", "class_name": "Dense", "config": {"units": 1}, "registered_name": None}
    config = {"module": "keras", "class_name": "Sequential", "config": {"layers": [layer]}}
    members = [("metadata.json", b"{}"), ("config.json", json.dumps(config).encode())]
    yield "model.keras", zipped([*members, ("model.weights.h5", b"\x89HDF\r\n\x1a\n" + bytes(90))])
    yield "model.h5", b"\x89HDF\r\n\x1a\n" + bytes(100)
    yield "model.h5", b"\x89HDF\r\n\x1a\n" + bytes(100) + json.dumps(config).encode() + bytes(100)
    yield "matrix.mat", bytes(512) + b"\x89HDF\r\n\x1a\n" + bytes(100)


def texts() -> Made:
    for name, content in (
        ("words.txt", "cat\ndog\nelephant\n"),
        ("imports.py", "import os\nos.system\n"),
        ("notes.md", "(note)\nN.B. this is text.\n"),
        ("model.pt", "Olá, este ficheiro é um texto em português.\n"),
        ("data.pkl", "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n"),
        ("list", "I\nwent\nthere\n."),
        ("config.json", '{"class_name": "Lambda"}'),
        ("data.bin", "I am text."),
        ("cos", "cosine\nsine\n(tangent)\nR.\n"),
        ("empty.pkl", ""),
        ("model.safetensors.index.json", '{"weight_map": {"a": "model-00001-of-00002.safetensors"}}'),
    ):
        yield name, content.encode()
    yield "tutor.pt", "Um texto em português, de outro tempo.\n".encode("latin-1")
    yield "sheet.xls", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(504) + zipped([("a.xml", b"<a/>")]) + bytes(512)
    yield "noise.dat", bytes((7 * i * i + 13) % 251 for i in range(5_000))
    yield "zeros.bin", bytes(5_000)


KINDS = {
    "plain pickles": plain_pickles,
    "torch zips": torch_zips,
    "legacy torch": legacy_torch,
    "Lightning": lightning,
    "numpy and joblib": numpy_files,
    "safetensors": safetensors_files,
    "archives": archives,
    "ONNX, Keras and HDF5": others,
    "texts and noise": texts,
}
