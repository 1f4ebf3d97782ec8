from __future__ import annotations

import os

from leyden.audit.code.local import program


def write(folder, files: dict[str, str]):
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)


def names(folder):
    return sorted(str(path.relative_to(folder)) for path in program(folder / "train.py"))


def test_modules_of_the_project_are_followed_and_others_are_not(tmp_path):
    write(
        tmp_path,
        {
            "train.py": "import os, torch, nets.deep\nfrom data import loader\nfrom helpers import *",
            "nets/__init__.py": "",
            "nets/deep.py": "from . import parts\nfrom ..other import x",
            "nets/parts.py": "import train",
            "data/loader.py": "from .sub.deeper import f",
            "data/sub/deeper.py": "",
            "helpers.py": "",
            "other.py": "",
            "unused.py": "",
        },
    )
    assert names(tmp_path) == sorted(
        ["train.py", "nets/__init__.py", "nets/deep.py", "nets/parts.py", "data/loader.py", "data/sub/deeper.py",
         "helpers.py", "other.py"]
    )  # fmt: skip


def test_what_cannot_be_read_ends_there(tmp_path):
    write(tmp_path, {"train.py": "import broken, pipe, long\nimport " + "x" * 5_000, "broken.py": "def", "long.py": ""})
    os.mkfifo(tmp_path / "pipe.py")
    assert names(tmp_path) == ["broken.py", "long.py", "train.py"]
