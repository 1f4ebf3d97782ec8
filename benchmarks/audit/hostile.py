"""Hostile files of every technique that is known to pass scanners. What they would call does nothing but say so."""

from __future__ import annotations

import bz2
import gzip
import json
import lzma
import struct
import zipfile
import zlib
from collections.abc import Iterator

from benchmarks.audit import hostile_files, hostile_pickles
from benchmarks.audit.hostile_pickles import SHOP, SYSTEM
from benchmarks.audit.making import (
    HARMLESS,
    STORAGE,
    TENSORS,
    Call,
    How,
    Sample,
    calling,
    framed,
    joblib,
    legacy,
    npy,
    onnx,
    pickled,
    raw_zip,
    safetensors,
    short,
    tarred,
    text,
    torch_zip,
    zipped,
)

LISTED: tuple[Call, ...] = (
    ("os", "system", "echo leyden"),
    ("posix", "system", "echo leyden"),
    ("nt", "system", "echo leyden"),
    ("subprocess", "Popen", "true"),
    ("subprocess", "getoutput", "true"),
    ("builtins", "eval", "1+1"),
    ("builtins", "exec", "pass"),
    ("builtins", "__import__", "this"),
    ("builtins", "open", "leyden"),
    ("builtins", "breakpoint", "leyden"),
    ("runpy", "run_path", "leyden"),
    ("importlib", "import_module", "this"),
    ("webbrowser", "open", "http://localhost"),
    ("socket", "create_connection", "localhost"),
    ("shutil", "rmtree", "leyden"),
    ("pty", "spawn", "true"),
    ("ctypes", "CDLL", "leyden"),
    ("sys", "exit", "leyden"),
    ("pickle", "loads", "N."),
    ("marshal", "loads", "N"),
    ("operator", "attrgetter", "system"),
    ("functools", "partial", "leyden"),
)
UNLISTED: tuple[Call, ...] = (
    ("torch.hub", "load_state_dict_from_url", "http://localhost"),
    ("torch.serialization", "load", "leyden"),
    ("torch.utils.collect_env", "run", "true"),
    ("torch.utils.bottleneck.__main__", "run_cprofile", "pass"),
    ("torch._dynamo.guards", "GuardBuilder.get", "1"),
    ("torch._inductor.codecache", "compile_file", "leyden"),
    ("torch.jit.unsupported_tensor_ops", "execWrapper", "pass"),
    ("torch.utils._config_module", "ConfigModule.load_config", "N."),
    ("torch.fx.experimental.symbolic_shapes", "ShapeEnv.evaluate_guards_expression", "1"),
    ("numpy.testing._private.utils", "runstring", "pass"),
    ("numpy.f2py.crackfortran", "getlincoef", "1"),
    ("numpy", "load", "leyden"),
    ("timeit", "timeit", "pass"),
    ("cProfile", "run", "pass"),
    ("trace", "Trace.run", "pass"),
    ("doctest", "debug_script", "pass"),
    ("pip._internal", "main", "help"),
    ("lib2to3.pgen2.grammar", "Grammar.loads", "N."),
    ("idlelib.run", "Executive.runcode", "pass"),
    ("idlelib.pyshell", "ModifiedInterpreter.runcode", "pass"),
    ("ensurepip._uninstall", "_main", "leyden"),
    ("logging.config", "_resolve", "os.system"),
    ("pydoc", "pipepager", "leyden"),
    ("asyncio.unix_events", "_UnixSubprocessTransport._start", "true"),
    ("distutils.file_util", "write_file", "leyden"),
    ("shop.checkout", "buy", "leyden"),
    ("helpers", "Run", "leyden"),
    ("torch.nn.modules.linear", "Linear.forward", "1"),
    ("yaml", "unsafe_load", "1"),
    ("joblib", "load", "leyden"),
    ("pandas", "read_pickle", "leyden"),
    ("lightning.pytorch.cli", "instantiate_class", "leyden"),
    ("hydra.utils", "instantiate", "leyden"),
    ("code", "InteractiveInterpreter.runcode", "1"),
    ("zipimport", "zipimporter", "leyden"),
    ("sqlite3", "connect", "leyden"),
    ("tensorflow", "io.read_file", "leyden"),
    ("dill", "loads", "N."),
    ("cloudpickle", "loads", "N."),
    ("_io", "FileIO", "leyden"),
    ("site", "addsitedir", "leyden"),
)
WAYS: tuple[How, ...] = ("global", "stack", "inst", "obj", "newobj", "newobj_ex", "memo", "none")
FEW: tuple[Call, ...] = (SYSTEM, LISTED[5], UNLISTED[0], SHOP)
PICKLE_NAMES = ("model.pkl", "model.pt", "pytorch_model.bin", "last.ckpt", "model", "model.joblib", "weights.dat")


def samples() -> Iterator[Sample]:
    """All of them."""
    for technique, made in TECHNIQUES.items():
        for number, (name, content) in enumerate(made()):
            yield Sample(technique, f"{technique.replace(' ', '-')}-{number}/{name}", content, hostile=True)


Made = Iterator[tuple[str, bytes]]


def listed() -> Made:
    for number, call in enumerate(LISTED):
        yield PICKLE_NAMES[number % len(PICKLE_NAMES)], pickled(calling(call))
        yield "model.pt", torch_zip(pickled(calling(call) + b"0}"))
    for way in WAYS:
        protocol = 4 if way in ("stack", "memo", "newobj_ex") else 2
        yield "model.pkl", pickled(calling(SYSTEM, way, protocol=protocol), protocol)
    for protocol in (0, 1):
        yield "model.pkl", pickled(calling(SYSTEM, protocol=0), protocol)
        yield "model.pkl", pickled(calling(SYSTEM, "inst", protocol=0), protocol)
    yield "model.pkl", framed(calling(SYSTEM, "stack", protocol=4))


def unlisted() -> Made:
    for number, call in enumerate(UNLISTED):
        way = WAYS[number % len(WAYS)]
        protocol = 4 if way in ("stack", "memo", "newobj_ex") else 2
        yield PICKLE_NAMES[number % len(PICKLE_NAMES)], pickled(calling(call, way, protocol=protocol), protocol)
        yield "model.ckpt", torch_zip(pickled(calling(call) + b"0}"))


def dotted() -> Made:
    for module, name in (
        ("torch", "serialization.os.system"),
        ("torch", "hub.load"),
        ("collections", "_sys.modules"),
        ("collections", "OrderedDict.__init__"),
        ("numpy", "testing._private.utils.runstring"),
        ("torch._utils", "_rebuild_tensor_v2.__globals__"),
        ("builtins", "list.__class__.__subclasses__"),
        ("logging", "os.system"),
        ("argparse", "_sys.exit"),
        ("datetime", "sys.exit"),
        ("uuid", "os.system"),
    ):
        yield "model.pkl", pickled(calling((module, name, "echo leyden"), "stack", protocol=4), 4)
        yield "model.pt", torch_zip(pickled(calling((module, name, "echo leyden"), protocol=4) + b"0}", 4))


def python2() -> Made:
    for module, name in (
        ("__builtin__", "eval"),
        ("__builtin__", "execfile"),
        ("__builtin__", "apply"),
        ("__builtin__", "getattr"),
        ("commands", "getoutput"),
        ("commands", "getstatusoutput"),
        ("urllib", "urlopen"),
        ("urllib2", "urlopen"),
        ("popen2", "popen3"),
        ("cPickle", "loads"),
        ("thread", "start_new_thread"),
        ("os", "getcwdu"),
        ("SocketServer", "TCPServer"),
    ):
        yield "model.pkl", pickled(calling((module, name, "leyden"), protocol=0), 0)
        yield "model.pt", torch_zip(pickled(calling((module, name, "leyden")) + b"0}"))


def without_call() -> Made:
    target = b"ccollections\nOrderedDict\n"
    for operations in (
        target + b"}" + text("__init__") + b"ccollections\nCounter\nsb",
        target + b"N}" + text("pop") + b"ccollections\nCounter\ns\x86b",
        target + text("a") + b"Ns",
        target + b"(" + text("a") + b"Nu",
        target + b"Na",
        target + b"(NNe",
        b"ctorch\nSize\n)R" + b"K\x00K\x01s",
        TENSORS[2:-3] + b"K\x00K\x01s",
        b"]K\x01K\x02s",
        b"cos\nenviron\n" + text("PATH") + text("/leyden") + b"s",
        b"csys\nmodules\n" + text("json") + b"cos\npath\ns",
        b"cshop\nsettings\n}" + text("a") + b"Nsb",
        b"c__main__\n__dict__\n" + text("a") + b"Ns",
        b"csys\npath\n" + text("/leyden") + b"a",
    ):
        yield "model.pkl", pickled(operations)
        yield "model.pt", torch_zip(pickled(operations + b"0}"))


def extensions() -> Made:
    for operation in (b"\x82\x01", b"\x83\x00\x01", b"\x84\x00\x01\x00\x00"):
        yield "model.pkl", pickled(operation + b")R")
        yield "model.pt", torch_zip(pickled(operation + text("echo leyden") + b"\x85R0}"))
        yield "model.bin", framed(operation)


def computed_names() -> Made:
    encoded = b"c_codecs\nencode\n" + text("system") + text("latin1") + b"\x86R"
    for operations in (
        short("os") + encoded + b"\x93" + text("echo leyden") + b"\x85R",
        encoded + short("system") + b"\x93)R",
        short("os") + b"cbuiltins\nstr\n" + text("system") + b"\x85R\x93)R",
        short("os") + b"N\x93",
        short("os") + b"\x97\x93",
        b"ccollections\nOrderedDict\n)R)R",
    ):
        yield "model.pkl", pickled(operations, 5)
        yield "model.pt", torch_zip(pickled(operations + b"0}", 5))


def broken() -> Made:
    for call in FEW:
        run = calling(call)
        for tail in (
            b"",
            b"\xff.",
            b"e.",
            b"t.",
            b"\x8c\xffshort",
            b"B\xff\xff\xff\xff",
            b"h\x99.",
            b"\x80\x09.",
            b"s.",
        ):
            yield "model.pkl", b"\x80\x02" + run + b"0" + tail
            yield "model.pt", torch_zip(b"\x80\x02" + run + b"0" + tail)
    yield "model.pkl", pickled(calling(SYSTEM, protocol=0), 0)[:-1]
    yield "model.pkl", HARMLESS[:-1] + b"\xff"
    yield "model.pt", torch_zip(TENSORS[:-1])


def trailing() -> Made:
    for call in FEW:
        run = pickled(calling(call))
        yield "model.pkl", HARMLESS + run
        yield "model.pkl", HARMLESS * 3 + run
        yield "model.pkl", pickled(b"N") + run + bytes(100)
        yield "model.pt", torch_zip(TENSORS + run)
        yield "model.pkl", HARMLESS + torch_zip(run)
        yield "model.pkl", HARMLESS + zipped([("a.pkl", run)])
    yield "model.pkl", HARMLESS + bytes(range(1, 200))
    yield "model.pkl", HARMLESS + torch_zip()


def non_ascii() -> Made:
    for call in FEW:
        for before in (b"S'\xe9'\n0", b"S'\\xe9'\n0", b"U\x01\xe90", b"T\x01\x00\x00\x00\xff0"):
            yield "model.pkl", before + calling(call, protocol=0) + b"."
            yield "model.pt", torch_zip(b"\x80\x02" + before + calling(call) + b"0}.")
    yield "model.pkl", b"S'\xe9'\n."


def frames() -> Made:
    for call in FEW:
        run = calling(call, "stack", protocol=4)
        for size in (3, len(run) // 2, len(run) - 2):
            yield "model.pkl", b"\x80\x04\x95" + struct.pack("<Q", size) + run + b"."
        yield "model.pkl", b"\x80\x04\x95" + struct.pack("<Q", 11) + b"N0\x95" + struct.pack("<Q", 5) + run + b"."
    crossing = b"\x80\x04\x95" + struct.pack("<Q", 4) + short("abcdef") + b"."
    yield "model.pkl", crossing
    yield "model.pt", torch_zip(crossing)


def odd_names() -> Made:
    for call in FEW:
        run = pickled(calling(call, protocol=0), 0)
        for name in ("DATA.PKL", "Data.Pkl", "data.PKL"):
            yield "model.pt", torch_zip(run, name=name)
        yield "model.pt", torch_zip(run, root="x/y")
        yield "model.PKL", run
        yield "model.Pt", run
        yield "model", run
        yield "model.zip", zipped([("notes", run), ("README.txt", b"hello")])
        yield "model.zip", zipped([("notes.txt", run)])


def zip_contradictions() -> Made:
    for call in FEW:
        run = pickled(calling(call) + b"0}")
        own = [("archive/data.pkl", "archive/data.pkl", run, 0), ("archive/data/0", "archive/data/0", STORAGE, 0)]
        good = ("archive/data.pkl", "archive/data.pkl", TENSORS, 0)
        yield "model.pt", raw_zip([own[0], good, own[1]])
        yield "model.pt", raw_zip([good, own[0], own[1]])
        yield "model.pt", raw_zip([good, ("archive/DATA.pkl", "archive/DATA.pkl", run, 0), own[1]])
        yield "model.pt", raw_zip([("archive/data.pkl", "archive/README.md", run, 0), good, own[1]])
        yield "model.pt", raw_zip([("archive/README.md", "archive/data.pkl", run, 0), own[1]])
        yield "model.pt", raw_zip([good, *own], hidden=frozenset(["archive/data/0"]))
        yield "model.pt", raw_zip(own, count=1)
        yield "model.pt", raw_zip(own, flags=1)
        yield "model.pt", raw_zip(own, flags=0x2000)
        yield "model.pt", raw_zip(own, flags=0x10)
        yield "model.pt", raw_zip(own, version=90)
        yield "model.pt", raw_zip(own, comment=b"leyden")
        yield "model.pt", raw_zip(own, crc=1)
        yield "model.pt", raw_zip(own) + b"junk"
        yield "model.pt", b"junk" + raw_zip(own)
        yield "model.pt", raw_zip(own).replace(b"PK\x01\x02", b"PK\x01\x03", 1)
        yield "model.pt", raw_zip(own)[:-22]
    good = [("archive/data.pkl", "archive/data.pkl", TENSORS, 0), ("archive/data/0", "archive/data/0", STORAGE, 0)]
    yield "model.pt", raw_zip(good, comment=b"leyden")
    yield "model.pt", raw_zip([good[0], good[0], good[1]])
    yield "model.pt", raw_zip(good, count=7)
    yield "model.pt", b"junk" + raw_zip(good)
    yield "model.pt", raw_zip(good) + b"junk"
    yield "model.pt", raw_zip(good, version=90)
    yield "model.pt", raw_zip(good, crc=1)
    yield "model.pt", raw_zip([*good, ("../evil.py", "../evil.py", b"x", 0)])
    yield "model.pt", raw_zip([*good, ("/etc/evil", "/etc/evil", b"x", 0)])


def containers() -> Made:
    for call in FEW:
        run = pickled(calling(call))
        old = pickled(calling(call, protocol=0), 0)
        for name, content in (("model.pkl", run), ("model.pt", torch_zip(run)), ("old.pkl", old)):
            yield f"{name}.gz", gzip.compress(content)
            yield f"{name}.bz2", bz2.compress(content)
            yield f"{name}.xz", lzma.compress(content)
            yield name, gzip.compress(content)
            yield "model.zip", zipped([(name, content)])
            yield "model.zip", zipped([(name, content)], zipfile.ZIP_DEFLATED)
            yield "model.zip", zipped([("a/b.zip", zipped([("c.zip", zipped([(name, content)]))]))])
            yield "model.tar", tarred([(name, content)])
            yield "model.tar.gz", tarred([(name, content)], mode="w:gz")
            yield "model.tar.bz2", tarred([(f"{'long/' * 40}{name}", content)], mode="w:bz2")
        yield "model.joblib", run
        yield "model.joblib", zlib.compress(run)
        yield "model.joblib", lzma.compress(run, format=lzma.FORMAT_ALONE)
        yield "model.joblib", joblib(calling(call))
        yield "model.joblib", joblib(b"N", dtype=b"U\x01O", size=0)[:-3] + run + b"t."
        yield "arrays.npy", npy(run)
        yield "arrays.npz", zipped([("a.npy", npy(b"\x00" * 8, "<f8")), ("b.npy", npy(run))])
        yield "arrays.npz", zipped([("b.npy", npy(run))], zipfile.ZIP_DEFLATED)
        yield "arrays.npz", zipped([("b", run)])
        yield "model.pt2", torch_zip(more=[("archive/data/sample_inputs/model.pt", torch_zip(run))])
        yield "model.pt", torch_zip(more=[("archive/extra/a.bin", run)])
        yield "model.pt", torch_zip(more=[("archive/constants.pkl", run), ("archive/code/a.py", b"")])
        yield "checkpoint/.metadata", run
        yield "checkpoint/__0_0.distcp", torch_zip() + torch_zip(run)
        yield "model.7z", b"7z\xbc\xaf\x27\x1c\x00\x04" + bytes(60)
    yield "model.tar", tarred([("a", b"x")], [("b", "/etc")])
    yield "model.tar", tarred([("../a", b"x")])


def mislabelled() -> Made:
    for call in FEW:
        run = pickled(calling(call))
        for name in (
            "model.safetensors", "model.npy", "model.onnx", "model.h5", "model.gguf", "notes.txt", "config.json",
            "picture.png", "data.csv",
        ):  # fmt: skip
            yield name, run
        for name in ("model.safetensors", "model.npy", "model.onnx", "model.h5"):
            yield name, torch_zip(run)
        for name in ("notes.txt", "config.json"):
            yield name, pickled(calling(call, protocol=0), 0)
    yield "model.safetensors", HARMLESS
    yield "model.safetensors", torch_zip()


def legacy_torch() -> Made:
    for call in FEW:
        run = pickled(calling(call))
        for name in ("model.pt", "pytorch_model.bin"):
            yield name, legacy(run)
            yield name, legacy(version=run)
            yield name, legacy(system=run)
            yield name, legacy(keys=run)
            yield name, legacy(after=run)
            yield name, legacy(TENSORS[:-1] + b"0" + run[2:])
    run = pickled(calling(SYSTEM))
    yield "model.pt", tarred([("pickle", run), ("storages", pickled(b"K\x00")), ("tensors", pickled(b"K\x00"))])
    yield "model.pt", tarred([("pickle", HARMLESS), ("storages", run), ("tensors", pickled(b"K\x00"))])
    yield "model.tar", tarred([("./pickle", HARMLESS), ("./storages", pickled(b"K\x00")), ("./tensors", run)])
    yield "model.pt", legacy(numel=7)
    yield "model.pt", legacy(numel=1)


def costs() -> Made:
    bomb = bytes(64 << 20)
    yield "model.pt", torch_zip(storages={"0": bomb}, method=zipfile.ZIP_DEFLATED)
    nested = zipped([("data.pkl", bomb)], zipfile.ZIP_DEFLATED)
    yield "model.pt", nested
    for _ in range(12):
        nested = zipped([("a.zip", nested)], zipfile.ZIP_DEFLATED)
    yield "model.zip", nested
    yield "model.pkl", b"\x80\x02Nr\xff\xff\xff\x7f."
    yield "model.pkl", b"\x80\x04\x95\xff\xff\xff\xff\xff\xff\xff\x7fN."
    yield "model.pkl", b"\x80\x04\x8e\xff\xff\xff\xff\xff\x00\x00\x00."
    yield "model.pkl", pickled(b"cbuiltins\nbytearray\nJ\xff\xff\xff\x7f\x85R")
    yield "model.pkl", pickled(b"cbuiltins\nlist\ncbuiltins\nrange\nJ\xff\xff\xff\x7f\x85R\x85R")
    yield "model.pkl", pickled(b"]q\x00h\x00a" + b"N" + b"\x85" * 500_000 + calling(SYSTEM))
    yield "model.pkl", pickled(b"N" + b"2\x86" * 100_000 + calling(SYSTEM))
    yield "arrays.npy", npy(bytes(8), "<f8", (1 << 40,))
    yield (
        "model.safetensors",
        safetensors(b'{"a":{"dtype":"F32","shape":[1099511627776],"data_offsets":[0,4]}}', bytes(4)),
    )


def keras() -> Made:
    def model(layer: object) -> bytes:
        config = {"module": "keras", "class_name": "Functional", "config": {"layers": [layer]}}
        return zipped(
            [
                ("metadata.json", b"{}"),
                ("config.json", json.dumps(config).encode()),
                ("model.weights.h5", b"\x89HDF\r\n\x1a\n"),
            ]
        )

    code = {"class_name": "__lambda__", "config": {"code": "4wEAAAA="}}
    for layer in (
        {"module": "keras.layers", "class_name": "Lambda", "name": "x", "config": {"function": code}},
        {"class_name": "Lambda", "config": {"function": code}},
        {"module": "os", "class_name": "system", "config": {}},
        {"module": "shop.checkout", "class_name": "Buy", "config": {}},
        {"module": "builtins", "class_name": "function", "config": "eval"},
        {"module": "keras.src.utils.file_utils", "class_name": "get_file", "config": {}},
    ):
        yield "model.keras", model(layer)
    for head in (bytes(50), bytes(5_000)):
        yield "model.h5", b"\x89HDF\r\n\x1a\n" + head + b'{"class_name": "Lambda", "config": {}}' + bytes(100)


def onnx_paths() -> Made:
    for path in ("../../etc/passwd", "/etc/passwd", "C:\\secret", "a/../../b", "..\\b", "file:///etc/passwd"):
        yield "model.onnx", onnx(path)
        yield "model", onnx(path)


def lightning() -> Made:
    def checkpoint(key: str, value: str, where: str = "hyper_parameters") -> bytes:
        return pickled(
            b"}("
            + text("pytorch-lightning_version")
            + text("2.5.0")
            + text(where)
            + b"}"
            + text(key)
            + text(value)
            + b"su"
        )

    for key, value in (
        ("_instantiator", "os.system"),
        ("_instantiator", "shop.checkout.buy"),
        ("_instantiator", "subprocess.Popen"),
        ("_class_path", "os.system"),
        ("_class_path", "subprocess.Popen"),
        ("class_path", "builtins.exec"),
        ("_target_", "os.system"),
    ):
        yield "last.ckpt", torch_zip(checkpoint(key, value))
        yield "last.ckpt", torch_zip(checkpoint(key, value, "datamodule_hyper_parameters"))
    yield "last.ckpt", legacy(checkpoint("_instantiator", "os.system"), keys=b"\x80\x02].")


def script() -> Made:
    for line in (
        b'torch.save(x, "/leyden")',
        b'ops.aten.from_file("/etc/passwd", False, 4)',
        b'torch.from_file("/leyden")',
    ):
        code = b"def forward(self, x: Tensor) -> Tensor:\n  y = " + line + b"\n  return x\n"
        yield "model.pt", torch_zip(more=[("archive/constants.pkl", pickled(b")")), ("archive/code/a.py", code)])
    library = b"\x7fELF\x02\x01\x01" + bytes(100)
    yield "model.pt2", torch_zip(more=[("archive/data/aotinductor/model/a.so", library)])
    yield "model.pt", torch_zip(more=[("archive/extra/b.bin", b"MZ" + bytes(60) + b"PE\0\0" + bytes(40))])


def storages() -> Made:
    for size in (0, 4, 20, 28):
        yield "model.pt", torch_zip(storages={"0": bytes(size)})
    yield "model.pt", torch_zip(storages={})
    for before, after in ((b"K\x02K\x03\x86", b"K\x02K\x09\x86"), (b"K\x03K\x01\x86", b"K\x09K\x01\x86")):
        yield "model.pt", torch_zip(TENSORS.replace(before, after))
    yield "model.pt", torch_zip(TENSORS.replace(b"K\x00K\x02", b"K\x05K\x02"))
    yield "model.pt", torch_zip(TENSORS.replace(b"K\x00K\x02", b"J\xff\xff\xff\xffK\x02"))


def objects() -> Made:
    for module, name in (
        ("torch.nn.modules.linear", "Linear"),
        ("torch.nn.modules.container", "Sequential"),
        ("sklearn.ensemble._forest", "RandomForestClassifier"),
        ("sklearn.pipeline", "Pipeline"),
        ("pandas.core.frame", "DataFrame"),
        ("transformers.models.bert.modeling_bert", "BertModel"),
    ):
        made = f"c{module}\n{name}\n".encode() + b")\x81}b"
        yield "model.pkl", pickled(made)
        yield "model.pt", torch_zip(pickled(made))
        yield "model.joblib", pickled(made, 4)


def bad_safetensors() -> Made:
    entry = b'"dtype":"F32","shape":[1],"data_offsets":'
    yield "model.safetensors", safetensors(b'{"a":{' + entry + b'[0,4]},"a":{' + entry + b"[4,8]}}", bytes(8))
    yield "model.safetensors", safetensors(b'{"a":{' + entry + b'[0,4]},"b":{' + entry + b"[0,4]}}", bytes(4))
    yield "model.safetensors", safetensors(b'{"a":{' + entry + b"[0,4]}}", bytes(40))
    yield "model.safetensors", safetensors(b'{"a":{' + entry + b"[0,4]}}", bytes(3))
    yield "model.safetensors", safetensors(b'{"a":{' + entry + b"[0,4]}}", bytes(4)) + pickled(calling(SYSTEM))


TECHNIQUES = {
    "a listed callable": listed,
    "a callable nobody listed": unlisted,
    "a dotted attribute": dotted,
    "Python 2 names": python2,
    "no call at all": without_call,
    "extension codes": extensions,
    "computed names": computed_names,
    "broken after its payload": broken,
    "something after the pickle": trailing,
    "text beyond ASCII first": non_ascii,
    "across a frame": frames,
    "another case or no suffix": odd_names,
    "zip contradictions": zip_contradictions,
    "containers": containers,
    "suffix against content": mislabelled,
    "legacy torch": legacy_torch,
    "costs": costs,
    "Keras": keras,
    "ONNX": onnx_paths,
    "Lightning hyperparameters": lightning,
    "TorchScript and native code": script,
    "storages": storages,
    "whole objects": objects,
    "safetensors": bad_safetensors,
    **hostile_pickles.TECHNIQUES,
    **hostile_files.TECHNIQUES,
}
