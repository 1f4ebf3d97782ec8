"""Objects of libraries, as far as the libraries are there."""

from __future__ import annotations

import dataclasses
import io
import json
import sys
from importlib import import_module

import numpy as np
import pytest
import torch

from leyden.checkpoint import trust
from leyden.checkpoint.compare import compare
from leyden.checkpoint.load import load
from leyden.checkpoint.save import save
from leyden.errors import EncodeError, FormatError
from leyden.wire import envelope
from leyden.wire.envelope import Leaf


def round_trip(tmp_path, value):
    compare({"v": value})
    save({"v": value}, tmp_path / "a.ckpt")
    return load(tmp_path / "a.ckpt")["v"]


def own_file(tree, leaves=None):
    """A file of this process's own with any tree."""
    stream = io.BytesIO()
    trust.note_written(envelope.write(stream, leaves or {}, json.dumps(tree)))
    return io.BytesIO(stream.getvalue())


class Holder:
    def __init__(self, held):
        self.held = held


def test_a_generator_of_torch_draws_on_where_it_was(tmp_path):
    generator = torch.Generator().manual_seed(3)
    torch.rand(5, generator=generator)
    back = round_trip(tmp_path, Holder(generator)).held
    assert torch.equal(torch.rand(3, generator=back), torch.rand(3, generator=generator))


@pytest.mark.parametrize("kind", ["MT19937", "PCG64", "PCG64DXSM", "Philox", "SFC64"])
def test_a_generator_of_numpy_draws_on_where_it_was(tmp_path, kind):
    generator = np.random.Generator(getattr(np.random, kind)(3))
    generator.random(5)
    back = round_trip(tmp_path, generator)
    assert back.random(3).tolist() == generator.random(3).tolist()


def test_an_old_generator_of_numpy_draws_on_with_the_normal_number_that_it_holds(tmp_path):
    generator = np.random.RandomState(3)
    generator.standard_normal(3)
    back = round_trip(tmp_path, generator)
    assert back.standard_normal(3).tolist() == generator.standard_normal(3).tolist()


@pytest.mark.parametrize(
    "body",
    [["torch.Generator", [{"$device": "cpu"}, {"$tensor": "t"}]], ["torch.Generator", ["cpu", 1]],
     ["numpy.random", ["Generator", "PCG64", {"state": 1}]], ["numpy.random", ["RandomState", "MT19937", {}]],
     ["numpy.random", ["Generator", "PCG64", 3]], ["numpy.random", ["Generator", "Evil", {}]],
     ["numpy.random", ["Generator", "PCG64", {"bit_generator": "PCG64", "state": {"$tensor": "t"}}]],
     ["numpy.random", ["Generator", "MT19937", {"bit_generator": "MT19937", "state": {"key": [1], "pos": 1}}]],
     ["numpy.random", ["Generator", "MT19937", {"state": {"pos": 10**6}}]],
     ["numpy.random", ["Generator", "Philox", {"buffer_pos": -3}]]],
    ids=str,
)  # fmt: skip
def test_a_state_that_no_generator_has_is_refused(body):
    tag, node = body
    leaf = Leaf("U8", (3,), 1, lambda: memoryview(b"abc"))
    with pytest.raises(FormatError, match="v is not"):
        load(own_file({"t": {"$tensor": "t"}, "v": {f"${tag}": node}}, {"t": leaf}))


def test_a_metric_of_torchmetrics_counts_on(tmp_path):
    import torchmetrics as metrics

    metric = metrics.classification.BinaryAccuracy()
    metric.update(torch.tensor([1, 0, 1]), torch.tensor([1, 1, 1]))
    back = round_trip(tmp_path, metric)
    assert back.compute() == metric.compute()
    back.update(torch.tensor([1]), torch.tensor([1]))
    assert back.compute() == pytest.approx(0.75)
    back.reset()
    assert back.tp.sum() == 0


def test_a_configuration_of_omegaconf_comes_back_with_its_references_unresolved(tmp_path):
    import omegaconf

    conf = omegaconf.OmegaConf.create({"a": {"b": 1}, "c": "${a.b}", "d": [1, "${c}", {"e": None}], "missing": "???"})
    omegaconf.OmegaConf.set_struct(conf, True)
    back = round_trip(tmp_path, {"whole": conf, "part": conf.a, "list": omegaconf.OmegaConf.create([1, {"x": 2}])})
    assert type(back["whole"]) is omegaconf.DictConfig
    assert back["whole"] == conf
    back["whole"].a.b = 5
    assert back["whole"].d[1] == 5
    assert omegaconf.OmegaConf.is_struct(back["whole"])
    assert back["part"] == {"b": 1}
    assert back["list"][1].x == 2
    with pytest.raises(omegaconf.errors.ConfigAttributeError):
        back["whole"].new = 1


def test_a_part_of_a_configuration_that_refers_to_the_rest_says_so(tmp_path):
    import omegaconf

    conf = omegaconf.OmegaConf.create({"a": {"b": "${c}"}, "c": 1})
    with pytest.raises(EncodeError, match="v is a part of a configuration and refers to the rest.*resolve=True"):
        save({"v": conf.a}, tmp_path / "a.ckpt")


def test_a_table_of_pandas_comes_back(tmp_path):
    import pandas

    frame = pandas.DataFrame(
        {"n": [1, 2], "x": [0.5, float("nan")], "t": ["a", "b"], 3: [True, False]}, index=[5, 7]
    ).rename_axis("row")
    back = round_trip(tmp_path, Holder([frame, frame.x, frame.t])).held
    pandas.testing.assert_frame_equal(back[0], frame)
    pandas.testing.assert_series_equal(back[1], frame.x)
    pandas.testing.assert_series_equal(back[2], frame.t)


def test_a_table_of_what_has_no_encoding_says_so(tmp_path):
    import pandas

    frame = pandas.DataFrame({"c": pandas.Categorical(["a"])})
    with pytest.raises(EncodeError, match="category, which has no encoding"):
        save({"v": frame}, tmp_path / "a.ckpt")
    with pytest.raises(EncodeError, match="several levels"):
        save({"v": frame.set_index(["c", "c"]).assign(n=1)}, tmp_path / "a.ckpt")


RAN = []


class Asked:
    """Would tell if a library asked it for anything."""

    def __getattr__(self, name):
        RAN.append(name)
        raise AttributeError(name)

    def __iter__(self):
        RAN.append("iter")
        return iter(())

    def __len__(self):
        RAN.append("len")
        return 0

    def __str__(self):
        RAN.append("str")
        return ""

    def __float__(self):
        RAN.append("float")
        return 0.0

    def __hash__(self):
        RAN.append("hash")
        return 0


def made():
    RAN.append("made")


@dataclasses.dataclass
class Structured:
    x: int = dataclasses.field(default_factory=made)


ASKED = {"$object": [f"{__name__}:Asked", None, {}]}
STRUCTURED = {"$reference": f"{__name__}:Structured"}
ROWS = [None, "range", {"$range": [0, 1, 1]}]


@pytest.mark.parametrize(
    "node",
    [{"$pandas.DataFrame": [[None, "object", ["a"]], [None, "object", ASKED], [["object", [1]]]]},
     {"$pandas.DataFrame": [[None, "object", ASKED], ROWS, []]},
     {"$pandas.Series": [ASKED, ROWS, ["object", [1]]]},
     {"$pandas.Series": [None, [ASKED, *ROWS[1:]], ["object", [1]]]},
     {"$pandas.Series": [None, ROWS, ["float64", [ASKED]]]}, {"$pandas.Series": [None, ROWS, ["str", [ASKED]]]},
     {"$pandas.Series": [None, ROWS, ["string", [ASKED]]]}, {"$pandas.Series": [None, ROWS, ["category", [ASKED]]]},
     {"$pandas.Series": [None, ROWS, ["int64[pyarrow]", [1]]]}, {"$pandas.Series": [None, ROWS, ["object", ASKED]]},
     {"$omegaconf": [{"a": STRUCTURED}, None]}, {"$omegaconf": [{"a": [STRUCTURED]}, {"allow_objects": True}]},
     {"$omegaconf": [[ASKED], {"allow_objects": True}]}, {"$omegaconf": [{}, {"allow_objects": ASKED}]}],
    ids=str,
)  # fmt: skip
def test_a_library_is_given_nothing_that_it_would_call(node):
    for library in ("omegaconf", "pandas"):  # which only a program that has imported them gets objects of
        import_module(library)
    file = own_file({"v": node})
    RAN.clear()
    with pytest.raises(FormatError, match="v is not|in the place of a key"):
        load(file)
    assert RAN == []


def test_objects_in_a_column_are_put_there_as_they_are():
    import_module("pandas")
    file = own_file({"v": {"$pandas.Series": [None, ROWS, ["object", [ASKED]]]}})
    RAN.clear()
    column = load(file)["v"]
    assert RAN == []
    assert type(column[0]) is Asked


def test_a_metric_is_finished_by_its_class_and_not_by_what_a_file_says():
    import_module("torchmetrics")
    called = {"$reference": f"{__name__}:made"}
    own = dict.fromkeys(("_wrap_update", "_wrap_compute", "update", "compute"), called)
    file = own_file({"v": {"$object": ["torchmetrics.aggregation:SumMetric", None, own]}})
    RAN.clear()
    metric = load(file)["v"]
    assert RAN == []
    assert metric.update.__wrapped__.__func__ is type(metric).update


@pytest.mark.parametrize("module", ["omegaconf", "pandas", "numpy.random"])
def test_a_library_that_the_program_has_not_imported_is_not_imported_for_a_file(monkeypatch, module):
    tag = {"omegaconf": "omegaconf", "pandas": "pandas.Series", "numpy.random": "numpy.random"}[module]
    body = {"omegaconf": [{}, None], "pandas": [None, ["r", "range", {"$range": [0, 1, 1]}], ["int64", [1]]],
            "numpy.random": ["Generator", "PCG64", {}]}[module]  # fmt: skip
    monkeypatch.delitem(sys.modules, module, raising=False)
    with pytest.raises(FormatError, match=f"needs {module}, which this program has not imported"):
        load(own_file({"v": {f"${tag}": body}}))
