"""Hostile pickles of a second collection, written against the format and not against the rules."""

from __future__ import annotations

import struct
from collections.abc import Iterator

from benchmarks.audit.making import Call, calling, legacy, pickled, short, text, torch_zip

Made = Iterator[tuple[str, bytes]]

SYSTEM: Call = ("os", "system", "echo leyden")
SHOP: Call = ("shop.checkout", "buy", "leyden")
NAMES = ("model.pkl", "model.pt", "weights.bin", "model", "state.cache")

# What may stand first in a pickle of protocol 0 or 1 and leaves one value on the stack.
FIRST = (
    b"\x8e\x03\0\0\0\0\0\0\0abc", b"\x96\x03\0\0\0\0\0\0\0abc", b"\x8d\x03\0\0\0\0\0\0\0abc", b"\x97", b"F1.5\n",
    b"L5L\n", b"I01\n", b"I7\n", b"S'x'\n", b"Vx\n", b"G" + bytes(8), b"B\x02\0\0\0ab", b"C\x01a", b"U\x01a",
    b"T\x02\0\0\0ab", b"X\x02\0\0\0ab", b"\x8c\x01a", b"Pid\n", b"\x8f", b"\x88", b"N", b"M\0\0", b"K\0", b"J\0\0\0\0",
    b"\x8a\x01\0", b"\x8b\x01\0\0\0\0", b"(]\x85", b")", b"]", b"}",
)  # fmt: skip
# Ways around, each with what it is given: "name=…" is an import, "text" a text, a number a number.
INDIRECT: tuple[tuple[str, ...], ...] = (
    ("operator.attrgetter", "system"), ("operator.methodcaller", "system", "true"), ("operator.itemgetter", "0"),
    ("functools.partial", "=os.system", "x"), ("functools.partial", "=builtins.print", "x"),
    ("functools.reduce", "=builtins.getattr", "x"), ("builtins.getattr", "=torch.hub", "load"),
    ("builtins.getattr", "=collections.OrderedDict", "__init__"), ("builtins.map", "=os.system", "x"),
    ("builtins.filter", "=os.system", "x"), ("builtins.type", "X"), ("builtins.super",), ("builtins.vars",),
    ("builtins.globals",), ("builtins.locals",), ("builtins.input",), ("builtins.compile", "1", "a", "eval"),
    ("builtins.setattr", "=torch.Size", "x", "y"), ("builtins.delattr", "=torch.Size", "x"), ("builtins.help",),
    ("_codecs.encode", "a", "zlib"), ("_codecs.encode", "a", "bz2_codec"), ("_codecs.encode", "a", "shop"),
    ("_codecs.encode", "a", "latin1", "surrogateescape"), ("_codecs.decode", "a", "zip"), ("_codecs.lookup", "shop"),
    ("collections.defaultdict", "=os.system"), ("collections.defaultdict", "=shop.x"),
    ("collections.namedtuple", "A", "b"), ("copyreg._reconstructor", "=subprocess.Popen", "=builtins.object"),
    ("copyreg._reconstructor", "=shop.X", "=builtins.object"), ("copyreg.__newobj__", "=os.system"),
    ("copyreg._reconstructor", "=builtins.object", "=os.system", "true"), ("copyreg.add_extension", "os", "system"),
    ("copyreg.pickle", "=torch.Size", "=os.system"), ("copyreg.dispatch_table.update",),
    ("torch._tensor._rebuild_from_type_v2", "=os.system", "=torch.Tensor"),
    ("torch._tensor._rebuild_from_type_v2", "=torch._tensor._rebuild_from_type_v2", "=torch.Tensor"),
    ("torch._tensor._rebuild_from_type_v2", "=torch._utils._rebuild_tensor_v2", "=shop.X"),
    ("torch.jit.load", "x"), ("torch.package.PackageImporter", "x"), ("torch.ops.load_library", "x"),
    ("torch.utils.cpp_extension.load_inline",), ("torch._inductor.codecache.PyCodeCache.load", "x"),
    ("torch.multiprocessing.spawn.spawn",), ("torch.fx.graph_module.reduce_graph_module", "import os"),
    ("torch.fx.graph_module._exec_with_source", "x"), ("torch.utils.model_zoo.load_url", "x"),
    ("torch.export.load", "x"), ("torch.from_file", "/leyden"), ("torch.UntypedStorage.from_file", "x"),
    ("torch.FloatStorage.from_file", "x"), ("torch.distributed.elastic.multiprocessing.start_processes",),
    ("numpy.fromfile", "x"), ("numpy.memmap", "x"), ("numpy.ctypeslib.load_library", "x"), ("numpy.f2py.compile", "x"),
    ("numpy.f2py.f2py2e.main",), ("numpy.f2py.diagnose.run_command", "x"), ("numpy.vectorize", "=os.system"),
    ("numpy.distutils.exec_command.exec_command", "x"), ("numpy.lib._npyio_impl.load", "x"), ("pathlib.Path.unlink",),
    ("uuid.getnode",), ("types.FunctionType",), ("types.CodeType",), ("types.MethodType",), ("weakref.finalize",),
    ("atexit.register", "=os.system", "x"), ("threading.Timer", "=os.system"), ("string.Formatter.vformat",),
    ("random._os.system", "x"), ("logging.FileHandler", "x"), ("logging.config.listen",), ("gettext.c2py", "n"),
    ("fileinput.FileInput", "x"), ("tokenize.open", "x"), ("linecache.getlines", "/etc/passwd"),
    ("zoneinfo.ZoneInfo", "x"),
    ("unittest.mock._importer", "os.system"), ("dbm.open", "x"), ("bdb.Bdb.run",), ("rlcompleter.Completer",),
    ("modulefinder.ModuleFinder.run_script",), ("setuptools.setup",), ("_posixsubprocess.fork_exec",),
    ("_osx_support._read_output", "id"), ("_aix_support._read_cmd_output", "id"), ("_pyrepl.pager.pipe_pager",),
    ("_testcapi.run_in_subinterp", "1"), ("test.support.script_helper.assert_python_ok",), ("distutils.spawn.spawn",),
    ("transformers.AutoModel.from_pretrained", "x"), ("keras.models.load_model", "x"), ("mlflow.pyfunc.load_model",
    "x"),
    ("omegaconf.OmegaConf.register_new_resolver",), ("lightning_fabric.utilities.cloud_io._load", "x"),
    ("jsonargparse.import_object", "x"), ("fsspec.open", "x"), ("PIL.ImageMath.eval", "1"), ("sympy.sympify", "1"),
    ("scipy.io.loadmat", "x"), ("IPython.embed",), ("cffi.FFI.dlopen",), ("llvmlite.binding.load_library_permanently",),
    ("jinja2.Template", "x"), ("ray.init",), ("fabric.Connection.run",), ("invoke.run",), ("sh.Command",),
    ("pexpect.run",),
)  # fmt: skip


def named(dotted: str) -> bytes:
    module, _, name = dotted.rpartition(".")
    return f"c{module}\n{name}\n".encode()


def given(*parts: bytes) -> bytes:
    return b"(" + b"".join(parts) + b"t"


def first_operations() -> Made:
    for first in FIRST:
        for call in (SYSTEM, SHOP):
            for name in NAMES:
                yield name, first + b"0" + calling(call, protocol=0) + b"."
                yield name, first + b"0" + calling(call) + b"."


def several_protocols() -> Made:
    for call in (("__builtin__", "eval", "1"), ("commands", "getoutput", "true"), SYSTEM):
        for before in (b"\x80\x04\x80\x02", b"\x80\x02N0\x80\x05", b"\x80\x00", b"\x80\x01", b"\x80\x06", b"\x80\xff"):
            yield "model.pkl", before + calling(call) + b"."
        yield "model", b"\x80\x00" + calling(call) + b"."
        yield "notes.txt", b"N0\x80\x04" + calling(call) + b"."


def indirection() -> Made:
    for function, *arguments in INDIRECT:
        parts = [named(part[1:]) if part.startswith("=") else text(part) for part in arguments]
        operations = named(function) + given(*parts) + b"R"
        yield "model.pkl", pickled(operations)
        yield "model.pt", torch_zip(pickled(operations + b"0}"))
    for inner in (pickled(calling(SYSTEM)), torch_zip(pickled(calling(SHOP))), legacy(pickled(calling(SYSTEM)))):
        content = b"B" + struct.pack("<I", len(inner)) + inner
        yield "model.pkl", pickled(named("torch.storage._load_from_bytes") + given(content) + b"R")
        yield "model.pt", torch_zip(pickled(named("torch.storage._load_from_bytes") + given(content) + b"R0}"))


def states() -> Made:
    made = named("collections.OrderedDict") + b")R"
    for operations in (
        named("torch.Size") + b"}" + text("x") + b"Nsb",
        named("collections.OrderedDict") + b"N}" + text("x") + b"Ns\x86b",
        named("torch.Tensor") + b"(" + text("x") + b"Nu",
        named("torch._utils._rebuild_tensor_v2") + b"}b",
        named("collections.OrderedDict") + b"q\x000h\x00}" + text("a") + b"Nsb",
        named("torch.float32") + b"(N\x90",
        made + b"}" + text("__class__") + named("torch.Size") + b"sb",
        made + b"}" + text("__setstate__") + named("builtins.bytearray") + b"sbJ\xff\xff\xff\x7fb",
        made + b"N}" + text("__class__") + named("torch.Size") + b"s\x86b",
        text("abc") + b"}b",
        b"K\x01}b",
        b")}b",
        b"}(}b",
        b"\x8f}b",
    ):
        yield "model.pkl", pickled(operations)
        yield "model.pt", torch_zip(pickled(operations + b"0}"))


def names_from_texts() -> Made:
    wide = b"\x8d\x02\0\0\0\0\0\0\0os\x8d\x06\0\0\0\0\0\0\0system"
    for operations in (
        b"S'\\x6fs'\nS'sys\\x74em'\n\x93",
        b"V\\u006fs\nVsys\\u0074em\n\x93",
        b"U\x02osU\x06system\x93",
        b"T\x02\0\0\0osT\x06\0\0\0system\x93",
        wide + b"\x93",
        short("os") + b"\x940" + short("x") + b"q\x000" + short("system") + b"q\x010" + short("os") + b"h\x01\x93",
        short("collections") + b"q\x000" + short("os") + b"q\x000h\x00" + short("system") + b"\x93",
        short("os") + named("builtins.str") + given(text("system")) + b"R\x93",
        b"C\x02os" + short("system") + b"\x93",
        b"N" + short("system") + b"\x93",
        short("") + short("eval") + b"\x93",
        short("os") + short("") + b"\x93",
        short("os\0") + short("system") + b"\x93",
        short("\u1d52s") + short("system") + b"\x93",
        short("torch._utils.os") + short("system") + b"\x93",
        short("collections") + short("OrderedDict.__init__.__globals__") + b"\x93",
        short("collections") + short(" OrderedDict") + b"\x93",
        b"c collections\nOrderedDict\n",
        b"ccollections\r\nOrderedDict\r\n",
        "ccollections\nOrderedDíct\n".encode(),
        b"c\xff\nx\n",
        b"ccollections\n\n",
        b"ctorch\nOrderedDict\n",
    ):
        for protocol in (2, 4):
            yield "model.pkl", pickled(operations + given(text("true")) + b"R", protocol)
            yield "model.pt", torch_zip(pickled(operations + b"0}", protocol))


def memo_and_identities() -> Made:
    storage = given(text("storage"), named("collections.OrderedDict"), text("0"), text("cpu"), b"K\x06")
    identities = (b"Pos.system\n", text("x") + b"Q", given(text("module"), b"NNN") + b"Q", storage + b"Q")
    for operations in identities:
        yield "model.pkl", pickled(operations, 4)
        yield "model.pt", torch_zip(pickled(operations))
    odd = (b"\x97", b"\x97\x98", b"Nr\xff\xff\xff\xff", b"h\x05", b"g5\n", b"j\5\0\0\0", b"Np-1\n", b"Np99999999999\n")
    for operations in (*identities, *odd, *(bytes([code]) for code in b"(012tae\x90\x91")):
        yield "model.pkl", pickled(operations + calling(SYSTEM, "stack"), 5)
        yield "model.pt", torch_zip(pickled(operations + calling(SHOP) + b"0}"))


def costly_values() -> Made:
    deep = b"N" + b"2\x86" * 60  # a pair of a pair of a pair, each twice: hashing goes through all of them
    large = b"J\xff\xff\xff\x7f"
    counted = named("builtins.range") + given(large) + b"R"
    for operations in (
        b"}" + deep + b"Ns",
        b"\x8f(" + deep + b"\x90",
        b"(" + deep + b"\x91",
        b"}(" + deep + b"N" + deep + b"Nu",
        b"(" + deep + b"Nd",
        b"L" + b"9" * 50_000 + b"L\n",
        b"\x8b\xff\xff\xff\x7f",
        named("builtins.bytes") + given(large) + b"R",
        named("builtins.bytearray") + given(b"\x8a\x08\0\0\0\0\0\1\0\0") + b"R",
        *(named(name) + given(counted) + b"R" for name in ("torch.Size", "collections.deque", "collections.Counter")),
        *(
            named(name) + given(large) + b"R"
            for name in (
                "numpy.zeros", "torch.empty", "torch.FloatStorage", "torch.ByteStorage", "torch.Tensor",
                "torch.nn.parameter.UninitializedParameter", "numpy.ndarray",
            )
        ),
        named("numpy.core.multiarray._reconstruct") + given(named("numpy.ndarray"), given(large), text("b")) + b"R",
        named("numpy.ndarray") + given(given(large)) + b"R",
        named("fractions.Fraction") + given(text("1e99999999")) + b"R",
        named("re._compile") + given(text("(a+)+$"), b"K\x00") + b"R",
    ):  # fmt: skip
        yield "model.pkl", pickled(operations)
        yield "last.ckpt", torch_zip(pickled(operations))
    yield "model.pkl", pickled(b"I" + b"9" * 2_000_000 + b"\n")
    yield "model.pkl", pickled(b"(" * 500_000)


def frame_lengths() -> Made:
    run = calling(SYSTEM, "stack")
    for length in (0, 1, 5, len(run), len(run) + 2, len(run) + 50, 1 << 30, 1 << 62, (1 << 64) - 1):
        frame = b"\x95" + struct.pack("<Q", length)
        yield "model.pkl", b"\x80\x04" + frame + run + b"."
        yield "model.pkl", b"\x80\x04" + frame + b"\x95" + struct.pack("<Q", len(run) + 1) + run + b"."
        yield "model.pt", torch_zip(b"\x80\x04" + frame + run + b"0}.")
        for name in NAMES:
            yield name, frame + calling(SYSTEM) + b"."


def late_payloads() -> Made:
    words = b"".join(b"S'%0200d'\na" % number for number in range(40))
    keys = b"".join(text(f"k{number}") + b"K\1" for number in range(900))
    for name in (*NAMES, "notes.txt", "vocab.idx", "config.json"):
        yield name, b"(lp0\n" + words + calling(SYSTEM, protocol=0) + b"a."
        yield name, b"](" + text("x" * 5_000) + calling(SYSTEM) + b"e."
        yield name, text("x" * 5_000_000) + b"0" + calling(SHOP) + b"."
        yield name, b"}(" + keys + text("z") + calling(SYSTEM) + b"u."


TECHNIQUES = {
    "first operations": first_operations,
    "several protocols": several_protocols,
    "ways around": indirection,
    "states with methods": states,
    "names from odd texts": names_from_texts,
    "memo and identities": memo_and_identities,
    "costly values": costly_values,
    "frame lengths": frame_lengths,
    "late payloads": late_payloads,
}
