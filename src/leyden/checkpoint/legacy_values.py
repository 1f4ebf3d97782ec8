"""Torch's and numpy's own values out of what a pickle describes."""

from __future__ import annotations

import mmap
import re
from collections.abc import Mapping
from typing import Any, Final, final

import torch
from torch import Tensor, UntypedStorage, nn
from torch.torch_version import TorchVersion

from leyden._torch import typed_storage
from leyden.checkpoint.placement import Place
from leyden.core.attribute_dict import AttributeDict
from leyden.errors import FormatError
from leyden.wire.legacy import described as form
from leyden.wire.legacy.container import Saved, unpacked
from leyden.wire.legacy.values import Reader

_DTYPES: Final[Mapping[str, torch.dtype]] = {name: getattr(torch, name) for name in form.ITEM_BYTES}
_LAYOUTS: Final[Mapping[str, torch.layout]] = {
    "strided": torch.strided,
    "sparse_coo": torch.sparse_coo,
    "sparse_csr": torch.sparse_csr,
    "sparse_csc": torch.sparse_csc,
    "sparse_bsr": torch.sparse_bsr,
    "sparse_bsc": torch.sparse_bsc,
}
_DEVICE: Final = re.compile(r"[a-z]{1,20}(?::[0-9]{1,4})?")
_ALIGNED: Final = 16  # bytes: torch's arithmetic relies on at least the size of an element


@final
class Maker:
    """Makes the values of one file. What was saved in one storage lies in one storage again."""

    def __init__(self, data: mmap.mmap | bytearray, saved: Saved, place: Place, where: str) -> None:
        self._data = data
        self._saved = saved
        self._place = place
        self._where = where
        self._storages: dict[str, UntypedStorage] = {}

    def __call__(self, described: form.Described, source: Reader) -> Any:
        """The value that stands for what is described."""
        try:
            return self._made(described, source)
        except FormatError:
            raise
        except (RuntimeError, TypeError, ValueError, OverflowError) as error:
            source.fail(f"is not what torch can make: {str(error).partition(chr(10))[0][:200]}")

    def _made(self, described: form.Described, source: Reader) -> Any:
        match described:
            case form.Tensor():
                return self._tensor(described, source)
            case form.Parameter(data, requires_grad):
                return nn.Parameter(data, requires_grad)
            case form.Attributed(data, attributes):
                vars(data).update(attributes)
                return data
            case form.Sparse():
                return _sparse(described)
            case form.Meta(dtype, shape, stride, requires_grad):
                made = torch.empty_strided(shape, stride, dtype=_DTYPES[dtype], device="meta")
                return made.requires_grad_(requires_grad)
            case form.Bare(key, dtype):
                storage = self._storage(key)
                return storage if dtype is None else typed_storage(storage, _DTYPES[dtype])
            case form.Dtype(name):
                return _DTYPES[name]
            case form.Layout(name):
                return _LAYOUTS[name]
            case form.Device(name) if _DEVICE.fullmatch(name):
                return torch.device(name)
            case form.Device():
                return source.fail("is not a device")
            case form.Version(text):
                return TorchVersion(text)
            case form.Size(lengths):
                return torch.Size(lengths)
            case form.AttributeDict():
                return AttributeDict(described)
            case form.NumpyDtype() | form.Array() | form.Scalar():
                return _of_numpy(described, source)

    def _tensor(self, described: form.Tensor, source: Reader) -> Tensor:
        storage, dtype = self._storage(described.storage), _DTYPES[described.dtype]
        tensor = torch.empty(0, dtype=dtype, device=storage.device)
        tensor.set_(storage, described.offset, described.shape, described.stride)
        full = tensor.numel() > 0 and tensor.device.type != "meta"
        if full and dtype is torch.bool and tensor.view(torch.uint8).max() > 1:
            source.fail("holds a truth value that is neither 0 nor 1")
        if described.conj:
            tensor = tensor.conj()
        if described.neg:
            tensor = torch._neg_view(tensor)
        return tensor.requires_grad_() if described.requires_grad else tensor

    def _storage(self, key: str) -> UntypedStorage:
        if key not in self._storages:
            self._storages[key] = self._place(self._octets(key), self._saved.storages[key].location)
        return self._storages[key]

    def _octets(self, key: str) -> Tensor:
        place = self._saved.places[key]
        if self._saved.storages[key].nbytes == 0:
            return torch.empty(0, dtype=torch.uint8)
        if place.deflated is not None:
            return torch.frombuffer(unpacked(memoryview(self._data), place, self._where), dtype=torch.uint8)
        octets = torch.frombuffer(self._data, dtype=torch.uint8, count=place.stop - place.start, offset=place.start)
        return octets.clone() if octets.data_ptr() % _ALIGNED else octets


def _sparse(described: form.Sparse) -> Tensor:
    layout = _LAYOUTS[described.layout]
    if layout is torch.sparse_coo:
        indices, values, shape = described.parts
        made = torch.sparse_coo_tensor(indices, values, shape, check_invariants=True)
        return made.coalesce() if described.coalesced else made
    compressed, plain, values, shape = described.parts
    return torch.sparse_compressed_tensor(compressed, plain, values, shape, layout=layout, check_invariants=True)


def _of_numpy(described: form.NumpyDtype | form.Array | form.Scalar, source: Reader) -> Any:
    try:
        import numpy as np  # here: torch runs without it
    except ModuleNotFoundError:
        source.fail("is of numpy, which is not installed. Install numpy")
    match described:
        case form.NumpyDtype(text):
            return np.dtype(text)
        case form.Scalar(text, content):
            return np.frombuffer(content, text)[0]
        case form.Array(text, shape, fortran, content):
            array = np.frombuffer(content, text) if content else np.empty(0, text)
            return array.reshape(shape, order="F" if fortran else "C").copy("K")
