import io
import zipfile

import pytest
import torch
from benchmarks.audit.making import STORAGE, TENSORS, pickled, torch_zip
from tests.audit.artifacts.reading import cuts, opened, rules

from leyden.audit.artifacts.source import read_artifact

SYSTEM = b"cos\nsystem\n(Vx\ntR"


def read(content):
    return list(read_artifact(opened(content, "model.pt")))


def scripted(line):
    code = b"def forward(self, x: Tensor) -> Tensor:\n  " + line + b"\n  return x\n"
    return torch_zip(more=[("archive/constants.pkl", pickled(b")")), ("archive/code/__torch__.py", code)])


def test_what_torch_saves_is_in_order():
    out = io.BytesIO()
    torch.save({"a": torch.ones(2), "b": torch.zeros(3, dtype=torch.bfloat16)}, out)
    (found,) = read(out.getvalue())
    assert (found.format, found.tensors, found.parameters, found.dtypes) == ("torch-zip", 2, 5, ("BF16", "F32"))


@pytest.mark.parametrize(
    ("content", "rule"),
    [
        (torch_zip(pickled(SYSTEM)), "LEY101"),
        (torch_zip(TENSORS + b"N."), "LEY108"),
        (torch_zip(storages={"0": STORAGE[:-1]}), "LEY144"),
        (torch_zip(storages={}), "LEY144"),
        (torch_zip(more=[("archive/extra.bin", pickled(SYSTEM))]), "LEY101"),
        (torch_zip(more=[("archive/code/a.py", pickled(SYSTEM))]), "LEY101"),
        (torch_zip(more=[("archive/a.so", b"\x7fELF" + bytes(99))]), "LEY141"),
        (torch_zip(more=[("ARCHIVE/DATA.PKL", TENSORS)]), "LEY120"),
    ],
    ids=["code", "behind it", "short storage", "no storage", "beside it", "in the code", "library", "two"],
)
def test_each_thing_that_is_wrong_has_its_rule(content, rule):
    assert rule in rules(read(content))


def test_a_packed_pickle_that_is_damaged_is_read_as_far_as_it_goes():
    content = bytearray(torch_zip(pickled(SYSTEM + b"0" + b"N0" * 9_000 + b"}"), method=zipfile.ZIP_DEFLATED))
    end = content.index(b"PK\3\4", 40)
    content[end - 6 : end] = b"\xff" * 6
    found = rules(read(bytes(content)))
    assert {"LEY101", "LEY002"} <= set(found)


@pytest.mark.parametrize(
    "line", [b"torch.save(x, 'a')", b"(torch\n .save)(x, 'a')", b"torch.\\\n save(x, 'a')", b"ops.aten.from_file('a')"]
)
def test_a_program_that_touches_files_is_told_however_it_is_written(line):
    assert rules(read(scripted(line))) == ["LEY142"]


@pytest.mark.parametrize("line", [b"y = torch.add(x, x)", b"# torch.save(x)", b"y = self.torch_save"])
def test_a_program_that_does_not_is_in_order(line):
    assert rules(read(scripted(line))) == []


def test_a_file_cut_anywhere_is_told():
    assert [n for n, found in cuts(read_artifact, torch_zip(), "model.pt") if n > 8 and not found] == []
