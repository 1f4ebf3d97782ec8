"""What a pickle describes as plain values, where every part of it is known to be data; else an error that names it."""

from __future__ import annotations

from collections import Counter, OrderedDict, defaultdict, deque
from pathlib import PurePosixPath, PureWindowsPath
from typing import Any, Final, NoReturn, final

from leyden.audit.fix.tensors import DTYPES, STORAGES, AttributeDict, Device, Dtype, Parameter, Size, Tensor, Version
from leyden.errors import EncodeError
from leyden.wire.nodes import DEEPEST, FACTORIES, MOST_VALUES
from leyden.wire.pickle.nodes import Dict, Global, Object, Persistent, Set, Span, Value, kind_of
from leyden.wire.pickle.storages import Storage, storage_of

_ATTRIBUTE_DICTS: Final = {
    ("lightning.fabric.utilities.data", "AttributeDict"),
    ("lightning_fabric.utilities.data", "AttributeDict"),
    ("lightning.pytorch.utilities.parsing", "AttributeDict"),
    ("pytorch_lightning.utilities.parsing", "AttributeDict"),
}
_PATHS: Final = {"PosixPath": PurePosixPath, "PurePosixPath": PurePosixPath, "WindowsPath": PureWindowsPath}


def to_values(root: Value, data: memoryview) -> dict[Any, Any]:
    """The dictionary that a checkpoint's pickle describes; ``data`` is what the pickle lies in."""
    tree = _Translator(data).value(root)
    if type(tree) is not dict and type(tree) is not OrderedDict:
        raise EncodeError(f"its root is a {kind_of(root)} and no dictionary")
    if not all(type(key) is str for key in tree):
        raise EncodeError("its root is a dictionary with keys that are no text")
    return tree


@final
class _Translator:
    """One pass over one pickle. Values that the pickle shares stay one."""

    def __init__(self, data: memoryview) -> None:
        self._data = data
        self._path: list[str] = []
        self._done: dict[int, Any] = {}
        self._open: set[int] = set()
        self._left = MOST_VALUES

    def value(self, value: Value) -> Any:
        self._left -= 1
        if self._left < 0 or len(self._open) > DEEPEST:
            self._fail("lies beyond the limits of a checkpoint")
        if value is None or isinstance(value, (bool, int, float, str, bytes)):
            return value
        if isinstance(value, Span):
            content = bytes(self._data[value.start : value.stop])
            return content.decode("utf-8", "surrogatepass") if value.text else content
        if id(value) in self._done:
            return self._done[id(value)]
        if id(value) in self._open:
            self._fail("contains itself")
        self._open.add(id(value))
        made = self._container(value)
        self._open.discard(id(value))
        self._done[id(value)] = made
        return made

    def _container(self, value: Value) -> Any:
        match value:
            case tuple():
                return tuple(self._all(value))
            case list():
                return self._all(value)
            case Dict():
                return self._pairs(value.pairs)
            case Set():
                return self._set(value.items, frozen=value.frozen)
            case Global(module="torch", name=name) if name in DTYPES:
                return Dtype(name)
            case Object():
                return self._object(value)
            case _:
                return self._unknown(value)

    def _object(self, made: Object) -> Any:
        callee, arguments = made.callee, made.arguments
        if not isinstance(callee, Global) or type(arguments) is not tuple or made.keywords:
            return self._unknown(made)
        plain = made.state is None and not made.items and not made.pairs
        match callee.key, arguments:
            case ("torch._utils", "_rebuild_tensor_v2"), _ if plain:
                return self._tensor(arguments, None)
            case ("torch._utils", "_rebuild_tensor_v3"), _ if plain and len(arguments) >= 7:
                return self._tensor(arguments, self.value(arguments[6]))
            case ("torch._utils", "_rebuild_parameter"), (data, bool(trained), hooks) if plain and _is_empty(hooks):
                tensor = self.value(data)
                return Parameter(tensor, trained) if isinstance(tensor, Tensor) else self._unknown(made)
            case ("torch", "Size"), (lengths,) if plain:
                return Size(self._naturals(lengths))
            case ("torch", "device"), (str(kind), *number) if plain and len(number) < 2:
                return Device(":".join([kind, *(str(self._natural(index)) for index in number)]))
            case ("torch.torch_version", "TorchVersion"), (str(text),) if plain:
                return Version(text)
            # What protocol 2, which torch writes, has no operation for.
            case ("_codecs", "encode"), (str(text), "latin1") if plain:
                return text.encode("latin1")
            case ("builtins", "bytes"), () if plain:
                return b""
            case ("builtins", "complex"), (float(real), float(imaginary)) if plain:
                return complex(real, imaginary)
            case ("builtins", "set" | "frozenset" as kind), (list() as items,) if plain:
                return self._set(items, frozen=kind == "frozenset")
            case ("collections", "OrderedDict"), () if not made.items:
                return self._ordered(made)
            case ("collections", "Counter"), (Dict(pairs=pairs),) if plain:
                return Counter(self._pairs(pairs))
            case ("collections", "defaultdict"), (Global(module="builtins", name=name),) if (
                made.state is None and not made.items and name in FACTORIES
            ):
                return defaultdict(FACTORIES[name], self._pairs(made.pairs or []))
            case ("collections", "deque"), ((), *length) if made.state is None and not made.pairs and len(length) < 2:
                return deque(self._all(made.items or []), *(self._natural(most) for most in length))
            case ("pathlib" | "pathlib._local", name), parts if plain and name in _PATHS:
                return _PATHS[name](*map(self._text, parts))
            case key, () if key in _ATTRIBUTE_DICTS and made.state is None and not made.items:
                return AttributeDict({self._text(key): item for key, item in self._pairs(made.pairs or []).items()})
            case _:
                return self._unknown(made)

    def _ordered(self, made: Object) -> OrderedDict[Any, Any]:
        ordered = OrderedDict(self._pairs(made.pairs or []))
        if made.state is not None:  # what torch puts on a state dict
            state = self.value(made.state)
            if type(state) is not dict or state.keys() != {"_metadata"}:
                self._fail("is an OrderedDict with attributes, which would be lost")
            vars(ordered)["_metadata"] = state["_metadata"]
        return ordered

    def _tensor(self, arguments: tuple[Value, ...], dtype: Any) -> Any:
        if len(arguments) < 6 or not isinstance(arguments[0], Persistent):
            self._fail("is a tensor that is written in an unusual way")
        storage = storage_of(arguments[0])
        if storage is None:
            self._fail("is a tensor whose memory is not in the file")
        if any(more is not None for more in arguments[0].identity[5:]):
            self._fail("is a tensor in a part of another storage")
        offset, shape, stride = arguments[1:4]
        if arguments[4] is not False or not _is_empty(arguments[5]):
            self._fail("is a tensor with a gradient or with hooks, which would be lost")
        if any(not _is_empty(more) for more in arguments[7 if dtype is not None else 6 :]):
            self._fail("is a tensor with metadata, which would be lost")
        name = dtype.name if isinstance(dtype, Dtype) else STORAGES.get(storage.kind)
        if name is None:
            self._fail(f"is a tensor in a {storage.kind}, which has no encoding")
        tensor = Tensor(storage.key, name, self._naturals(shape), self._naturals(stride), self._natural(offset))
        self._check_inside(tensor, storage)
        return tensor

    def _check_inside(self, tensor: Tensor, storage: Storage) -> None:
        if len(tensor.shape) != len(tensor.stride) or len(tensor.shape) > 64:
            self._fail("is a tensor whose shape and strides differ")
        last = tensor.offset + sum((n - 1) * s for n, s in zip(tensor.shape, tensor.stride, strict=True))
        if tensor.numel and (last + 1) * tensor.itemsize > storage.nbytes:
            self._fail("is a tensor that reaches beyond its storage")
        # An expanded tensor of a few bytes could stand for any number of them.
        if tensor.numel * tensor.itemsize > max(storage.nbytes, 1 << 20):
            self._fail("is a tensor that repeats its storage")

    def _pairs(self, pairs: list[Value]) -> dict[Any, Any]:
        made: dict[Any, Any] = {}
        for index in range(0, len(pairs) - 1, 2):
            key = self.value(pairs[index])
            self._path.append(str(key)[:80] if isinstance(key, (str, int)) else f"item{index // 2}")
            item = self.value(pairs[index + 1])
            try:
                made[key] = item
            except TypeError:
                self._fail("has a key that cannot be one")
            self._path.pop()
        return made

    def _set(self, values: list[Value], *, frozen: bool) -> set[Any] | frozenset[Any]:
        items = self._all(values)
        try:
            return frozenset(items) if frozen else set(items)
        except TypeError:
            self._fail("has an element that cannot be one")

    def _all(self, values: list[Value] | tuple[Value, ...]) -> list[Any]:
        made = []
        for index, value in enumerate(values):
            self._path.append(str(index))
            made.append(self.value(value))
            self._path.pop()
        return made

    def _naturals(self, value: Value) -> tuple[int, ...]:
        made = self.value(value)
        lengths = made.lengths if isinstance(made, Size) else made
        if type(lengths) is not tuple and type(lengths) is not list:
            self._fail("has a shape that is none")
        return tuple(map(self._natural, lengths))

    def _natural(self, value: Value) -> int:
        if type(value) is not int or not 0 <= value < 1 << 56:
            self._fail("has a number that cannot be")
        return value

    def _text(self, value: Value) -> str:
        return value if type(value) is str else self._fail("has something else where text belongs")

    def _unknown(self, value: Value) -> NoReturn:
        self._fail(f"is a {kind_of(value)}, which is not known to be data alone")

    def _fail(self, problem: str) -> NoReturn:
        raise EncodeError(f"{'.'.join(self._path) or 'the root'} {problem}")


def _is_empty(value: Value) -> bool:
    """Whether a value says nothing: no hooks, no metadata."""
    if isinstance(value, Dict):
        return not value.pairs
    return value is None or (isinstance(value, Object) and not (value.pairs or value.items or value.state))
