"""Where a test gives the value that pytorch-lightning 2.6.6 gives, it was measured by running both."""

from __future__ import annotations

import argparse
import hashlib
import io
import sys
import warnings
from collections.abc import MutableMapping

import pytest
import torch
from torch import nn

from leyden.api.datamodule import DataModule
from leyden.api.hparams import hyperparameters_for_checkpoint
from leyden.api.module import Module
from leyden.checkpoint.save import save, save_weights
from leyden.core.attribute_dict import AttributeDict
from leyden.core.warnings import LeydenWarning
from leyden.errors import FormatError, MismatchError, ModuleError, SettingsError, TrustError
from leyden.wire.envelope import PREFIX, SEAL


class Net(Module):
    """Remembers what it was built with."""

    def __init__(self, a=1, **kwargs):
        super().__init__()
        self.save_hyperparameters()
        self.layer = nn.Linear(2, 1)
        self.got = (a, kwargs)


class Conf(Module):
    def __init__(self, conf, b=2):
        super().__init__()
        self.save_hyperparameters(conf)
        self.layer = nn.Linear(2, 1)
        self.got = (conf, b)


class Bare(Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(2, 1)


class Data(DataModule):
    def __init__(self, d=1):
        super().__init__()
        self.save_hyperparameters()
        self.restored = None

    def state_dict(self):
        return {"x": (1, 2)}

    def load_state_dict(self, state_dict):
        self.restored = state_dict


def checkpoint_of(model, data=None, **entries):
    checkpoint = {
        "epoch": 1,
        "state_dict": model.state_dict(),
        **hyperparameters_for_checkpoint(model),
        **(hyperparameters_for_checkpoint(data, "datamodule_") if data else {}),
        **({type(data).__qualname__: data.state_dict()} if data else {}),
    }
    return checkpoint | entries


@pytest.fixture
def saved(tmp_path):
    """Saves a model, with entries of its checkpoint replaced, and returns the path."""

    def to_file(model, data=None, **entries):
        path = tmp_path / "a.ckpt"
        save(checkpoint_of(model, data, **entries), path)
        return path

    return to_file


@pytest.fixture(autouse=True)
def no_warnings():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


# The arguments.


def test_a_module_is_built_with_its_hyperparameters_and_weights(saved):
    model = Net(3, q=4)
    loaded = Net.load_from_checkpoint(saved(model))
    assert loaded.got == (3, {"q": 4})
    assert loaded.hparams == {"a": 3, "q": 4}
    assert torch.equal(loaded.layer.weight, model.layer.weight)
    assert loaded.training


def test_arguments_of_the_call_override_the_saved_ones(saved):
    path = saved(Net(3, q=4))
    assert Net.load_from_checkpoint(path, a=9, new=5).got == (9, {"q": 4, "new": 5})


@pytest.mark.parametrize("conf", [{"x": 1}, argparse.Namespace(x=1)], ids=["dict", "Namespace"])
def test_a_configuration_is_passed_as_the_argument_that_it_was(saved, conf):
    conf, b = Conf.load_from_checkpoint(saved(Conf(conf))).got
    assert (conf, conf.x, isinstance(conf, dict), b) == ({"x": 1}, 1, True, 2)


def test_arguments_of_the_call_enter_the_configuration_and_stay_arguments(saved):
    path = saved(Conf({"x": 1}))
    assert Conf.load_from_checkpoint(path, x=7).got == ({"x": 7}, 2)
    assert Conf.load_from_checkpoint(path, b=7).got == ({"x": 1, "b": 7}, 7)
    assert Conf.load_from_checkpoint(path, conf={"y": 2}).got == ({"y": 2}, 2)


def test_arguments_of_the_call_reach_an_init_that_takes_any_beside_its_configuration(saved):
    class More(Module):
        def __init__(self, conf, **more):
            super().__init__()
            self.save_hyperparameters(conf)
            self.got = (conf, more)

    assert More.load_from_checkpoint(saved(More({"x": 1})), extra=3).got == ({"x": 1, "extra": 3}, {"extra": 3})


def test_a_configuration_of_another_argument_is_spread(saved):
    assert Net.load_from_checkpoint(saved(Conf({"a": 5, "x": 1}))).got == (5, {"x": 1})


def test_hyperparameters_that_init_does_not_take_are_left_out_and_reported(saved):
    class Other(Bare):
        def __init__(self, a, z=4):
            super().__init__()
            self.got = (a, z)

    path = saved(Net(3, q=4, r=5))
    with pytest.warns(LeydenWarning, match=r"Other.__init__ does not take .*: q, r\.") as caught:
        assert Other.load_from_checkpoint(path).got == (3, 4)
    assert caught[0].filename == __file__
    with pytest.warns(LeydenWarning, match="does not take"):
        assert Other.load_from_checkpoint(path, z=6).got == (3, 6)


def test_a_module_without_an_init_of_its_own_takes_no_hyperparameters(saved):
    class NoInit(Module):
        pass

    with pytest.warns(LeydenWarning, match=r"does not take .*: a\."):
        NoInit.load_from_checkpoint(saved(Net(3), state_dict={}))


def test_what_a_subclass_fixes_for_its_base_is_no_reason_to_warn(saved):
    class Fixed(Net):
        def __init__(self, c):
            super().__init__(a=c + 1)

    model = Fixed(5)
    assert model.hparams == {"a": 6, "c": 5}
    assert Fixed.load_from_checkpoint(saved(model)).got == (6, {})


def test_arguments_that_are_missing_are_named_with_the_way_out(saved):
    class Needs(Module):
        def __init__(self, a, w, *args, v, u=1, **kwargs):
            super().__init__()

    with pytest.raises(
        ModuleError, match=r"Needs.__init__ needs w, v, which .*a.ckpt does not have; .*: a, q\. .*\(..., w=...\)"
    ):
        Needs.load_from_checkpoint(saved(Net(3, q=4)))


def test_arguments_are_missing_where_a_checkpoint_has_none(saved):
    with pytest.raises(ModuleError, match="needs conf, .* hyperparameters are: none"):
        Conf.load_from_checkpoint(saved(Bare()))


def test_positional_arguments_are_passed_by_position(saved):
    class Positional(Bare):
        def __init__(self, a, b=2, /, *args, c=3):
            super().__init__()
            self.save_hyperparameters()
            self.got = (a, b, args, c)

    assert Positional.load_from_checkpoint(saved(Positional(7, 8, c=9))).got == (7, 8, (), 9)
    assert Positional.load_from_checkpoint(saved(Bare()), a=1).got == (1, 2, (), 3)


def test_hooks_see_positional_arguments_among_the_others(saved):
    class Positional(Net):
        def __init__(self, a, /, **kwargs):
            super().__init__(a, **kwargs)

        def on_load_checkpoint(self, checkpoint):
            self.seen = checkpoint["hyper_parameters"]

    assert Positional.load_from_checkpoint(saved(Net(3, q=4))).seen == {"a": 3, "q": 4}


@pytest.mark.parametrize("value", [[1, 2], "text", {1: 2}])
def test_hyperparameters_that_are_no_dictionary_are_refused(saved, value):
    with pytest.raises(FormatError, match="hyper_parameters is not a dictionary"):
        Net.load_from_checkpoint(saved(Bare(), hyper_parameters=value))


@pytest.mark.parametrize("value", [3, ["conf"], {}])
def test_a_name_that_is_no_text_is_no_name(saved, value):
    assert Net.load_from_checkpoint(saved(Bare(), hparams_name=value, hyper_parameters={"a": 2})).got == (2, {})


def test_values_of_all_kinds_come_back(saved):
    values = {"t": (1, 2), "inner": AttributeDict(w=torch.ones(2)), "dtype": torch.float16, "n": None}
    _, got = Net.load_from_checkpoint(saved(Net(**values))).got
    assert (got["t"], got["dtype"], got["n"], type(got["inner"])) == ((1, 2), torch.float16, None, AttributeDict)
    assert torch.equal(got["inner"].w, torch.ones(2))


# Names in a file are data.


@pytest.fixture
def trap(tmp_path, monkeypatch):
    """A module that nobody has imported; returns whether somebody has by now."""
    (tmp_path / "leyden_test_trap.py").write_text("def build(*args, **kwargs): raise SystemExit\n")
    monkeypatch.syspath_prepend(tmp_path)
    return lambda: "leyden_test_trap" in sys.modules


@pytest.mark.parametrize("named", ["leyden_test_trap.build", "os.system", "leyden.api.module.Module", 3, ["os.system"]])
def test_a_file_that_names_what_shall_build_it_is_refused(saved, trap, named):
    path = saved(Bare(), hyper_parameters={"a": 1, "_instantiator": named, "_class_path": "leyden_test_trap.build"})
    with pytest.raises(FormatError, match="Nothing that a file names is called"):
        Net.load_from_checkpoint(path)
    assert not trap()


@pytest.mark.parametrize("cls", [Net, Conf])
@pytest.mark.parametrize(
    "named", ["pytorch_lightning.cli.instantiate_module", "lightning.pytorch.cli.instantiate_module"]
)
def test_what_lightnings_command_line_adds_is_data_and_left_out(saved, trap, cls, named):
    values = {"a": 1, "_instantiator": named, "_class_path": "leyden_test_trap.build"}
    model = cls.load_from_checkpoint(saved(Bare(), hparams_name="conf", hyper_parameters=values))
    assert model.got in [(1, {}), ({"a": 1}, 2)]
    assert not trap()


def test_a_class_path_in_the_values_is_a_value(saved, trap):
    inner = {"class_path": "leyden_test_trap.build", "init_args": {"command": "true"}}
    assert Net.load_from_checkpoint(saved(Net(inner))).got == (inner, {})
    assert not trap()


# Hyperparameters from another file.


def test_a_hparams_file_replaces_the_saved_hyperparameters(saved, tmp_path):
    path = saved(Net(3, q=4))
    (tmp_path / "h.yaml").write_text("a: 12\n")
    assert Net.load_from_checkpoint(path, hparams_file=tmp_path / "h.yaml").got == (12, {})
    assert Net.load_from_checkpoint(path, hparams_file=str(tmp_path / "h.yaml"), a=1).got == (1, {})
    (tmp_path / "h.CSV").write_text("key,value\na,13\nq,text\n")
    assert Net.load_from_checkpoint(path, hparams_file=tmp_path / "h.CSV").got == (13, {"q": "text"})


def test_a_hparams_file_gives_the_configuration_that_the_checkpoint_names(saved, tmp_path):
    (tmp_path / "h.yml").write_text("x: 5\n")
    assert Conf.load_from_checkpoint(saved(Conf({"x": 1})), hparams_file=tmp_path / "h.yml").got == ({"x": 5}, 2)


def test_a_hparams_file_cannot_name_code(saved, tmp_path):
    (tmp_path / "h.yaml").write_text("a: !!python/name:os.system ''\n")
    with pytest.raises(FormatError, match="not YAML of plain data"):
        Net.load_from_checkpoint(saved(Net()), hparams_file=tmp_path / "h.yaml")
    (tmp_path / "h.yaml").write_text("_instantiator: os.system\n")
    with pytest.raises(FormatError, match="asks to be built by 'os.system'"):
        Net.load_from_checkpoint(saved(Net()), hparams_file=tmp_path / "h.yaml")


def test_a_hparams_file_of_another_kind_is_refused(saved, tmp_path):
    with pytest.raises(SettingsError, match=r"'h.json' is neither YAML nor CSV"):
        Net.load_from_checkpoint(saved(Net()), hparams_file="h.json")


# Hooks and weights.


def test_hooks_see_the_checkpoint_with_the_values_that_the_model_has(saved):
    seen = []

    class Hooked(Net):
        def configure_model(self):
            seen.append("configure_model")
            self.late = nn.Linear(1, 1)

        def on_load_checkpoint(self, checkpoint):
            seen.append(("on_load_checkpoint", checkpoint["epoch"], checkpoint["hyper_parameters"]))
            checkpoint["state_dict"]["layer.bias"] = torch.full((1,), 5.0)
            checkpoint["state_dict"] |= {"late.weight": torch.ones(1, 1), "late.bias": torch.ones(1)}

        def load_state_dict(self, state_dict, strict=True, assign=False):
            seen.append(("load_state_dict", strict))
            return super().load_state_dict(state_dict, strict, assign)

    model = Hooked.load_from_checkpoint(saved(Net(3)), b=4)
    assert seen == ["configure_model", ("on_load_checkpoint", 1, {"a": 3, "b": 4}), ("load_state_dict", True)]
    assert (model.layer.bias.item(), model.late.bias.item()) == (5.0, 1.0)


def test_a_checkpoint_of_another_model_is_refused_by_name(saved):
    with pytest.raises(MismatchError, match=r"a.ckpt does not fit Net.*layer.bias.*extra"):
        Net.load_from_checkpoint(saved(Net(), state_dict={"layer.weight": torch.ones(1, 2), "extra": torch.ones(1)}))
    with pytest.raises(MismatchError, match=r"layer.weight \(shape \[1, 2\] in the model, \[1, 3\] in the file\)"):
        Net.load_from_checkpoint(saved(Net(), state_dict={"layer.weight": torch.ones(1, 3)}), strict=False)


def test_loading_what_fits_reports_the_rest(saved):
    path = saved(Net(), state_dict={"layer.weight": torch.ones(1, 2), "extra": torch.ones(1)})
    with pytest.warns(LeydenWarning) as caught:
        model = Net.load_from_checkpoint(path, strict=False)
    assert torch.equal(model.layer.weight, torch.ones(1, 2))
    assert [("lacks" in str(one.message), "no place" in str(one.message)) for one in caught] == [
        (True, False),
        (False, True),
    ]


@pytest.mark.parametrize("weights", [None, [1], "text"])
def test_a_checkpoint_without_a_state_dict_is_refused(saved, weights):
    with pytest.raises(FormatError, match="has no state_dict"):
        Net.load_from_checkpoint(saved(Net(), state_dict=weights))


def test_a_weight_that_is_no_tensor_is_refused(saved):
    with pytest.raises(MismatchError, match=r"layer.weight \(not a tensor but a float"):
        Net.load_from_checkpoint(saved(Net(), state_dict={"layer.weight": 0.5, "layer.bias": torch.ones(1)}))


@pytest.mark.parametrize(
    ("own", "asked", "works"),
    [
        (None, None, False),
        (None, True, False),
        (None, False, True),
        (True, None, False),
        (True, True, False),
        (False, None, True),
        (False, False, True),
    ],
)
def test_the_module_says_how_strict_loading_is_unless_the_call_does(saved, own, asked, works):
    class Own(Net):
        def __init__(self, a=1):
            super().__init__(a)
            if own is not None:
                self.strict_loading = own

    path = saved(Net(), state_dict={"layer.weight": torch.ones(1, 2)})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if works:
            Own.load_from_checkpoint(path, strict=asked)
        else:
            with pytest.raises(MismatchError):
                Own.load_from_checkpoint(path, strict=asked)


@pytest.mark.parametrize("own", [True, False])
def test_a_call_cannot_contradict_the_module(saved, own):
    class Own(Net):
        def __init__(self, a=1):
            super().__init__(a)
            self.strict_loading = own

    with pytest.raises(SettingsError, match=f"strict={not own}, but Own.strict_loading is {own}"):
        Own.load_from_checkpoint(saved(Net()), strict=not own)


def test_weights_of_another_precision_are_converted_with_a_warning(saved):
    model = Net().double()
    with pytest.warns(LeydenWarning, match=r"2 weights were converted .*, torch.float64 to torch.float32"):
        loaded = Net.load_from_checkpoint(saved(model))
    assert loaded.layer.weight.dtype == torch.float32
    assert torch.equal(loaded.layer.weight, model.layer.weight.float())


def test_the_model_goes_where_map_location_says(saved):
    path = saved(Net())
    for location in ("cpu", torch.device("cpu"), {"cpu": "cpu"}, lambda storage, _: storage, lambda *_: None):
        assert Net.load_from_checkpoint(path, map_location=location).device == torch.device("cpu")


def test_weights_do_not_depend_on_the_file_afterwards(saved):
    path = saved(Net())
    model = Net.load_from_checkpoint(path)
    before = model.layer.weight.clone()
    path.write_bytes(b"\0" * path.stat().st_size)
    assert torch.equal(model.layer.weight, before)


@pytest.mark.parametrize("weights_only", [None, True, False])
def test_weights_only_is_accepted_and_changes_nothing(saved, weights_only):
    assert Net.load_from_checkpoint(saved(Net(3)), weights_only=weights_only).got == (3, {})


def test_a_stream_and_a_name_are_read_like_a_path(saved):
    path = saved(Net(3))
    assert Net.load_from_checkpoint(io.BytesIO(path.read_bytes())).got == (3, {})
    assert Net.load_from_checkpoint(str(path)).got == (3, {})


def test_what_is_no_checkpoint_is_refused(tmp_path):
    path = tmp_path / "a.ckpt"
    with pytest.raises(FileNotFoundError):
        Net.load_from_checkpoint(path)
    path.write_bytes(b"not a checkpoint")
    with pytest.raises(FormatError):
        Net.load_from_checkpoint(path)
    save_weights({"layer.weight": torch.ones(1, 2)}, path)
    with pytest.raises(FormatError, match="has no state_dict"):
        Net.load_from_checkpoint(path)


# Data modules.


def test_a_data_module_is_built_with_its_own_hyperparameters_and_state(saved):
    path = saved(Net(3), Data(5))
    loaded = Data.load_from_checkpoint(path)
    assert (loaded.hparams, loaded.restored) == ({"d": 5}, {"x": (1, 2)})
    assert Data.load_from_checkpoint(path, d=8).hparams == {"d": 8}
    assert Net.load_from_checkpoint(path).got == (3, {})


def test_a_data_module_that_a_checkpoint_does_not_know_has_its_defaults(saved):
    loaded = Data.load_from_checkpoint(saved(Net(3)))
    assert (loaded.hparams, loaded.restored) == ({"d": 1}, None)


def test_a_data_module_takes_a_hparams_file(saved, tmp_path):
    (tmp_path / "h.yaml").write_text("d: 7\n")
    assert Data.load_from_checkpoint(saved(Net(3), Data(5)), hparams_file=tmp_path / "h.yaml").hparams == {"d": 7}


@pytest.mark.parametrize("made", [Net, Data])
def test_loading_is_refused_on_an_object(made, saved):
    obj = made()
    assert callable(obj.load_from_checkpoint)
    with pytest.raises(ModuleError, match=rf"{made.__name__}.load_from_checkpoint\(\) makes a new object"):
        obj.load_from_checkpoint(saved(Net()))


# Objects among the hyperparameters


class Loss:
    def __init__(self, margin):
        self.margin = margin


def strange(path):
    """The same file as nobody sealed and another process wrote it."""
    data = path.read_bytes()
    length = int.from_bytes(data[:8], "little")
    header = bytearray(data[8 : 8 + length].replace(b'"format":"pt"', b'"format":"PT"'))
    header[len(PREFIX) : len(PREFIX) + SEAL] = b"0" * SEAL
    header[len(PREFIX) : len(PREFIX) + 64] = hashlib.sha256(data[:8] + header).hexdigest().encode()
    path.write_bytes(data[:8] + header + data[8 + length :])
    return path


def test_objects_that_a_module_was_built_with_come_back_from_ones_own_file(tmp_path):
    path = tmp_path / "a.ckpt"
    save(checkpoint_of(Net(Loss(3), act=torch.tanh, kinds=[Loss])), path)
    loss, more = Net.load_from_checkpoint(path).got
    assert (type(loss), loss.margin, more) == (Loss, 3, {"act": torch.tanh, "kinds": [Loss]})


def test_a_strangers_object_is_not_made_and_the_error_says_what_to_pass(tmp_path):
    path = tmp_path / "a.ckpt"
    save(checkpoint_of(Net(Loss(3), kinds={"deep": [(Loss,)]})), path)
    strange(path)
    message = r"'a' is or has an object \(.*Loss\).*Pass it: Net\.load_from_checkpoint\(\.\.\., a=\.\.\.\)"
    with pytest.raises(TrustError, match=message):
        Net.load_from_checkpoint(path)
    with pytest.raises(TrustError, match="'kinds' is or has an object"):
        Net.load_from_checkpoint(path, a=1)
    assert Net.load_from_checkpoint(path, a=1, kinds=2).got == (1, {"kinds": 2})


class Settings(MutableMapping):
    """A configuration object of a program's own."""

    def __init__(self, held):
        self.held = held

    def __getitem__(self, name):
        return self.held[name]

    def __setitem__(self, name, value):
        self.held[name] = value

    def __delitem__(self, name):
        del self.held[name]

    def __iter__(self):
        return iter(self.held)

    def __len__(self):
        return len(self.held)


def test_a_configuration_object_comes_back_as_what_it_is(tmp_path):
    path = tmp_path / "a.ckpt"
    save(checkpoint_of(Conf(Settings({"x": 1}))), path)
    conf, b = Conf.load_from_checkpoint(path).got
    assert (type(conf), conf.held, b) == (Settings, {"x": 1}, 2)
    assert Conf.load_from_checkpoint(path, x=5).got[0].held == {"x": 5}


def test_a_strangers_configuration_object_is_passed_or_an_error(tmp_path):
    path = tmp_path / "a.ckpt"
    save(checkpoint_of(Conf(Settings({"x": 1}))), path)
    strange(path)
    with pytest.raises(TrustError, match="'conf' is or has an object"):
        Conf.load_from_checkpoint(path)
    assert Conf.load_from_checkpoint(path, conf={"x": 2}).got == ({"x": 2}, 2)


# Files of Lightning's -------------------------------------------------------------------------------------------------


class Weighting:
    """An object of the program's own."""


def of_lightning(path, hparams, name="kwargs", **more):
    """A checkpoint as Lightning 2.6 saves it."""
    tree = {
        "epoch": 1,
        "global_step": 3,
        "pytorch-lightning_version": "2.6.6",
        "state_dict": {"layer.weight": torch.full((1, 2), 7.0), "layer.bias": torch.zeros(1)},
        "hparams_name": name,
        "hyper_parameters": hparams,
    }
    torch.save(tree | more, path)
    return path


@pytest.mark.parametrize("how", [str, lambda path: path, lambda path: io.BytesIO(path.read_bytes())])
def test_a_module_is_built_from_a_file_of_lightning(tmp_path, how):
    net = Net.load_from_checkpoint(how(of_lightning(tmp_path / "a.ckpt", {"a": 3})))
    assert (net.got, net.hparams.a) == ((3, {}), 3)
    assert net.layer.weight.tolist() == [[7, 7]]


def test_an_object_in_a_file_of_lightning_is_an_error_only_where_it_is_needed(tmp_path):
    path = of_lightning(tmp_path / "a.ckpt", {"a": Weighting()})
    with pytest.raises(TrustError, match=rf"'a' is or has an object \({Weighting.__module__}\.Weighting\)"):
        Net.load_from_checkpoint(path)
    assert Net.load_from_checkpoint(path, a=5).got == (5, {})
    with pytest.warns(LeydenWarning, match="which are left out: a"):
        assert Bare.load_from_checkpoint(path).layer.weight.tolist() == [[7, 7]]


def test_what_lightning_called_hparams_is_found(tmp_path):
    path = of_lightning(tmp_path / "a.ckpt", {})
    tree = torch.load(path, weights_only=True)
    del tree["hyper_parameters"]
    torch.save(tree | {"hparams": {"a": 4}}, path)
    assert Net.load_from_checkpoint(path).got == (4, {})


def test_a_data_module_is_built_from_a_file_of_lightning(tmp_path):
    more = {"datamodule_hparams_name": "kwargs", "datamodule_hyper_parameters": {"d": 8}, "Data": {"x": (3,)}}
    data = Data.load_from_checkpoint(of_lightning(tmp_path / "a.ckpt", {}, **more))
    assert (data.hparams.d, data.restored) == (8, {"x": (3,)})
