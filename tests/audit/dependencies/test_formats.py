"""Every kind of file: what is asked for, on which line."""

from __future__ import annotations

import json

import pytest
from tests.audit.dependencies.looked import looked, rules, told

from leyden.audit.dependencies.kinds import kind
from leyden.audit.finding import Severity

FILES = {
    "requirements.txt": ("# first\n\ntorch == 2.5.1 ; python_version < '3.13'  # old\n", 3),
    "requirements/gpu.txt": ("numpy\ntorch[opt]==2.5.1\n", 2),
    "dev-requirements.in": ("torch==2.5.1 \\\n    --hash=sha256:00 \\\n    --hash=sha256:11\n", 1),
    "constraints-cpu.txt": ("torch==2.5.1+cpu\r\n", 1),
    "pyproject.toml": ('[project]\nname = "x"\ndependencies = [\n  "numpy",\n  "torch==2.5.1",\n]\n', 5),
    "a/pyproject.toml": ("[project.optional-dependencies]\ngpu = ['torch==2.5.1']\n", 2),
    "b/pyproject.toml": ('[dependency-groups]\ntest = [\n  {include-group = "x"},\n  "torch==2.5.1"\n]\n', 4),
    "c/pyproject.toml": ('[build-system]\nrequires = ["setuptools>=77", "torch==2.5.1"]\n', 2),
    "d/pyproject.toml": ('[tool.poetry.dependencies]\npython = "^3.10"\ntorch = "2.5.1"\n', 3),
    "e/pyproject.toml": ('[tool.poetry.group.gpu.dependencies]\ntorch = {version = "2.5.1", extras = []}\n', 2),
    "f/pyproject.toml": ('[tool.poetry.dependencies]\ntorch = "~2.5"\n', 2),
    "g/pyproject.toml": ('[tool.pdm.dev-dependencies]\ngpu = ["torch==2.5.1"]\n', 2),
    "h/pyproject.toml": ('[tool.uv]\nconstraint-dependencies = ["torch==2.5.1"]\n', 2),
    "setup.cfg": ("[options]\ninstall_requires =\n    numpy\n    torch==2.5.1\n", 4),
    "a/setup.cfg": ("[options.extras_require]\ngpu =\n    torch==2.5.1; python_version>'3'\n", 3),
    "b/setup.cfg": ("[options]\ninstall_requires = numpy; torch==2.5.1\n", 2),
    "setup.py": ("from setuptools import setup\nneeds = ['numpy',\n 'torch==2.5.1']\nsetup(install_requires=needs)", 3),
    "b/setup.py": ("from setuptools import setup\nx = 1if y else '\\d'\nsetup(install_requires=['torch==2.5.1'])", 3),
    "a/setup.py": ("import setuptools\nsetuptools.setup(extras_require={'gpu': ['torch==2.5.1']})", 2),
    "Pipfile": ('[packages]\ntorch = "==2.5.1"\n', 2),
    "Pipfile.lock": (json.dumps({"default": {"torch": {"version": "==2.5.1", "hashes": ["x"]}}}, indent=1), 3),
    "poetry.lock": ('[[package]]\nname = "torch"\nversion = "2.5.1"\nfiles = [\n  {file = "x"}\n]\n', 1),
    "uv.lock": ('version = 1\n\n[[package]]\nname = "torch"\nversion = "2.5.1+cu124"\nwheels = [\n]\n', 3),
    "pdm.lock": ('[metadata]\n\n[[package]]\nname = "torch"\nversion = "2.5.1"\n', 3),
    "pylock.gpu.toml": ('lock-version = "1.0"\n[[packages]]\nname = "torch"\nversion = "2.5.1"\n', 2),
    "environment.yml": ("name: x\ndependencies:\n  - python=3.11\n  - pytorch=2.5.1\n", 4),
    "a/environment.yaml": ("dependencies:\n  - pip\n  - pip:\n    - numpy\n    - torch==2.5.1\n", 5),
    "b/environment.yml": ("dependencies: [python, 'conda-forge::pytorch==2.5.1=cuda_118']\n", 1),
    "conda-lock.yml": ("package:\n- name: pytorch\n  version: 2.5.1\n  manager: conda\n  hash:\n    sha256: x\n", 2),
    "run.py": ("#!/usr/bin/env python\n# /// script\n# dependencies = [\n#   'torch==2.5.1',\n# ]\n# ///\nx = 1\n", 4),
    "env.txt/requirements.txt": ("pytorch-lightning=2.5.0=pyhd8ed1ab_0\n", 1),
}


@pytest.mark.parametrize("name", FILES)
def test_a_bad_release_is_found_on_its_line(name):
    text, line = FILES[name]
    assert [where for where, _ in told(text, name, "LEY404")] == [line]
    assert "LEY401" not in rules(text, name)


@pytest.mark.parametrize(
    "name", ["readme.txt", "notes.in", "pyproject.txt", "package-lock.json", "config.yaml", "lock", "x.toml"]
)
def test_other_files_are_left_alone(name):
    assert kind(name) == ""
    assert looked("torch==2.5.1", name) == []


@pytest.mark.parametrize("encoding", ["utf-16", "utf-8-sig", "utf-32"])
def test_a_file_that_another_shell_has_written_is_read(encoding):
    assert "LEY404" in rules("torch==2.5.1\r\n".encode(encoding))


def test_latin_1_in_a_comment_is_read():
    assert "LEY404" in rules(b"# caf\xe9\ntorch==2.5.1\n")


@pytest.mark.parametrize(
    ("wanted", "found"),
    [("^2.0", False), ("^2.5,<2.6", True), ("2.5.*", True), ("~2.5.1", True), ("~2", False), (">=2.0", False)],
)
def test_what_poetry_writes_is_understood(wanted, found):
    text = f'[tool.poetry.dependencies]\ntorch = "{wanted}"\n'
    assert ("LEY404" in rules(text, "pyproject.toml")) is found


@pytest.mark.parametrize(
    ("wanted", "found"), [("=2.5", True), ("==2.5.1", True), (">=2.5,<2.6", True), (">=2.5", False)]
)
def test_what_conda_writes_is_understood(wanted, found):
    assert ("LEY404" in rules(f"dependencies:\n  - pytorch{wanted}\n", "environment.yml")) is found


def test_a_part_of_the_project_is_not_compared():
    text = '[[package]]\nname = "torch"\nversion = "0.1"\nsource = { editable = "." }\n'
    assert rules(text, "uv.lock") == set()


def test_a_finding_names_the_package_the_ids_and_the_way_out():
    (found,) = [one for one in looked("lightning==2.6.3") if one.rule == "LEY402"]
    assert found.severity is Severity.CRITICAL
    assert "`lightning` 2.6.3" in found.message
    assert "CVE-2026-44484" in found.message
    assert "CVE-2026-58659" in found.message
    assert found.mend.startswith("`lightning==2.6.6`. Where")
    (ranged,) = [one for one in looked("torch>=2.0,<2.6") if one.rule == "LEY404"]
    assert ranged.mend == "`torch>=2.11.0`."


def test_the_severity_is_that_of_the_worst_advisory():
    assert {one.severity for one in looked("torch==2.10.0") if one.rule == "LEY404"} == {Severity.MEDIUM}


@pytest.mark.parametrize(
    "text",
    [
        "torch==2.13.0 --hash=sha256:00\nnumpy==2.3.0 --hash=sha256:11\n",
        "torch>=2.11\nlightning>=2.6.6\nnumpy>=1.26,<3\n",
        "--index-url https://download.pytorch.org/whl/cpu\ntorch==2.13.0\n",
        "-r base.txt\n-c constraints.txt\n-e .\n-e ..[all]\n",
    ],
)
def test_a_healthy_file_has_notes_at_most(text):
    assert all(one.severity is Severity.INFO for one in looked(text))


def test_a_library_is_not_told_to_pin():
    text = '[project]\ndependencies = ["torch>=2.11", "numpy"]\n'
    assert rules(text, "pyproject.toml") == set()


@pytest.mark.parametrize(
    "line",
    [
        "https://download.pytorch.org/whl/cu121/torch-2.5.1%2Bcu121-cp311-cp311-linux_x86_64.whl",
        "https://example.org/torch-2.5.1-cp311-cp311-win_amd64.whl#sha256=00; sys_platform == 'win32'",
        "./wheels/torch-2.5.1-cp311-cp311-linux_x86_64.whl ; x",
    ],
)
def test_the_name_of_a_wheel_says_which_release_it_is(line):
    assert rules(line) >= {"LEY404"}
    assert "LEY401" not in rules(line)


def test_a_bare_name_is_said_to_be_unpinned_and_no_more():
    assert rules("torch\npillow\n") == {"LEY406"}


@pytest.mark.parametrize("text", ["gym: CartPole-v1\nseed: 1\n", "a: [\n", "name: '{{ x }}'\n"])
def test_a_configuration_that_is_called_like_an_environment_is_none(text):
    assert rules(text, "configs/env.yaml") == set()
