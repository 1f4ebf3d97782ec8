"""The oldest versions that a project may run its libraries with."""

from __future__ import annotations

import os

import pytest

from leyden.audit.dependencies.versions import versions

LOCK = '[[package]]\nname = "torch"\nversion = "2.8.0+cu126"\n[[package]]\nname = "PyYAML"\nversion = "6.0.2"\n'


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({}, {}),
        ({"requirements.txt": "torch==2.5.1\nnumpy\nflask==1"}, {"torch": "2.5.1"}),
        (
            {"requirements.txt": "torch>=2.1,<3\nPyTorch_Lightning~=2.4.1"},
            {"torch": "2.1", "pytorch-lightning": "2.4.1"},
        ),
        ({"requirements.txt": "torch==2.*"}, {"torch": "2"}),
        ({"requirements.txt": "torch<3"}, {}),
        ({"requirements.txt": "torch @ https://example.org/torch.whl"}, {}),
        ({"requirements.txt": "torch>=2.1", "setup.cfg": "[options]\ninstall_requires =\n  torch"}, {}),
        ({"requirements.txt": "torch>=2.4", "requirements-dev.txt": "torch>=2.1"}, {"torch": "2.1"}),
        ({"requirements.txt": "torch==2.5.1;x\ntorch==2.7.0"}, {"torch": "2.5.1"}),
        ({"uv.lock": LOCK, "requirements.txt": "torch>=2.0"}, {"torch": "2.8.0", "pyyaml": "6.0.2"}),
        ({"uv.lock": LOCK, "requirements.txt": "torch==2.3.0"}, {"torch": "2.3.0", "pyyaml": "6.0.2"}),
        ({"environment.yml": "dependencies:\n- pytorch=2.5\n- pip:\n  - numpy==2.0"}, {"torch": "2.5", "numpy": "2.0"}),
        ({"pyproject.toml": '[tool.poetry.dependencies]\ntransformers = "^4.40"'}, {"transformers": "4.40"}),
        ({"pyproject.toml": "[project", "requirements.txt": "torch==2.5.1"}, {"torch": "2.5.1"}),
        ({"requirements.txt": "torch==not-a-version"}, {}),
    ],
)
def test_what_the_files_say(tmp_path, files, expected):
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    assert versions(str(tmp_path)) == expected


def test_what_cannot_be_read_says_nothing(tmp_path):
    (tmp_path / "uv.lock").write_text("[[package]]\n" + "x" * (9 << 20))
    os.mkfifo(tmp_path / "requirements.txt")
    (tmp_path / "pyproject.toml").mkdir()
    assert versions(str(tmp_path)) == {}
    assert versions(str(tmp_path / "missing")) == {}


def test_a_deeper_file_is_another_project(tmp_path):
    (tmp_path / "examples").mkdir()
    (tmp_path / "examples" / "requirements.txt").write_text("torch==1.0")
    assert versions(str(tmp_path)) == {}
