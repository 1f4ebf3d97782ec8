from __future__ import annotations

import re

import pytest

from leyden.cli.main import main


@pytest.mark.slow
def test_the_demo_keeps_every_promise(tmp_path, capsys):
    assert main(["demo", "--out", str(tmp_path / "run"), "--quiet"]) == 0
    shown = capsys.readouterr().out
    accuracy = re.search(r"✓ trained +(\d+\.\d)% of the validation digits", shown)
    assert accuracy is not None
    assert float(accuracy[1]) > 95
    assert "✓ resumed    from step 247: the same weights, bit for bit" in shown
    assert re.search(r"✓ verified +\d+ tensors", shown)
    assert "✓ tampered   one bit changed in a copy: refused" in shown
    assert (tmp_path / "run" / "curves.svg").read_text().startswith("<svg")
    assert (tmp_path / "run" / "trained" / "checkpoints" / "best.ckpt").is_file()


def test_a_demo_that_falls_short_says_so_and_answers_1(tmp_path, capsys):
    assert main(["demo", "--out", str(tmp_path), "--epochs", "1", "--quiet"]) == 1
    shown = capsys.readouterr().out
    assert "✗ trained" in shown
    assert "✓ resumed" in shown


def test_a_folder_with_files_in_it_is_refused_and_left_alone(tmp_path, capsys):
    (tmp_path / "thesis.txt").write_text("years of work")
    assert main(["demo", "--out", str(tmp_path)]) == 2
    assert "is not empty. Choose another folder with --out" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]
