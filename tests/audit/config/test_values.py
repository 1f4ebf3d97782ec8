"""What documents name: classes, tags, remote code; and what is ordinary in them."""

from __future__ import annotations

import pytest
from tests.audit.config.reading import found, rules

from leyden.audit.finding import Severity


@pytest.mark.parametrize(
    ("name", "severity"),
    [
        ("os.system", Severity.CRITICAL),
        ("os.execvp", Severity.CRITICAL),
        ("subprocess.run", Severity.CRITICAL),
        ("builtins.exec", Severity.CRITICAL),
        ("importlib.import_module", Severity.CRITICAL),
        ("shutil.rmtree", Severity.CRITICAL),
        ("runpy.run_path", Severity.CRITICAL),
        ("hydra.utils.instantiate", Severity.CRITICAL),
        ("posix.system", Severity.CRITICAL),
        ("pip._internal.main", Severity.CRITICAL),
        ("torch.utils.cpp_extension.load_inline", Severity.CRITICAL),
        ("asyncio.create_subprocess_shell", Severity.HIGH),
        ("code.InteractiveInterpreter.runsource", Severity.HIGH),
        ("urllib.request.urlretrieve", Severity.HIGH),
        ("pandas.eval", Severity.HIGH),
        ("torch.load", Severity.HIGH),
        ("torch.hub.load", Severity.HIGH),
        ("pickle.load", Severity.HIGH),
        ("joblib.load", Severity.HIGH),
    ],
)
@pytest.mark.parametrize("key", ["_target_", "class_path"])
def test_a_class_path_that_runs_code_is_found(key, name, severity):
    (finding,) = found(f"model:\n  {key}: {name}\n", "a.yaml")
    assert (finding.rule, finding.severity, finding.place.line) == ("LEY304", severity, 2)


@pytest.mark.parametrize(
    "name",
    [
        "torch.optim.Adam", "torch.nn.Sequential", "torch.compile", "project.models.Net", "src.eval.Evaluator",
        "__main__.Net",
        "builtins.dict", "builtins.len", "functools.partial", "operator.attrgetter", "os.path.join", "os.getcwd",
        "logging.FileHandler", "test.models.Net", "code.models.Net", "lightning.pytorch.Trainer", "numpy.arange", "Net",
        "${model.name}", "system", "",
    ],
)  # fmt: skip
def test_an_ordinary_class_path_is_not(name):
    assert rules(f"_target_: {name!r}\nmodel: {{class_path: {name!r}}}\n", "a.yaml") == []


def test_what_hydras_helper_leads_to_counts():
    assert rules("_target_: hydra.utils.get_class\npath: torch.nn.ReLU\n", "a.yaml") == []
    assert rules("_target_: hydra.utils.get_method\npath: os.system\n", "a.yaml") == ["LEY304"]


def test_a_class_path_that_an_alias_or_a_merge_brings_is_found_where_it_stands():
    (finding,) = found("x: &x\n  _target_: os.system\ny: *x\nz: {<<: *x}\n", "a.yaml")
    assert finding.place.line == 2


@pytest.mark.parametrize(
    ("tag", "severity"),
    [
        ("!!python/object/apply:os.system", Severity.CRITICAL),
        ("!!python/name:os.system", Severity.CRITICAL),
        ("!!python/module:subprocess", None),
        ("!!python/object:argparse.Namespace", Severity.HIGH),
        ("!!python/object/new:project.Config", Severity.HIGH),
        ("!ruby/object:Gem::Installer", Severity.HIGH),
    ],
)
def test_a_tag_that_builds_objects_is_found(tag, severity):
    (finding,) = found(f"a: 1\nb: {tag} {{}}\n", "hparams.yaml")
    assert (finding.rule, finding.place.line) == ("LEY301", 2)
    assert severity is None or finding.severity is severity


@pytest.mark.parametrize(
    "tag", ["!!python/tuple", "!!python/unicode", "!!set", "!!float", "!Ref", "!GetAtt", "!ENV", "!"]
)
def test_a_tag_of_plain_values_is_not(tag):
    assert rules(f"b: {tag} [1]\n", "a.yaml") == []


def test_a_models_own_words_are_a_strangers():
    kernel = '{{"model_type": "llama", "{}": "someone/kernel"}}'
    assert rules(kernel.format("_attn_implementation_internal"), "config.json") == ["LEY308"]
    assert rules('{"attn_implementation": "kernels-community/flash-attn"}', "train.json") == []
    (finding,) = found('{"auto_map": {"AutoModel": "owner/repo--modeling.Model"}}', "config.json")
    assert (finding.rule, finding.severity) == ("LEY307", Severity.MEDIUM)
    assert rules('{"auto_map": {}}', "config.json") == []


@pytest.mark.parametrize("value", ["false", "'true'", "null", "${trust}", "[true]"])
def test_a_switch_that_is_not_on_is_not_found(value):
    assert rules(f"trust_remote_code: {value}\n", "a.yaml") == []


def test_two_names_in_two_mappings_are_two_names():
    assert rules("_target_: a.B\nc: {d: 1}\ne: {d: 2}\n---\n_target_: a.B\n", "a.yaml") == []


def test_a_comment_accepts_a_finding_on_its_line():
    from datetime import date

    from leyden.audit.suppress import inline

    text = '# leyden: ignore[LEY304] reason="only here" until=2100-01-01\n_target_: os.system\n'
    (finding,) = inline(found(text, "a.yaml"), text.splitlines(), date(2030, 1, 1))
    assert finding.accepted is not None
