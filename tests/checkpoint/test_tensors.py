from __future__ import annotations

import pytest
import torch
from tests.checkpoint.same import same
from torch import nn

from leyden.checkpoint.load import load
from leyden.checkpoint.save import save
from leyden.checkpoint.tensors import NATIVE, RAW
from leyden.errors import EncodeError, FormatError
from leyden.wire.envelope import Leaf, write


def round_trip(tree, path):
    save(tree, path)
    return load(path)


@pytest.mark.parametrize("dtype", [*NATIVE, *RAW], ids=str)
@pytest.mark.parametrize("shape", [(3, 4), (), (0,), (2, 0, 3)], ids=str)
def test_a_tensor_comes_back_bit_for_bit(tmp_path, dtype, shape):
    size = torch.Size(shape).numel() * dtype.itemsize
    content = torch.arange(size, dtype=torch.uint8) % (2 if dtype is torch.bool else 251)
    value = content.view(dtype).reshape(shape)
    assert same(round_trip({"t": value, "x": torch.ones(1)}, tmp_path / "x")["t"], value)


def test_every_dtype_of_torch_is_stored_or_refused_by_name(tmp_path):
    dtypes = {value for value in vars(torch).values() if isinstance(value, torch.dtype)}
    for dtype in dtypes - {*NATIVE, *RAW}:
        with pytest.raises(EncodeError, match=f"^t is .*{dtype}"):
            save({"t": dtype}, tmp_path / "x")


def non_contiguous():
    base = torch.arange(24.0).reshape(2, 3, 4)
    return {
        "transposed": base.t() if base.ndim == 2 else base.transpose(0, 2),
        "strided": base[:, ::2, 1:],
        "expanded": torch.ones(1, 3).expand(4, 3),
        "channels last": torch.arange(16.0).reshape(1, 2, 2, 4).contiguous(memory_format=torch.channels_last),
        "conjugate": torch.tensor([1 + 2j]).conj(),
        "negative": torch.tensor([1 + 2j]).conj().imag,
        "reversed": base.flip(0),
    }


@pytest.mark.parametrize("name", non_contiguous())
def test_a_tensor_in_any_layout_comes_back_equal_and_contiguous(tmp_path, name):
    value = non_contiguous()[name]
    back = round_trip({"t": value}, tmp_path / "x")["t"]
    assert torch.equal(back, value)
    assert back.is_contiguous()
    assert back.dtype == value.dtype


def test_tied_tensors_are_stored_once_and_come_back_tied(tmp_path):
    weight = torch.randn(100, 100)
    tree = {
        "a": weight,
        "b": weight.detach(),
        "flat": weight.view(-1),
        "c": [weight],
        "columns": weight.t(),
        "t": weight.t(),
    }
    back = round_trip(tree, tmp_path / "x")
    assert same(back, tree)
    assert len({back[name].data_ptr() for name in ("a", "b", "flat")}) == 1
    assert back["columns"].data_ptr() == back["t"].data_ptr()
    assert (tmp_path / "x").stat().st_size < 2 * weight.nbytes + 4000
    back["a"][0, 0] = 7.0
    assert back["flat"][0] == back["c"][0][0, 0] == 7.0


def test_tied_tensors_of_a_dtype_that_safetensors_lacks_come_back_tied(tmp_path):
    value = torch.ones(4, 4, dtype=torch.complex128)
    back = round_trip({"a": value, "b": value, "c": value.view(2, 8)}, tmp_path / "x")
    assert back["a"].data_ptr() == back["b"].data_ptr() == back["c"].data_ptr()
    assert back["c"].shape == (2, 8)


def test_parts_of_one_storage_are_stored_apart(tmp_path):
    flat = torch.arange(10.0)
    tree = {"left": flat[:5], "right": flat[5:], "middle": flat[3:7]}
    assert same(round_trip(tree, tmp_path / "x"), tree)


def test_tensors_that_share_memory_in_another_dtype_are_stored_apart(tmp_path):
    value = torch.arange(4, dtype=torch.int32)
    tree = {"int": value, "float": value.view(torch.float32), "bytes": value.view(torch.uint8)}
    assert same(round_trip(tree, tmp_path / "x"), tree)


def test_a_parameter_comes_back_as_one_and_a_tensor_without_its_graph(tmp_path):
    weight = nn.Parameter(torch.ones(2))
    frozen = nn.Parameter(torch.ones(2, dtype=torch.int64), requires_grad=False)
    back = round_trip({"p": weight, "f": frozen, "loss": (weight * 2).sum()}, tmp_path / "x")
    assert same(back["p"], weight)
    assert same(back["f"], frozen)
    assert not back["loss"].requires_grad


@pytest.mark.parametrize(
    "value",
    [torch.float32, torch.bfloat16, torch.complex128, torch.device("cpu"), torch.device("cuda:3"), torch.Size([]),
     torch.Size([2, 3]), torch.__version__, {torch.float32: torch.device("meta")}],
    ids=str,
)  # fmt: skip
def test_other_values_of_torch_come_back_equal_and_of_the_same_type(tmp_path, value):
    assert same(round_trip({"v": value}, tmp_path / "x")["v"], value)


class Subclass(torch.Tensor):
    pass


REFUSED = {
    "sparse": (lambda: torch.eye(2).to_sparse(), "layout torch.sparse_coo.*to_dense"),
    "compressed": (lambda: torch.eye(2).to_sparse_csr(), "layout torch.sparse_csr"),
    "meta": (lambda: torch.ones(1, device="meta"), "meta device.*to_empty"),
    "nested": (lambda: torch.nested.nested_tensor([torch.ones(1), torch.ones(2)]), "nested tensor.*unbind"),
    "jagged": (lambda: torch.nested.nested_tensor([torch.ones(1)], layout=torch.jagged), "NestedTensor"),
    "quantized": (lambda: torch.quantize_per_tensor(torch.ones(2), 0.1, 0, torch.qint8), "quantized .*int_repr"),
    "int4": (lambda: torch.empty(2, dtype=torch.int4), "torch.int4.*another dtype"),
    "lazy": (lambda: nn.LazyLinear(1).weight, "UninitializedParameter"),
    "subclass": (lambda: torch.ones(1).as_subclass(Subclass), "Subclass"),
    "optimizer": (lambda: torch.optim.SGD([torch.ones(1)]), r"SGD.*state_dict\(\)"),
    "stream": (lambda: torch.UntypedStorage(2), "UntypedStorage"),
    "result": (lambda: torch.ones(2, 2).max(0), r"return_types.*tuple\(value\)"),
}


@pytest.mark.parametrize("name", REFUSED)
@pytest.mark.filterwarnings("ignore")  # torch's own, about what it thinks of these
def test_a_value_without_an_encoding_is_named_by_its_path(tmp_path, name):
    make, reason = REFUSED[name]
    with pytest.raises(EncodeError, match=rf"^callbacks\.Mine\.model is .*{reason}"):
        save({"callbacks": {"Mine": {"model": make()}}}, tmp_path / "x")
    assert list(tmp_path.iterdir()) == []


def file_of(path, tree, **leaves):
    with path.open("w+b") as stream:
        write(stream, {name: Leaf(dtype, shape, 1, lambda data=data: memoryview(data)) for name, (dtype, shape, data)
                       in leaves.items()}, tree)  # fmt: skip
    return path


HOSTILE = {
    "a tensor that is missing": ('{"t":{"$tensor":"b"}}', "'b', which is not in the file"),
    "a tensor that is no name": ('{"t":{"$tensor":1}}', "t is not a tensor"),
    "a view of more than there is": ('{"t":{"$tensor":["a","uint8",[17]]}}', "another number of elements"),
    "a view of less than there is": ('{"t":{"$tensor":["a","uint8",[1]]}}', "another number of elements"),
    "a view as truth values": ('{"t":{"$tensor":["a","bool",[16]]}}', "as 'bool', which it cannot be"),
    "a view as another number": ('{"t":{"$tensor":["a","float32",[4]]}}', "which it cannot be"),
    "a view as no dtype": ('{"t":{"$tensor":["a","load",[16]]}}', "as 'load', which it cannot be"),
    "a view of a giant": (
        '{"t":{"$tensor":["a","uint8",[0,1000000000000,1000000000000]]}}',
        "not the size of a tensor",
    ),
    "a negative view": ('{"t":{"$tensor":["a","uint8",[-4,-4]]}}', "not the size of a tensor"),
    "a parameter of integers": ('{"t":{"$parameter":["a",true]}}', "which it cannot have"),
    "a parameter of a list": ('{"t":{"$parameter":["a"]}}', "not a parameter"),
    "a dtype that is a function": ('{"t":{"$dtype":"load"},"u":{"$tensor":"a"}}', "not a dtype"),
    "a device that does not exist": ('{"t":{"$device":"toaster"},"u":{"$tensor":"a"}}', "not a device"),
    "a device with more": ('{"t":{"$device":"cpu\\u0000"},"u":{"$tensor":"a"}}', "not a device"),
    "a size of text": ('{"t":{"$Size":["a"]}}', "not the size"),
    "a version of numbers": ('{"t":{"$TorchVersion":2}}', "not a version"),
    "a tensor that nothing uses": ("{}", "1 tensors belong to nothing, such as 'a'"),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_a_file_is_refused_for(tmp_path, case):
    tree, reason = HOSTILE[case]
    path = file_of(tmp_path / "x", tree, a=("U8", (16,), bytes(16)))
    with pytest.raises(FormatError, match=f"x: .*{reason}"):
        load(path)


def test_a_truth_value_that_is_neither_is_refused(tmp_path):
    path = file_of(tmp_path / "x", '{"t":{"$tensor":"a"}}', a=("BOOL", (3,), b"\0\1\2"))
    with pytest.raises(FormatError, match="'a' holds a truth value that is neither 0 nor 1"):
        load(path)


def test_a_dtype_that_torch_lacks_is_refused(tmp_path):
    path = file_of(tmp_path / "x", '{"t":{"$tensor":"a"}}', a=("F6_E2M3", (4,), bytes(3)))
    with pytest.raises(FormatError, match="dtype F6_E2M3, which torch does not have"):
        load(path)
