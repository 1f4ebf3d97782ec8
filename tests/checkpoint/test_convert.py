from __future__ import annotations

import collections
import enum
import functools
import io
from pathlib import Path

import pytest
import torch
from torch import nn

from leyden.callbacks import ModelCheckpoint
from leyden.checkpoint.convert import to_lightning, to_native, write_pickled
from leyden.checkpoint.load import load
from leyden.checkpoint.save import save
from leyden.core.attribute_dict import AttributeDict
from leyden.errors import EncodeError, FormatError, TrustError
from leyden.security import keys
from leyden.wire import envelope


class Kind(enum.Enum):
    WORD = "b"


class Mode(str, enum.Enum):
    FAST = "fast"


class Loss:
    made = 0

    def __init__(self, weight):
        type(self).made += 1
        self.weight = weight
        self.itself = self


class Slotted:
    __slots__ = ("value",)


class Named(dict):
    pass


class Words(list):
    pass


class Letters(set):
    pass


class Word(str):
    __slots__ = ("note",)


Point = collections.namedtuple("Point", "x y")


class Guarded:
    def __setstate__(self, state):
        raise AssertionError("never called")

    def __getstate__(self):
        return {"a": 1}


class Called:
    def __reduce__(self):
        return Called, ()


class Divided:
    def __reduce__(self):
        return divmod, (7, 2)


def scaled(value, by=1):
    return value * by


def pickled(tree) -> io.BytesIO:
    stream = io.BytesIO()
    torch.save(tree | {"w": torch.ones(2)}, stream)
    stream.seek(0)
    return stream


def name(code) -> str:
    return f"{code.__module__}.{code.__qualname__}"


def converted(value, *allowed, seal=True):
    """What comes back of a value after it was written down as data, sealed and loaded."""
    encoded = to_native(pickled({"hyper_parameters": {"value": value}}), [*map(name, allowed)])
    stream = io.BytesIO()
    envelope.write(stream, encoded.leaves, encoded.text, keys.identity() if seal else None)
    stream.seek(0)
    return load(stream)["hyper_parameters"]["value"]


def test_an_object_comes_back_as_itself_and_no_constructor_runs():
    loss = Loss(torch.arange(2.0))
    before = Loss.made
    found = converted([loss, {"again": loss}], Loss)
    assert type(found[0]) is Loss
    assert found[0].itself is found[0] is found[1]["again"]
    assert torch.equal(found[0].weight, loss.weight)
    assert Loss.made == before


@pytest.mark.parametrize(
    ("value", "allowed"),
    [
        (Kind.WORD, [Kind]),
        (Mode.FAST, [Mode]),
        (Point(1, 2), [Point]),
        (Named(a=[1]), [Named]),
        (Words([1, 2]), [Words]),
        (Letters({1}), [Letters]),
        (Word("w"), [Word]),
        (Loss, [Loss]),
        (scaled, [scaled]),
        (len, [len]),
        (nn.functional.relu, [nn.functional.relu]),
    ],
    ids=repr,
)
def test_a_value_comes_back_equal_and_of_its_class(value, allowed):
    found = converted(value, *allowed)
    assert type(found) is type(value)
    assert found == value


def test_functions_of_torch_partials_slots_and_layers_come_back():
    encoded = ["torch._C._VariableFunctionsClass", "torch._C._nn.gelu", "functools.partial"]
    slotted = Slotted()
    slotted.value = 3
    kinds = [scaled, Slotted, nn.Linear, nn.GRU]
    value = [torch.relu, nn.functional.gelu, functools.partial(scaled, by=2), slotted, nn.Linear(2, 1), nn.GRU(1, 1)]
    stream = io.BytesIO()
    made = to_native(pickled({"value": value}), [*encoded, *map(name, kinds)])
    envelope.write(stream, made.leaves, made.text, keys.identity())
    relu, gelu, partial, slots, linear, gru = load(io.BytesIO(stream.getvalue()))["value"]
    assert (relu, gelu, partial(3), slots.value) == (torch.relu, nn.functional.gelu, 6, 3)
    assert torch.equal(linear(torch.ones(2)), value[4](torch.ones(2)))
    assert torch.equal(gru(torch.ones(1, 1))[0], value[5](torch.ones(1, 1))[0])


def test_configurations_of_omegaconf_and_generators_of_torch_come_back():
    import omegaconf

    conf = omegaconf.OmegaConf.create({"a": 1, "b": {"c": [1, "x", None], "d": "${a}", "m": "???"}})
    omegaconf.OmegaConf.set_struct(conf, True)
    generator = torch.Generator().manual_seed(5)
    made = to_native(pickled({"v": [conf, generator]}), ["omegaconf.dictconfig.DictConfig", "torch._C.Generator"])
    stream = io.BytesIO()
    envelope.write(stream, made.leaves, made.text, keys.identity())
    found, draws = load(io.BytesIO(stream.getvalue()))["v"]
    assert omegaconf.OmegaConf.to_container(found) == omegaconf.OmegaConf.to_container(conf)
    assert found.b.d == 1
    assert omegaconf.OmegaConf.is_struct(found)
    assert torch.equal(draws.get_state(), generator.get_state())
    with pytest.raises(TrustError, match="--allow-class omegaconf.dictconfig.DictConfig. If"):
        to_native(pickled({"v": conf}))


def test_a_configuration_that_contains_itself_is_refused():
    import omegaconf

    conf = omegaconf.OmegaConf.create({"a": {}})
    vars(conf)["_content"]["a"] = conf
    with pytest.raises(FormatError, match="lies deeper than 100 containers"):
        to_native(pickled({"v": conf}), ["omegaconf.dictconfig.DictConfig"])


def test_a_layer_in_the_older_layout_comes_back():
    stream = io.BytesIO()
    layer = nn.Linear(2, 1)
    torch.save({"layer": layer}, stream, _use_new_zipfile_serialization=False)
    made = to_native(io.BytesIO(stream.getvalue()), [name(nn.Linear)])
    written = io.BytesIO()
    envelope.write(written, made.leaves, made.text, keys.identity())
    found = load(io.BytesIO(written.getvalue()))["layer"]
    assert torch.equal(found(torch.ones(2)), layer(torch.ones(2)))


def test_what_nobody_has_sealed_gives_no_object():
    with pytest.raises(TrustError, match="is an object, of "):
        converted(Loss(1), Loss, seal=False)


def test_a_class_with_a_way_of_its_own_is_written_and_refused_when_it_is_loaded():
    with pytest.raises(FormatError, match="has its own __getstate__"):
        converted(Guarded(), Guarded)


def test_every_name_that_would_be_needed_is_listed_with_its_place():
    with pytest.raises(TrustError) as error:
        to_native(pickled({"a": Loss(1), "b": [scaled, Kind.WORD]}), [name(Kind)])
    text = str(error.value)
    assert f"{name(Loss)} at a (byte " in text
    assert f"{name(scaled)} at b.0 (byte " in text
    assert f"--allow-class {name(Loss)} --allow-class {name(scaled)}." in text


@pytest.mark.parametrize(
    "never",
    ["os.system", "builtins.eval", "subprocess.Popen", "importlib.import_module", "torch.load", "torch.hub.load"],
)
def test_what_runs_something_is_never_allowed(never):
    with pytest.raises(TrustError, match=rf"{never} is allowed for The stream, which .* Leave it out"):
        to_native(pickled({}), [never])


@pytest.mark.parametrize("value", [Divided(), Called().__reduce__], ids=["a function", "a bound method"])
def test_what_is_made_by_a_call_is_refused(value):
    with pytest.raises((FormatError, TrustError)):
        to_native(pickled({"a": value}), ["builtins.divmod", "builtins.getattr", name(Called)])


def test_what_is_no_checkpoint_is_refused():
    for value, says in (([1], "and no dictionary with text"), ({"a": 1}, "holds no tensor")):
        stream = io.BytesIO()
        torch.save(value, stream)
        stream.seek(0)
        with pytest.raises(EncodeError, match=says):
            to_native(stream)


# For Lightning --------------------------------------------------------------------------------------------------------


def written(path: Path, *left_out: str):
    stream = io.BytesIO()
    write_pickled(to_lightning(path, left_out), stream)
    stream.seek(0)
    return torch.load(stream, weights_only=True)


def test_plain_data_is_what_torch_reads_safely(tmp_path):
    weight = torch.arange(6.0).reshape(2, 3)
    tree = {
        "state_dict": nn.BatchNorm1d(2).state_dict(),
        "tied": [weight, weight],
        "hyper_parameters": AttributeDict(lr=0.1, sizes=(1, {2, 3}), kind=torch.float16, at=torch.device("cpu")),
        "version": torch.__version__,
        "leyden": {"own": Path("x")},
        "state": {0: {"step": torch.tensor(1.0), "counted": collections.Counter("ab")}},
    }
    save(tree, tmp_path / "a.ckpt")
    found = written(tmp_path / "a.ckpt")
    assert "leyden" not in found
    assert found["hyper_parameters"] == dict(tree["hyper_parameters"])
    assert type(found["hyper_parameters"]) is dict
    assert found["version"] == str(torch.__version__)
    assert found["state_dict"]._metadata == tree["state_dict"]._metadata
    assert found["tied"][0].data_ptr() == found["tied"][1].data_ptr()
    assert torch.equal(found["tied"][0], weight)
    assert found["state"][0]["counted"] == tree["state"][0]["counted"]


def test_what_torch_would_refuse_is_named_or_left_behind(tmp_path):
    tree = {"w": torch.ones(1), "hyper_parameters": {"loss": Loss(1), "folder": Path("x"), "lr": 1}}
    save(tree, tmp_path / "a.ckpt")
    with pytest.raises(EncodeError) as error:
        to_lightning(tmp_path / "a.ckpt")
    assert f"hyper_parameters.loss ({Loss.__module__}:Loss); hyper_parameters.folder (pathlib" in str(error.value)
    found = written(tmp_path / "a.ckpt", "hyper_parameters.loss", "hyper_parameters.folder")
    assert found["hyper_parameters"] == {"lr": 1}
    with pytest.raises(EncodeError, match="has no entry 'hyper_parameters.lost' to leave behind"):
        to_lightning(tmp_path / "a.ckpt", ["hyper_parameters.loss", "hyper_parameters.folder", "hyper_parameters.lost"])


def test_paths_of_checkpoints_begin_with_their_directory_as_lightning_has_them(tmp_path):
    key = ModelCheckpoint(monitor="v").state_key
    state = {
        "dirpath": "kept",
        "best_model_path": "a.ckpt",
        "last_model_path": "",
        "best_k_models": {"a.ckpt": torch.ones(())},
        "leyden": {"saved_step": 1},
    }
    save({"w": torch.ones(1), "callbacks": {key: state}}, tmp_path / "a.ckpt")
    found = written(tmp_path / "a.ckpt")["callbacks"][key]
    whole = str(Path("kept") / "a.ckpt")
    assert found["best_model_path"] == whole
    assert list(found["best_k_models"]) == [whole]
    assert (found["last_model_path"], "leyden" in found) == ("", False)


def test_there_and_back_is_the_same(tmp_path):
    tree = {"state_dict": nn.Linear(2, 1).state_dict(), "hyper_parameters": {"lr": 0.1, "sizes": (1, 2)}}
    save(tree, tmp_path / "a.ckpt")
    stream = io.BytesIO()
    write_pickled(to_lightning(tmp_path / "a.ckpt"), stream)
    stream.seek(0)
    encoded = to_native(stream)
    again = io.BytesIO()
    digest = envelope.write(again, encoded.leaves, encoded.text)
    assert load(io.BytesIO(again.getvalue()))["hyper_parameters"] == tree["hyper_parameters"]
    second = to_native(io.BytesIO(stream.getvalue()))
    assert envelope.write(io.BytesIO(), second.leaves, second.text) == digest
