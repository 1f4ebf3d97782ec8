from __future__ import annotations

import importlib.util
import re
from pathlib import Path
from types import ModuleType

import pytest
import torch

from leyden.checkpoint.load import verify

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"


def example(name: str) -> ModuleType:
    """An example as a module, which must not run anything by itself."""
    spec = importlib.util.spec_from_file_location(f"examples_{name}", EXAMPLES / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(autouse=True)
def somewhere_else(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def test_the_digits_example_keeps_its_best_checkpoint_under_out(tmp_path, capsys):
    example("digits").main(["--epochs", "1", "--out", str(tmp_path / "run")])
    named = re.search(r"best checkpoint: (.+)", capsys.readouterr().out)
    assert named is not None
    best = Path(named[1])
    assert best.is_relative_to(tmp_path / "run")
    assert verify(best).tensors > 0
    assert [path.name for path in tmp_path.iterdir()] == ["run"]


def test_the_digits_example_fits_on_a_page():
    assert len((EXAMPLES / "digits.py").read_text().splitlines()) < 60


def test_the_transformer_example_trains_and_writes(tmp_path, capsys):
    example("bytes_transformer").main(["--steps", "3", "--out", str(tmp_path / "run")])
    shown = capsys.readouterr().out
    loss = re.search(r"validation loss: (\d\.\d+) nats", shown)
    assert loss is not None
    assert 3 < float(loss[1]) < 6  # three steps from ln 256 = 5.55
    assert "The following" in shown


def test_the_transformer_does_not_look_ahead():
    model = example("bytes_transformer").Transformer(width=16, heads=2, layers=1).eval()
    text = torch.randint(256, (1, 20), generator=torch.Generator().manual_seed(0))
    changed = text.clone()
    changed[0, 12] = (changed[0, 12] + 1) % 256
    with torch.no_grad():
        before, after = model(text), model(changed)
    torch.testing.assert_close(before[0, :12], after[0, :12])
    assert not torch.allclose(before[0, 12], after[0, 12])


def test_windows_are_one_byte_apart():
    windows = example("bytes_transformer").Windows(bytes(range(100)))
    text, following = windows[3]
    assert len(windows) == 100 - 64
    assert text.tolist() == list(range(3, 67))
    assert following.tolist() == list(range(4, 68))
