import json

import pytest
from tests.audit.artifacts.reading import opened, rules, silent_cuts

from leyden.audit.artifacts.keras import read_config


def config(layer):
    return json.dumps({"module": "keras", "class_name": "Sequential", "config": {"layers": [layer]}}).encode()


def read(content):
    return rules(read_config(opened(content, "config.json")))


@pytest.mark.parametrize(
    "layer",
    [
        {"module": "keras.layers", "class_name": "Dense", "config": {"units": 1, "activation": "relu"}},
        {"module": "keras.src.layers.core.dense", "class_name": "Dense"},
        {"module": "keras.initializers", "class_name": "GlorotUniform", "config": {"seed": None}},
        {"module": "keras.activations", "class_name": "function", "config": "relu"},
        {"module": "builtins", "class_name": "slice", "config": [0, 1]},
        {"class_name": "__keras_tensor__", "config": {"shape": [None, 1]}},
        {"class_name": "TFOpLambda", "config": {"function": "math.add"}},
        {"module": "keras.layers", "class_name": "StringLookup", "config": {"vocabulary": ["a"]}},
        {"class_name": ["Dense"]},
    ],
)
def test_what_keras_writes_of_its_own_is_in_order(layer):
    assert read(config(layer)) == []


@pytest.mark.parametrize(
    "layer",
    [
        {"module": "keras.layers", "class_name": "Lambda"},
        {"class_name": "__lambda__"},
        {"module": "shop", "class_name": "Buy"},
        {"module": "kerasevil", "class_name": "Dense"},
        {"module": "keras.utils", "class_name": "get_file"},
        {"module": "keras.models", "class_name": "load_model"},
        {"module": "keras", "class_name": "function", "config": "enable_unsafe_deserialization"},
        {"module": "builtins", "class_name": "function", "config": "eval"},
        {"module": "keras.layers", "class_name": "TorchModuleWrapper"},
        {"class_name": "TFOpLambda", "config": {"function": "io.write_file"}},
        {"module": "keras.layers", "class_name": "StringLookup", "config": {"vocabulary": "/etc/passwd"}},
    ],
)
def test_what_is_code_or_reaches_out_is_told(layer):
    assert read(config(layer)) == ["LEY150"]


def test_a_configuration_cut_anywhere_is_told():
    assert silent_cuts(read_config, config({"class_name": "Dense"}), "config.json", least=0) == []


@pytest.mark.parametrize("content", [b"[" * 3_000, b'{"a":1,"a":2}', b"\xff\xfe{\0}\0", b"NaN"])
def test_a_configuration_that_readers_see_differently_is_told(content):
    assert read(content) == ["LEY002"]
