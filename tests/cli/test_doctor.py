from __future__ import annotations

import json

import pytest
from tests.audit.environment.environments import environment, install

from leyden.audit.advisories.listed import listed
from leyden.audit.doctor.line import Status
from leyden.audit.environment import places
from leyden.audit.finding import Limits, Survey
from leyden.audit.look import surveyed
from leyden.audit.rules.doctor import ARGUMENT_UNKNOWN, CHECKPOINT_MISSING, DOCTOR, NOT_LITERAL, TRAINER_REFUSES
from leyden.checkpoint.save import save
from leyden.cli import doctor_lines, doctor_run
from leyden.cli.doctor_config import configured
from leyden.cli.main import main

RULES = (ARGUMENT_UNKNOWN, TRAINER_REFUSES, NOT_LITERAL, CHECKPOINT_MISSING)
BAD = [(rule.id, text) for rule in RULES for text in rule.bad]
GOOD = [(rule.id, text) for rule in RULES for text in rule.good]


@pytest.fixture(autouse=True)
def project(tmp_path, tmp_path_factory, monkeypatch):
    """A directory of its own, with an environment in which nothing is installed."""
    monkeypatch.setenv("VIRTUAL_ENV", str(tmp_path_factory.mktemp("environment")))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def doctor(*options: str, capsys) -> tuple[int, dict]:
    code = main(["doctor", *options, "--json"])
    found = json.loads(capsys.readouterr().out)
    assert found["exit"] == code
    return code, found


def rules(found: dict) -> list[str]:
    return [one["rule"] for one in found["findings"]]


def program(project, *lines: str):
    (project / "train.py").write_text("\n".join(("import leyden", *lines)))


@pytest.mark.parametrize(("rule", "text"), BAD)
def test_a_bad_example_is_found(project, capsys, rule, text):
    program(project, text)
    assert rule in rules(doctor("train.py", capsys=capsys)[1])


@pytest.mark.parametrize(("rule", "text"), GOOD)
def test_a_good_example_is_not(project, capsys, rule, text):
    program(project, text)
    assert rule not in rules(doctor("train.py", capsys=capsys)[1])


def test_a_sound_program_ends_with_0_and_is_not_run(project, capsys):
    program(project, "open('ran', 'w')", "leyden.Trainer(max_epochs=3, logger=False)")
    assert doctor("train.py", capsys=capsys) == (
        0,
        {"format": "leyden-doctor-1", "exit": 0, "lines": [], "findings": []},
    )
    assert not (project / "ran").exists()


def test_the_nearest_argument_and_the_line_are_told(project, capsys):
    program(project, "", "leyden.Trainer(max_epoch=3)")
    assert main(["doctor", "train.py"]) == 1
    shown = capsys.readouterr().out
    assert "high     LEY530 train.py:3" in shown
    assert "Did you mean max_epochs?" in shown


def test_a_rule_between_arguments_is_not_asked_where_one_of_them_is_not_known(project, capsys):
    program(project, "leyden.Trainer(min_epochs=5, max_epochs=3, devices=n)", "leyden.Trainer(min_epochs=5, **more)")
    assert rules(doctor("train.py", capsys=capsys)[1]) == ["LEY532", "LEY532"]
    program(project, "leyden.Trainer(min_epochs=5, max_epochs=3, callbacks=[f()])")
    assert sorted(rules(doctor("train.py", capsys=capsys)[1])) == ["LEY531", "LEY532"]


def test_an_address_that_the_program_may_allow_is_no_refusal(project, capsys):
    program(project, "leyden.allow_remote('s3://b')", "leyden.Trainer(default_root_dir='s3://b/run')")
    assert doctor("train.py", capsys=capsys)[0] == 0


def test_modules_that_it_imports_are_audited_too(project, capsys):
    program(project, "import loading")
    (project / "loading.py").write_text("import torch\ntorch.load('m.pt', weights_only=False)\n")
    (project / "unused.py").write_text("import torch\ntorch.load('m.pt', weights_only=False)\n")
    code, found = doctor("train.py", capsys=capsys)
    assert code == 1
    assert [(one["rule"], one["place"]["path"]) for one in found["findings"]] == [("LEY201", "loading.py")]


def test_a_checkpoint_that_it_names_is_verified(project, capsys):
    save({"a": b"x" * 5_000}, project / "m.ckpt")
    program(project, "leyden.Trainer().fit(model, ckpt_path='m.ckpt')")
    assert doctor("train.py", capsys=capsys)[0] == 0
    content = bytearray((project / "m.ckpt").read_bytes())
    content[-10] ^= 1
    (project / "m.ckpt").write_bytes(content)
    assert rules(doctor("train.py", capsys=capsys)[1]) == ["LEY534"]


def test_a_checkpoint_of_a_stranger_is_refused_where_the_policy_says_so(project, capsys, monkeypatch):
    (project / "m.pt").write_bytes(b"\x80\x04N.")
    program(project, "leyden.Trainer().fit(model, ckpt_path='m.pt')")
    assert "LEY534" not in rules(doctor("train.py", capsys=capsys)[1])
    monkeypatch.setenv("LEYDEN_POLICY", "strict")
    assert "LEY534" in rules(doctor("train.py", capsys=capsys)[1])


def test_what_is_installed_for_the_program_is_looked_at(project, capsys):
    install(environment(project / ".venv"), "lightning", "2.6.3")
    program(project)
    assert rules(doctor("train.py", capsys=capsys)[1]) == ["LEY421"]


def test_what_the_project_has_accepted_does_not_count(project, capsys):
    program(project, "leyden.Trainer(max_epoch=3)")
    accepted = 'rule = "LEY530"\npath = "train.py"\nreason = "an error on purpose"\nuntil = 2099-01-01\n'
    (project / "pyproject.toml").write_text(f"[[tool.leyden.audit.suppress]]\n{accepted}")
    code, found = doctor("train.py", capsys=capsys)
    assert code == 0
    assert [one["accepted"]["by"] for one in found["findings"] if one["rule"] == "LEY530"] == ["settings"]
    (project / "pyproject.toml").write_text('[tool.leyden.audit]\nseverity = "critical"\n')
    assert doctor("train.py", capsys=capsys)[0] == 0


def test_what_the_project_declares_is_looked_at(project, capsys):
    program(project)
    (project / "requirements.txt").write_text("lightning==2.6.3\n")
    found = doctor("train.py", capsys=capsys)[1]["findings"]
    assert ("requirements.txt", "critical") in [(one["place"]["path"], one["severity"]) for one in found]


def test_a_configuration_is_checked_like_the_program(project, capsys):
    program(project)
    (project / "c.yaml").write_text(
        "model: {x: 1}\ntrainer:\n  max_epochs: 3\n  min_epochs: 5\n  callbacks:\n    - class_path: x.Y\n"
    )
    found = doctor("train.py", "--config", "c.yaml", capsys=capsys)[1]
    told = {(one["rule"], one["place"]["line"]) for one in found["findings"] if one["rule"] >= "LEY530"}
    assert told == {("LEY531", 3), ("LEY532", 3)}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("trainer: [", ["LEY535"]),
        ("trainer: *gone", []),
        ("a: &a [x]\ntrainer: {devices: &b [*b]}", ["LEY532"]),
        ("[" * 3_000, ["LEY535"]),
        ("trainer: {max_epochs: !!python/object:x.Y {}}", ["LEY532"]),
        ("trainer: {devices: [[[[[[[[[[1]]]]]]]]]]}", ["LEY532"]),
        ("- 1", []),
        ("", []),
    ],
)
def test_a_hostile_configuration_is_told_and_costs_nothing(project, text, expected):
    (project / "c.yaml").write_text(text)
    survey = Survey("run", lambda: doctor_run.look([], ["c.yaml"]), DOCTOR)
    assert [one.rule for one in surveyed(survey, ".", Limits())] == expected


@pytest.mark.parametrize(
    ("text", "value"),
    [("3", 3), ("-1", -1), ("0.5", 0.5), ("1e3", 1000.0), ("'3'", "3"), ("yes", True), ("~", None), ("", None),
     ("gpu", "gpu"), ("[0, 1]", [0, 1]), ("{hours: 1}", {"hours": 1}), ("1.2.3", "1.2.3")],
)  # fmt: skip
def test_values_of_a_configuration_are_what_its_readers_make_of_them(project, text, value):
    (project / "c.yaml").write_text(f"trainer:\n  devices: {text}\n")
    (made,) = configured(project / "c.yaml")
    assert made.arguments == {"devices": value}


@pytest.mark.parametrize("options", [["gone.py"], ["--config", "c.yaml"], ["."]])
def test_a_call_that_cannot_be_ends_with_2(options, capsys):
    assert main(["doctor", *options]) == 2
    assert "leyden doctor: " in capsys.readouterr().err


def test_versions_with_advisories_are_problems(project):
    folder = environment(project / "env")
    install(folder, "torch", "2.5.1+cpu")
    install(folder, "numpy", "2.4.6", {"numpy/__init__.py": b""})
    install(folder, "other", "1.0")
    found = {line.name: line for line in doctor_lines.versions(places.named(project / "env"), listed())}
    assert found.keys() == {"torch", "numpy"}
    assert (found["torch"].status, found["numpy"].status) == (Status.PROBLEM, Status.OK)
    assert "CVE-2025-32434" in found["torch"].value


@pytest.mark.parametrize(
    ("program", "status", "said"),
    [
        ("echo \"No module named 'torch'\" >&2; exit 1", Status.WARN, "not installed"),
        ("echo 'ImportError: libcudart.so' >&2; exit 1", Status.PROBLEM, "libcudart"),
        ("exit 0", Status.PROBLEM, "cannot be imported"),
        ("""echo '{"torch": "2.9.0", "cuda": "12.8", "devices": ["H", "H"]}'""", Status.OK, "2 × H"),
        ("""echo '{"torch": "2.9.0", "cuda": null, "devices": []}'""", Status.OK, "the processor alone"),
    ],
)
def test_torch_is_asked_in_a_process_of_its_own(project, program, status, said):
    """A small program stands in for Python."""
    python = project / "python"
    python.write_text(f"#!/bin/sh\n{program}\n")
    python.chmod(0o755)
    lines = list(doctor_lines.devices(str(python)))
    assert lines[-1].status is status
    assert said in lines[-1].value


def test_a_python_that_is_gone_is_told(project):
    (line,) = doctor_lines.devices(str(project / "gone"))
    assert line.status is Status.PROBLEM


def test_an_old_list_of_advisories_is_told():
    from datetime import date

    assert doctor_lines.age_of_list(date(2026, 1, 1), 3, date(2026, 3, 1)).status is Status.OK
    assert doctor_lines.age_of_list(date(2026, 1, 1), 3, date(2026, 8, 1)).status is Status.WARN


def test_the_policy_is_told_with_where_it_comes_from(project, monkeypatch):
    monkeypatch.setenv("LEYDEN_POLICY", "unsealed=false")
    found = {line.name: line.value for line in doctor_lines.policy(project)}
    assert found["unsealed"] == "false (LEYDEN_POLICY)"
    assert found["pickled"] == "true (the default)"
    monkeypatch.setenv("LEYDEN_POLICY", "loud")
    assert [line.status for line in doctor_lines.policy(project)] == [Status.PROBLEM]


def test_no_key_is_made_for_the_question(project, monkeypatch):
    monkeypatch.setenv("LEYDEN_HOME", str(project / "keys"))
    (line,) = doctor_lines.keys()
    assert line.value.startswith("none yet")
    assert not (project / "keys").exists()


def test_a_key_that_others_can_read_is_a_problem(project, monkeypatch):
    (project / "key").touch(0o644)
    monkeypatch.setenv("LEYDEN_KEY", str(project / "key"))
    (line,) = doctor_lines.keys()
    assert line.status is Status.PROBLEM


def test_the_machine_is_told_as_lines_and_findings(capsys):
    code, found = doctor(capsys=capsys)
    assert code in (0, 1)
    assert {line["section"] for line in found["lines"]} == {
        "environment", "versions", "devices", "policy", "keys", "files", "variables", "sandbox",
    }  # fmt: skip
    assert {line["status"] for line in found["lines"]} <= {status.value for status in Status}
