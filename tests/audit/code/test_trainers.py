from __future__ import annotations

import pytest

from leyden.audit.code.text import UnparsedError
from leyden.audit.code.trainers import Loaded, Made, trainers
from leyden.audit.finding import Budget, File, Place


def found(text: str):
    return list(trainers(File(Place("train.py"), memoryview(text.encode()), Budget())))


@pytest.mark.parametrize(
    "text",
    [
        "import leyden as L\nL.Trainer(max_epochs=3)",
        "from leyden import Trainer\nTrainer(max_epochs=3)",
        "import pytorch_lightning as pl\npl.Trainer(max_epochs=3)",
        "import lightning as L\nn = 3\ndef f():\n    return L.Trainer(max_epochs=n)",
        "import leyden\nclass Mine(leyden.Trainer): pass\nMine(max_epochs=3)",
    ],
)
def test_a_trainer_is_found_with_what_is_written_out(text):
    (one,) = found(text)
    assert isinstance(one, Made)
    assert one.arguments == {"max_epochs": 3}
    assert (one.unknown, one.positional) == ((), False)


def test_what_is_not_written_out_is_named():
    text = (
        "import leyden\nleyden.Trainer(1, max_epochs=n, devices=[0, 1], callbacks=[f()], limit_val_batches=-1, **more)"
    )
    (one,) = found(text)
    assert one.arguments == {"devices": [0, 1], "limit_val_batches": -1}
    assert one.unknown == ("max_epochs", "callbacks", "**")
    assert one.positional


def test_paths_of_checkpoints_are_found_with_their_lines():
    text = "import leyden as L\nt = L.Trainer()\np = 'a.ckpt'\nt.fit(m, ckpt_path=p)\nt.test(m, ckpt_path=arguments.p)"
    made, loaded = found(text)
    assert isinstance(made, Made)
    assert isinstance(loaded, Loaded)
    assert (loaded.path, loaded.place.line) == ("a.ckpt", 4)


def test_other_classes_of_that_name_are_none():
    assert found("from transformers import Trainer\nTrainer(max_epoch=3)\nclass Trainer: pass\nTrainer(x=1)") == []


def test_what_is_no_python_says_so():
    with pytest.raises(UnparsedError):
        found("Trainer(")


def test_an_argument_beyond_all_measure_is_not_read():
    (one,) = found(f"import leyden\nleyden.Trainer(devices=[{'1,' * 20_000}])")
    assert one.unknown == ("devices",)
