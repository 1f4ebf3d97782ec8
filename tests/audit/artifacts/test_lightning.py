import pytest
from benchmarks.audit.making import pickled, text
from tests.audit.artifacts.reading import opened, rules

from leyden.audit.artifacts.lightning import read_checkpoint
from leyden.wire.pickle.interpret import interpret


def read(content):
    return list(read_checkpoint(opened(content, "last.ckpt"), interpret(memoryview(content)).value))


def checkpoint(key, value, where="hyper_parameters"):
    return pickled(b"}(" + text(where) + b"}" + text(key) + text(value) + b"su")


@pytest.mark.parametrize(
    ("key", "value"),
    [("_instantiator", "os.system"), ("_instantiator", "shop.buy"), ("_class_path", "subprocess.Popen"), ("_target_",
    "os.system")],
)  # fmt: skip
@pytest.mark.parametrize("where", ["hyper_parameters", "datamodule_hyper_parameters", "hparams"])
def test_a_hyperparameter_that_names_code_is_told(key, value, where):
    found = read(checkpoint(key, value, where))
    assert rules(found) == ["LEY143"]
    assert found[0].severity.name == "CRITICAL"


@pytest.mark.parametrize(
    ("key", "value"),
    [("_instantiator", "lightning.pytorch.cli.instantiate_module"), ("class_path", "torch.nn.Linear"), ("name",
    "os.system"),
     ("_target_", "my.Net")],
)  # fmt: skip
def test_other_hyperparameters_are_in_order(key, value):
    assert read(checkpoint(key, value)) == []


@pytest.mark.parametrize("content", [b"\x80\x02N.", b"\x80\x02}.", b"\x80\x02}" + text("hparams") + b"K\1s."])
def test_what_is_no_checkpoint_has_none(content):
    assert read(content) == []


def test_a_checkpoint_that_holds_itself_ends():
    assert read(pickled(b"}q\0(" + text("hyper_parameters") + b"h\0u")) == []


def test_a_checkpoint_cut_anywhere_is_read():
    content = checkpoint("_instantiator", "os.system")
    for length in range(1, len(content)):
        read(content[:length])
