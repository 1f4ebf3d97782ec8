from __future__ import annotations

import pytest

from leyden.audit.fix.tensors import adapters, elements
from leyden.errors import EncodeError, FormatError
from leyden.wire.legacy.described import Device, Dtype, Parameter, Size, Tensor, Version
from leyden.wire.tree import decode, encode

CONTENT = memoryview(bytes(range(24)))


def view(shape, stride, offset=0, dtype="uint8") -> Tensor:
    return Tensor("0", dtype, shape, stride, offset)


def joined(tensor: Tensor) -> bytes:
    return b"".join(elements(tensor, CONTENT))


@pytest.mark.parametrize(
    ("tensor", "expected"),
    [
        (view((2, 3), (3, 1), 1), [1, 2, 3, 4, 5, 6]),
        (view((3, 2), (1, 3)), [0, 3, 1, 4, 2, 5]),
        (view((2, 2), (0, 1)), [0, 1, 0, 1]),
        (view((2, 2), (1, 0)), [0, 0, 1, 1]),
        (view((), (), 7), [7]),
        (view((1, 4, 1), (9, 5, 9)), [0, 5, 10, 15]),
        (view((0, 4), (4, 1)), []),
        (view((2,), (2,), 1, "int16"), [2, 3, 6, 7]),
        (view((1,), (1,), 0, "complex128"), list(range(16))),
    ],
)
def test_elements_come_in_row_major_order(tensor, expected):
    assert list(joined(tensor)) == expected


def tree(**values):
    return encode(values, adapters(lambda key: CONTENT), {})


def test_what_is_the_same_memory_has_one_name():
    made = tree(
        a=view((2, 3), (3, 1)), b=view((2, 3), (3, 1)), c=view((6,), (1,)), d=view((6,), (1,), 1), e=view((0,), (1,))
    )
    assert list(made.leaves) == ["a", "d", "e"]
    assert '"b":{"$tensor":"a"}' in made.text
    assert '"c":{"$tensor":["a","uint8",[6]]}' in made.text


def test_a_type_without_a_name_in_safetensors_is_stored_as_bytes():
    made = tree(a=view((1,), (1,), 0, "complex128"))
    assert '"a":{"$tensor":["a","complex128",[1]]}' in made.text
    assert (made.leaves["a"].dtype, made.leaves["a"].shape) == ("U8", (16,))


def test_a_bool_that_is_neither_0_nor_1_is_refused():
    assert tree(a=view((2,), (1,), 0, "bool")).leaves
    with pytest.raises(EncodeError, match="a is a tensor of bool with other bytes than 0 and 1"):
        tree(a=view((3,), (1,), 0, "bool"))


def test_what_was_written_can_be_read():
    made = tree(
        a=Parameter(view((2,), (1,)), True), b=Size((1, 2)), c=Dtype("int8"), d=Device("cuda:0"), e=Version("2.1")
    )
    _, used = decode(made.text, {}, adapters(lambda key: CONTENT), {}, "here")
    assert used == {"a"}


@pytest.mark.parametrize(
    "body", ['{"$tensor":1}', '{"$tensor":["a"]}', '{"$parameter":"a"}', '{"$parameter":[1,true]}']
)
def test_what_no_writer_writes_is_refused_when_it_is_read_back(body):
    with pytest.raises(FormatError, match="is not a"):
        decode(f'{{"key":{body}}}', {}, adapters(lambda key: CONTENT), {}, "here")
