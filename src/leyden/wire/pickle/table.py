"""The names that data is made of: what an unpickler may import and call without harm, each named exactly.

A name is here because programs write it into checkpoints, arrays or plain pickles and because calling it, with any
arguments that pass the checks below, does nothing but build a value.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import prod
from typing import Final

from leyden.wire.pickle.nodes import Dict, Global, Name, Object, Persistent, Set, Span, Unknown, Value

_DTYPES = (
    "bfloat16 bits16 bits1x8 bits2x4 bits4x2 bits8 bool complex128 complex32 complex64 float16 float32 "
    "float4_e2m1fn_x2 float64 float8_e4m3fn float8_e4m3fnuz float8_e5m2 float8_e5m2fnuz float8_e8m0fnu int1 int16 int2 "
    "int3 int32 int4 int5 int6 int64 int7 int8 qint32 qint8 quint2x4 quint4x2 quint8 uint1 uint16 uint2 uint3 uint32 "
    "uint4 uint5 uint6 uint64 uint7 uint8"
)
_QUANTIZED = (
    "per_channel_affine per_channel_affine_float_qparams per_channel_symmetric per_tensor_affine per_tensor_symmetric"
)
_STORAGES = (
    "BFloat16Storage BoolStorage ByteStorage CharStorage ComplexDoubleStorage ComplexFloatStorage DoubleStorage "
    "FloatStorage HalfStorage IntStorage LongStorage ShortStorage"
)
_TENSORS = (
    "BFloat16Tensor BoolTensor ByteTensor CharTensor DoubleTensor FloatTensor HalfTensor IntTensor LongTensor "
    "ShortTensor"
)
_MULTIARRAY = "_reconstruct scalar"
_TYPING = (
    "Any Callable ClassVar Collection DefaultDict Deque Dict Final FrozenSet Generic Hashable Iterable Iterator List "
    "Literal Mapping MutableMapping NoReturn Optional Sequence Set Sized Tuple Type Union"
)
_NUMBERS = (
    "bool bool_ byte bytes_ cdouble clongdouble complex128 complex64 csingle datetime64 double float16 float32 float64 "
    "half int16 int32 int64 int8 intc intp long longdouble longlong object_ short single str_ timedelta64 ubyte uint "
    "uint16 uint32 uint64 uint8 uintc uintp ulong ulonglong ushort void"
)
_NUMPY_DTYPES = (
    "BoolDType BytesDType CLongDoubleDType Complex128DType Complex64DType DateTime64DType Float16DType Float32DType "
    "Float64DType Int16DType Int32DType Int64DType Int8DType IntDType LongDType LongDoubleDType LongLongDType "
    "ObjectDType ShortDType StrDType StringDType TimeDelta64DType UByteDType UInt16DType UInt32DType UInt64DType "
    "UInt8DType UIntDType ULongDType ULongLongDType UShortDType VoidDType ByteDType"
)
_PATHS = "Path PosixPath PurePath PurePosixPath PureWindowsPath WindowsPath"
_REBUILD = (
    "_rebuild_device_tensor_from_cpu_tensor _rebuild_device_tensor_from_numpy _rebuild_meta_tensor_no_storage "
    "_rebuild_nested_tensor _rebuild_parameter _rebuild_parameter_with_state _rebuild_qtensor _rebuild_sparse_tensor "
    "_rebuild_sparse_csr_tensor _rebuild_tensor _rebuild_tensor_v2 _rebuild_tensor_v3 _rebuild_wrapper_subclass"
)
_DCP = (
    "BytesStorageMetadata ChunkStorageMetadata Metadata MetadataIndex StorageMeta TensorProperties "
    "TensorStorageMetadata _MEM_FORMAT_ENCODING"
)

_MODULES: Mapping[str, str] = {
    "builtins": "Ellipsis NotImplemented bool bytearray bytes complex dict float frozenset int list object range set "
    "slice str tuple getattr",
    "_codecs": "encode",
    "copyreg": "_reconstructor",
    "_operator": "getitem",
    "typing": _TYPING,
    "collections": "Counter OrderedDict defaultdict deque",
    "argparse": "Namespace",
    "types": "SimpleNamespace",
    "datetime": "date datetime time timedelta timezone",
    "zoneinfo": "ZoneInfo._unpickle",
    "decimal": "Decimal",
    "fractions": "Fraction",
    "uuid": "UUID SafeUUID",
    "array": "_array_reconstructor array",
    "pathlib": _PATHS,
    "pathlib._local": _PATHS,
    "torch": f"{_DTYPES} {_QUANTIZED} {_STORAGES} {_TENSORS} QInt32Storage QInt8Storage QUInt2x4Storage "
    "QUInt4x2Storage QUInt8Storage Size Tensor device UntypedStorage TypedStorage strided sparse_coo sparse_csr",
    "torch.cuda": f"{_STORAGES} {_TENSORS}",
    "torch.sparse": _TENSORS,
    "torch.cuda.sparse": _TENSORS,
    "torch.storage": "TypedStorage UntypedStorage _TypedStorage _UntypedStorage _load_from_bytes",
    "torch._tensor": "_rebuild_from_type_v2 Tensor",
    "torch._utils": _REBUILD,
    "torch.nn.parameter": "Parameter Buffer UninitializedParameter UninitializedBuffer",
    "torch.serialization": "_get_layout",
    "torch.torch_version": "TorchVersion",
    "torch.distributed.checkpoint.metadata": _DCP,
    "torch.distributed.checkpoint.filesystem": "_StorageInfo",
    "torch.distributed.checkpoint._extension": "ZStandard",
    "numpy": f"ndarray dtype {_NUMBERS}",
    "numpy.dtypes": _NUMPY_DTYPES,
    **dict.fromkeys(("numpy.core.records", "numpy._core.records", "numpy.rec"), "recarray record"),
    "numpy.core.multiarray": _MULTIARRAY,
    "numpy._core.multiarray": _MULTIARRAY,
    "numpy.core._internal": "_reconstruct",
    "numpy.core.numeric": "_frombuffer",
    "numpy._core.numeric": "_frombuffer",
    "numpy.ma.core": "_mareconstruct MaskedArray",
    "numpy.ma": "MaskedArray",
    "numpy.matrixlib.defmatrix": "matrix",
    "numpy.random._pickle": "__randomstate_ctor __generator_ctor __bit_generator_ctor",
    "numpy.random._mt19937": "MT19937",
    "numpy.random._pcg64": "PCG64 PCG64DXSM",
    "numpy.random._philox": "Philox",
    "numpy.random._sfc64": "SFC64",
    "numpy.random.bit_generator": "SeedSequence __pyx_unpickle_SeedSequence",
    "scipy.sparse._csr": "csr_matrix csr_array",
    "scipy.sparse._csc": "csc_matrix csc_array",
    "scipy.sparse._coo": "coo_matrix coo_array",
    "scipy.sparse.csr": "csr_matrix",
    "scipy.sparse.csc": "csc_matrix",
    "scipy.sparse.coo": "coo_matrix",
    "joblib.numpy_pickle": "NumpyArrayWrapper",
    "torchmetrics.metric": "jit_distributed_available",
    "torchmetrics.utilities.data": "dim_zero_cat dim_zero_max dim_zero_mean dim_zero_min dim_zero_sum",
    "lightning.fabric.utilities.data": "AttributeDict",
    "lightning_fabric.utilities.data": "AttributeDict",
    "lightning.pytorch.utilities.parsing": "AttributeDict",
    "pytorch_lightning.utilities.parsing": "AttributeDict",
}
HARMLESS: Final[frozenset[Name]] = frozenset(
    (module, name) for module, names in _MODULES.items() for name in names.split()
)

# Classes whose members pickles look up with getattr.
_ENUMS = {("torch.distributed.checkpoint.metadata", "_MEM_FORMAT_ENCODING"), ("uuid", "SafeUUID")}
_BASES = {("builtins", name) for name in ("object", "dict", "list", "tuple", "set", "frozenset", "str", "int", "float")}
_FACTORIES = _BASES | {("builtins", "bool"), ("builtins", "bytes"), ("collections", "OrderedDict")}
_LISTS = {("collections", "deque"), ("builtins", "list"), ("array", "array"), ("builtins", "set")}
_DICTS = {
    ("collections", "OrderedDict"),
    ("collections", "defaultdict"),
    ("collections", "Counter"),
    ("builtins", "dict"),
    *((module, "AttributeDict") for module, names in _MODULES.items() if names == "AttributeDict"),
}
_TYPES = {("typing", name) for name in _TYPING.split()}
_REBUILDERS = {("torch._utils", name) for name in _REBUILD.split()}
_CODECS = {"latin1", "latin-1", "utf-8", "utf8", "ascii"}
LARGEST_FILL: Final = 1 << 20
FROM_BYTES: Final[Name] = ("torch.storage", "_load_from_bytes")


def is_harmless(name: Name) -> bool:
    """Whether an unpickler may import and call ``name``."""
    return name in HARMLESS


def takes_items(made: Object) -> bool:
    """Whether APPEND and ADDITEMS are what this object is filled with."""
    return _made_by(made) in _LISTS


def takes_pairs(made: Object) -> bool:
    """Whether SETITEM is what this object is filled with."""
    return _made_by(made) in _DICTS


def strange_arguments(made: Object) -> str | None:
    """What is wrong with the arguments of a harmless name, or None where they are as programs write them."""
    callee = made.callee
    assert isinstance(callee, Global)
    if type(made.arguments) is not tuple:
        return "its arguments are not a tuple"
    check = _CHECKS.get(callee.key)
    return None if check is None or check(made.arguments) else f"arguments {_shown(made.arguments)}"


def _made_by(made: Object) -> Name | None:
    """The class of an object, also where copyreg's helper makes it."""
    callee = made.callee
    if not isinstance(callee, Global):
        return None
    if callee.key == ("copyreg", "_reconstructor") and type(made.arguments) is tuple and made.arguments:
        callee = made.arguments[0]
    return callee.key if isinstance(callee, Global) else None


def _shown(arguments: tuple[Value, ...]) -> str:
    def one(value: Value) -> str:
        if isinstance(value, Global):
            return f"{value.module}.{value.name}"
        return repr(value)[:40] if isinstance(value, (str, bytes, int, float, type(None))) else type(value).__name__

    return "(" + ", ".join(one(value) for value in arguments[:6]) + ")"


def _is_name(value: Value, names: set[Name]) -> bool:
    return isinstance(value, Global) and value.key in names


def _natural(value: Value) -> bool:
    return type(value) is int and value >= 0


def _naturals(value: Value) -> bool:
    if isinstance(value, Object) and value.calls("torch", "Size") and type(value.arguments) is tuple:
        value = value.arguments[0] if len(value.arguments) == 1 else None
    return type(value) in (tuple, list) and all(map(_natural, value))


def _codec(arguments: tuple[Value, ...]) -> bool:
    return len(arguments) == 2 and type(arguments[1]) is str and arguments[1] in _CODECS


def _fill(arguments: tuple[Value, ...]) -> bool:
    """Contents, and not a length that would be allocated."""
    if not arguments:
        return True
    first = arguments[0]
    return not (type(first) is int and first > LARGEST_FILL)


def _iterable(arguments: tuple[Value, ...]) -> bool:
    """A container that lies in the pickle, and not a range of any length."""
    return len(arguments) <= 1 and all(not isinstance(a, Object) or not a.calls("builtins", "range") for a in arguments)


def _filled(arguments: tuple[Value, ...]) -> bool:
    """A container, and the most that it may hold."""
    return len(arguments) <= 2 and _iterable(arguments[:1])


def _factory(arguments: tuple[Value, ...]) -> bool:
    return not arguments or arguments[0] is None or _is_name(arguments[0], _FACTORIES)


def _member(arguments: tuple[Value, ...]) -> bool:
    return len(arguments) == 2 and _is_name(arguments[0], _ENUMS) and type(arguments[1]) is str


def _reconstructed(arguments: tuple[Value, ...]) -> bool:
    return len(arguments) == 3 and isinstance(arguments[0], Global) and _is_name(arguments[1], _BASES)


def _tensor(arguments: tuple[Value, ...]) -> bool:
    """A storage, and a view that stays inside of it."""
    if len(arguments) < 4:
        return False
    storage, offset, size, stride = arguments[:4]
    if not (_natural(offset) and _naturals(size) and _naturals(stride)):
        return False
    numel = numel_of(storage)
    if numel is None or type(size) is not tuple or type(stride) is not tuple or len(size) != len(stride):
        return isinstance(storage, (Object, Persistent))
    return 0 in size or offset + sum((n - 1) * s for n, s in zip(size, stride, strict=True)) < numel


def numel_of(storage: Value) -> int | None:
    """How many elements a storage of torch says that it has, where it says so."""
    identity = storage.identity if isinstance(storage, Persistent) else None
    if type(identity) is tuple and len(identity) >= 5 and identity[0] == "storage" and _natural(identity[4]):
        return int(identity[4])
    return None


def _typed(arguments: tuple[Value, ...]) -> bool:
    return len(arguments) >= 3 and _is_name(arguments[0], _REBUILDERS)


def _tensor_from_bytes(arguments: tuple[Value, ...]) -> bool:
    """A whole torch file as bytes, as pickle writes tensors: whoever judges the pickle looks at it too."""
    return len(arguments) == 1 and (type(arguments[0]) is bytes or (isinstance(arguments[0], Span)))


def _alias(arguments: tuple[Value, ...]) -> bool:
    """A type with parameters, such as ``Dict[str, int]``."""
    if len(arguments) != 2:
        return False
    of = arguments[0]
    return (isinstance(of, Object) and of.calls("_operator", "getitem")) or _is_name(of, _TYPES)


def _no_length(arguments: tuple[Value, ...]) -> bool:
    """No number that would be allocated, alone or as a shape."""
    return not any(_is_length(part) for a in arguments for part in (a if type(a) in (tuple, list) else (a,)))


def _is_length(value: Value) -> bool:
    if isinstance(value, Object) and value.calls("torch", "Size"):
        return True
    return type(value) is int and value > LARGEST_FILL


def _ratio(arguments: tuple[Value, ...]) -> bool:
    """Numbers, or a text without an exponent, which would be written out."""
    return all(type(a) is not str or (len(a) <= 200 and "e" not in a.casefold()) for a in arguments)


def _parameter(arguments: tuple[Value, ...]) -> bool:
    return bool(arguments) and isinstance(arguments[0], (Object, Persistent, Unknown))


def _dimensions(arguments: tuple[Value, ...]) -> bool:
    """A class of arrays, and a shape that takes no memory: the content comes with BUILD."""
    if len(arguments) != 3 or not isinstance(arguments[0], Global) or type(arguments[1]) not in (tuple, list):
        return False
    return _naturals(arguments[1]) and prod(arguments[1]) < 2


def _buffer(arguments: tuple[Value, ...]) -> bool:
    return len(arguments) == 4 and isinstance(arguments[0], (bytes, Span, Unknown, Object))


def _contents(arguments: tuple[Value, ...]) -> bool:
    return all(isinstance(a, (list, tuple, Dict, Set, Object, str, bytes, Span)) for a in arguments[:1])


_CHECKS: Mapping[Name, Callable[[tuple[Value, ...]], bool]] = {
    **{(module, name): _no_length for module, name in HARMLESS if name.endswith(("Storage", "Tensor"))},
    ("numpy", "ndarray"): _no_length,
    **{(module, name): _no_length for module, name in HARMLESS if name == "recarray"},
    ("torch.nn.parameter", "UninitializedParameter"): _no_length,
    ("torch.nn.parameter", "UninitializedBuffer"): _no_length,
    ("torch", "Size"): _iterable,
    ("collections", "deque"): _filled,
    ("collections", "Counter"): _iterable,
    ("fractions", "Fraction"): _ratio,
    ("_operator", "getitem"): _alias,
    ("_codecs", "encode"): _codec,
    ("builtins", "bytearray"): _fill,
    ("builtins", "bytes"): _fill,
    ("builtins", "list"): _iterable,
    ("builtins", "tuple"): _iterable,
    ("builtins", "set"): _iterable,
    ("builtins", "frozenset"): _iterable,
    ("builtins", "dict"): _contents,
    ("builtins", "getattr"): _member,
    ("collections", "defaultdict"): _factory,
    ("copyreg", "_reconstructor"): _reconstructed,
    ("torch._utils", "_rebuild_tensor"): _tensor,
    ("torch._utils", "_rebuild_tensor_v2"): _tensor,
    ("torch._utils", "_rebuild_tensor_v3"): _tensor,
    ("torch._utils", "_rebuild_parameter"): _parameter,
    ("torch._utils", "_rebuild_parameter_with_state"): _parameter,
    ("torch._tensor", "_rebuild_from_type_v2"): _typed,
    FROM_BYTES: _tensor_from_bytes,
    ("numpy.core._internal", "_reconstruct"): _dimensions,
    ("numpy.core.multiarray", "_reconstruct"): _dimensions,
    ("numpy._core.multiarray", "_reconstruct"): _dimensions,
    ("numpy.core.numeric", "_frombuffer"): _buffer,
    ("numpy._core.numeric", "_frombuffer"): _buffer,
}
