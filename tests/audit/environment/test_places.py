from __future__ import annotations

import site
import sys

import pytest
from tests.audit.environment.environments import environment, install

from leyden.audit.environment import places
from leyden.errors import SettingsError


def test_the_project_own_environment_comes_before_the_active_one(tmp_path):
    own, active = environment(tmp_path / "project" / ".venv"), environment(tmp_path / "active")
    variables = {"VIRTUAL_ENV": str(tmp_path / "active")}
    assert places.usual(tmp_path / "project", variables).folders == (str(own),)
    assert places.usual(tmp_path, variables).folders == (str(active),)


def test_a_directory_of_that_name_without_a_configuration_is_none(tmp_path):
    active = environment(tmp_path / "active")
    (tmp_path / "env").mkdir()
    assert places.usual(tmp_path, {"VIRTUAL_ENV": str(tmp_path / "active")}).folders == (str(active),)


def test_without_any_it_is_that_of_this_python(tmp_path):
    assert places.usual(tmp_path, {}).prefix == str(places.Path(sys.prefix).resolve())
    assert places.usual(tmp_path, {"CONDA_PREFIX": str(tmp_path / "gone")}) == places.running()


def test_packages_of_the_user_count_where_python_imports_them(tmp_path, monkeypatch):
    own = tmp_path / "lib" / "python" / "site-packages"
    own.mkdir(parents=True)
    monkeypatch.setattr(site, "USER_SITE", str(own))
    monkeypatch.setattr(site, "USER_BASE", str(tmp_path))
    monkeypatch.setattr(site, "ENABLE_USER_SITE", True)
    assert str(own) in places.running().folders
    assert places.running().holds(str(tmp_path / "bin" / "tool"))
    monkeypatch.setattr(site, "ENABLE_USER_SITE", False)
    assert str(own) not in places.running().folders


def test_a_link_to_the_same_directory_counts_once(tmp_path):
    folder = environment(tmp_path)
    (tmp_path / "lib64").symlink_to("lib")
    assert places.named(tmp_path).folders == (str(folder),)


def test_a_link_out_of_the_environment_is_not_a_part_of_it(tmp_path):
    other = environment(tmp_path / "other")
    own = environment(tmp_path / "own")
    (own.parent.parent / "python3.11").mkdir()
    (own.parent.parent / "python3.11" / "site-packages").symlink_to(other)
    assert places.named(tmp_path / "own").folders == (str(own),)


def test_a_directory_of_packages_is_an_environment_and_an_empty_one_is_not(tmp_path):
    with pytest.raises(SettingsError, match="is no environment"):
        places.named(tmp_path)
    install(tmp_path, "demo", "1.0")
    assert places.named(tmp_path) == places.Environment(str(tmp_path), (str(tmp_path),))
