from __future__ import annotations

import os

import pytest
from tests.audit.environment.environments import environment, found, install, line, rules

from leyden.audit.environment import installed, record
from leyden.audit.environment.record import LARGEST_HASHED
from leyden.audit.finding import Severity


def test_a_sound_environment_has_nothing_to_tell(tmp_path):
    folder = environment(tmp_path)
    (tmp_path / "bin").mkdir()
    install(folder, "demo", "1.0", {"demo/__init__.py": b"", "demo/data.txt": b"x", "../../../bin/demo": b"#!"})
    assert rules(tmp_path) == []


@pytest.mark.parametrize(
    ("name", "severity"),
    [
        ("demo/__init__.py", "high"),
        ("demo/core.so", "high"),
        ("demo/sourceless.pyc", "high"),
        ("demo/__pycache__/a.cpython-312.pyc", "info"),
        ("demo/cacert.pem", "medium"),
        ("../../../bin/demo", "medium"),
        ("demo/data.txt", "low"),
    ],
)
def test_a_file_that_was_changed_is_found_and_weighed(tmp_path, name, severity):
    folder = environment(tmp_path)
    info = install(folder, "demo", "1.0", {name: b"before"})
    (folder / name).write_bytes(b"after!")
    (one,) = found(tmp_path)
    assert (one.rule, one.severity.name.lower()) == ("LEY424", severity)
    assert one.place.path == os.path.normpath(folder / name)
    assert "demo 1.0" in one.message
    if name.endswith(".so"):  # as the packages of a system are stripped
        (info / "INSTALLER").unlink()
        assert rules(tmp_path) == [("LEY424", "info")]


def test_digests_in_hexadecimal_are_compared_too(tmp_path):
    folder = environment(tmp_path)
    digest = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"
    install(folder, "demo", "1.0", {"demo.py": b"hello"}, record=f"demo.py,sha256={digest},5\n")
    assert rules(tmp_path) == []
    (folder / "demo.py").write_bytes(b"hallo")
    assert rules(tmp_path) == [("LEY424", "high")]


def test_a_large_file_is_compared_by_its_size_unless_everything_is(tmp_path):
    folder = environment(tmp_path)
    install(folder, "demo", "1.0", {"demo/core.so": bytes(LARGEST_HASHED + 1)})
    (folder / "demo/core.so").write_bytes(b"x" + bytes(LARGEST_HASHED))
    assert rules(tmp_path) == []
    assert rules(tmp_path, everything=True) == [("LEY424", "high")]
    (folder / "demo/core.so").write_bytes(bytes(LARGEST_HASHED + 2))
    assert rules(tmp_path) == [("LEY424", "high")]


def test_many_changed_files_are_told_together(tmp_path):
    folder = environment(tmp_path)
    files = {f"demo/m{number:02}.py": b"x" for number in range(30)}
    install(folder, "demo", "1.0", files)
    for name in files:
        (folder / name).write_bytes(b"y")
    told = found(tmp_path)
    assert len(told) == 21
    assert told[-1].message.startswith("10 more files of demo 1.0")


def test_missing_files_are_a_note_and_caches_are_not_expected(tmp_path):
    folder = environment(tmp_path)
    text = f"{line('demo/gone.py', b'x')}\ndemo/__pycache__/gone.cpython-312.pyc,,\n"
    install(folder, "demo", "1.0", {}, record=text)
    (one,) = found(tmp_path)
    assert (one.rule, one.severity) == ("LEY425", Severity.INFO)
    assert "demo/gone.py" in one.message


def test_a_path_out_of_the_environment_is_named_and_never_opened(tmp_path, monkeypatch):
    folder = environment(tmp_path / "env")
    (tmp_path / "secret").write_text("x")
    up = os.path.relpath(tmp_path / "secret", folder)
    install(folder, "demo", "1.0", {}, record=f"{line(up, b'y')}\n{line('/etc/passwd', b'y')}\n")
    opened = []
    regular = record.regular
    monkeypatch.setattr(record, "regular", lambda path: opened.append(path) or regular(path))
    (one,) = found(tmp_path / "env")
    assert one.rule == "LEY428"
    assert one.message.startswith("2 of the files")
    assert opened == []


@pytest.mark.parametrize(
    "text",
    ["one field\n", "a,b,c,d\n", '"a\nb', "a\0b,,\n", ",,\n", "x" * 5000 + ",,\n", "demo.py,md5=abc,\n", b"\xff,,\n"],
)
def test_a_record_that_cannot_be_followed_is_told_as_blind(tmp_path, text):
    folder = environment(tmp_path)
    info = install(folder, "demo", "1.0", {"demo.py": b"x"})
    (info / "RECORD").write_bytes(text if isinstance(text, bytes) else text.encode())
    told = [one for one in found(tmp_path) if one.rule == "LEY427"]
    assert len(told) == 1
    assert told[0].blind


def test_what_stands_before_the_damage_is_still_compared(tmp_path):
    folder = environment(tmp_path)
    text = f"{line('demo.py', b'before')}\nthe rest is no record\n"
    install(folder, "demo", "1.0", {"demo.py": b"after!"}, record=text)
    assert {("LEY427", "medium"), ("LEY424", "high")} <= set(rules(tmp_path))


@pytest.mark.parametrize(("module", "limit"), [(record, "MOST_BYTES"), (installed, "MOST_FILES")])
def test_a_record_beyond_all_measure_is_told_as_blind(tmp_path, monkeypatch, module, limit):
    folder = environment(tmp_path)
    install(folder, "demo", "1.0", {}, record="a,,\n" * 2_000)
    assert rules(tmp_path) == []
    monkeypatch.setattr(module, limit, 1_000)
    assert rules(tmp_path) == [("LEY427", "medium")]


def test_what_is_no_file_is_not_opened(tmp_path):
    folder = environment(tmp_path)
    install(folder, "demo", "1.0", {}, record=f"{line('pipe', b'')}\n{line('loop', b'')}\n")
    os.mkfifo(folder / "pipe")
    os.mkfifo(folder / "x.pth")
    (folder / "loop").symlink_to("loop")
    info = folder / "odd-1.0.dist-info"
    info.mkdir()
    os.mkfifo(info / "METADATA")
    os.mkfifo(info / "direct_url.json")
    told = {(one.rule, one.place.path.rpartition("/")[2]) for one in found(tmp_path) if one.blind}
    assert told == {("LEY001", "x.pth"), ("LEY001", "odd-1.0.dist-info"), ("LEY427", "RECORD")}


def test_large_metadata_is_read_up_to_its_beginning(tmp_path):
    folder = environment(tmp_path)
    info = install(folder, "demo", "1.0")
    with (info / "METADATA").open("ab") as stream:
        stream.truncate(50 << 20)
    assert rules(tmp_path) == []


def test_two_versions_in_one_directory_are_found(tmp_path):
    folder = environment(tmp_path)
    install(folder, "my-demo", "1.0")
    install(folder, "my_demo", "2.0", {})
    assert rules(tmp_path) == [("LEY429", "low")]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{"url": "file:///work/demo", "dir_info": {"editable": true}}', "file:///work/demo, and runs from there"),
        ('{"url": "https://x.org/r", "vcs_info": {"vcs": "git", "commit_id": "ab12"}}', "r at commit ab12"),
        ('{"url": "https://x.org/demo.whl", "archive_info": {}}', "https://x.org/demo.whl"),
        ("{}", "somewhere that its file does not name"),
        ("[" * 100, "cannot be read"),
        ("\x00", "cannot be read"),
    ],
)
def test_where_a_package_was_installed_from_is_a_note(tmp_path, text, said):
    folder = environment(tmp_path)
    (install(folder, "demo", "1.0") / "direct_url.json").write_text(text)
    (one,) = found(tmp_path)
    assert (one.rule, one.severity) == ("LEY430", Severity.INFO)
    assert said in one.message


def test_packages_without_a_record_are_one_note(tmp_path):
    folder = environment(tmp_path)
    for number in range(7):
        (install(folder, f"demo{number}", "1.0") / "RECORD").unlink()
    (folder / "old-1.0-py3.9.egg-info").write_text("Name: old\nVersion: 1.0\n")
    (one,) = found(tmp_path)
    assert one.rule == "LEY426"
    assert "demo0 1.0" in one.message
    assert "and 3 more" in one.message


def test_a_module_that_no_package_lists_is_a_note(tmp_path):
    folder = environment(tmp_path)
    install(folder, "demo", "1.0", {"demo.py": b""})
    (folder / "helper.py").write_text("")
    (one,) = found(tmp_path)
    assert (one.rule, one.place.path) == ("LEY431", str(folder / "helper.py"))


def test_lines_that_run_at_each_start_are_found_and_weighed(tmp_path):
    folder = environment(tmp_path)
    install(folder, "demo", "1.0", {"demo.py": b"", "demo.pth": b"import demo\n"})
    (folder / "a.pth").write_text("/work/src\nimport base64; exec(base64.b64decode('eA=='))\n")
    (folder / "b.pth").write_text("import stranger\n")
    told = [(one.place.path.rpartition("/")[2], one.place.line, one.severity.name) for one in found(tmp_path)]
    assert told == [("a.pth", 2, "HIGH"), ("b.pth", 1, "LOW"), ("demo.pth", 1, "INFO")]


def test_directories_of_modules_that_everybody_may_write_to_are_found(tmp_path):
    folder = environment(tmp_path / "env")
    shared = tmp_path / "shared"
    for name, mode in (("shared", 0o1777), ("mine", 0o755)):
        (tmp_path / name).mkdir()
        (tmp_path / name).chmod(mode)
    (folder / "a.pth").write_text(f"# {shared}\n{tmp_path / 'mine'}\n\n{shared}\n/no/such\nx\0y\n")
    (one,) = found(tmp_path / "env")
    assert (one.rule, one.place.path, one.place.line) == ("LEY434", str(folder / "a.pth"), 4)
    folder.chmod(0o777)
    assert [one.place.path for one in found(tmp_path / "env")] == [str(folder), str(folder / "a.pth")]


def test_a_startup_file_beyond_all_measure_is_told_as_blind(tmp_path):
    folder = environment(tmp_path)
    (folder / "a.pth").write_bytes(b"x" * (2 << 20))
    assert [(one.rule, one.blind) for one in found(tmp_path)] == [("LEY003", True)]


def test_a_module_that_each_start_imports_is_found(tmp_path):
    folder = environment(tmp_path)
    install(folder, "demo", "1.0")
    (folder / "sitecustomize.py").write_text("x = 1\n")
    assert rules(tmp_path) == [("LEY423", "info")]
    (folder / "usercustomize.py").write_text("import socket\n")
    assert rules(tmp_path) == [("LEY423", "info"), ("LEY423", "medium")]


def test_an_environment_that_sees_the_system_is_a_note(tmp_path):
    environment(tmp_path, "home = /usr/bin\ninclude-system-site-packages = true\n")
    assert rules(tmp_path) == [("LEY432", "info")]


def test_a_broken_installation_is_no_error(tmp_path):
    folder = environment(tmp_path)
    (folder / "-1.0.dist-info").mkdir()
    (folder / "~emo-2.0.dist-info").mkdir()
    (folder / "file.dist-info").write_text("x")
    assert rules(tmp_path) == [("LEY426", "info")]
