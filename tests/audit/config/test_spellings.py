"""The same setting is found however it is written."""

from __future__ import annotations

import json

import pytest
from tests.audit.config.reading import rules

SETTINGS = {
    "LEY304": ("_target_", "os.system"),
    "LEY306": ("trust_remote_code", True),
    "LEY305": ("weights_only", False),
    "LEY311": ("api_key", "c8Kq2vX9rT4mZ7bN1wLp"),
    "LEY321": ("TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD", "1"),
    "LEY323": ("PYTHONHTTPSVERIFY", "0"),
}


def escaped(text: str) -> str:
    return "".join(f"\\u{ord(letter):04x}" for letter in text)


def spellings(key: str, value: object) -> dict[str, tuple[str, str]]:
    plain = str(value).lower() if isinstance(value, bool) else str(value)
    quoted = json.dumps(value)
    return {
        "block": ("a.yaml", f"model:\n  - x: 1\n    {key}: {plain}\n"),
        "flow": ("a.yaml", f"{{model: [{{x: 1, {key}: {plain}}}]}}"),
        "quoted": ("a.yml", f"'{key}': {quoted}\n"),
        "long key": ("a.yaml", f"? {key}\n: {plain}\n"),
        "merged": ("a.yaml", f"base: &base {{{key}: {plain}}}\nmodel: {{<<: *base}}\n"),
        "named": ("a.yaml", f"x: &x {plain}\nmodel: {{{key}: *x}}\n"),
        "second document": ("a.yaml", f"a: 1\n---\n{key}: {plain}\n"),
        "windows lines": ("a.yaml", f"a: 1\r\n{key}: {plain}\r\n"),
        "with a comment": ("a.yaml", f"{key}: {plain}  # why\n"),
        "beside a hole": ("a.yaml", f"{{% if x %}}\n{key}: {plain}\n{{% endif %}}\n"),
        "before an error": ("a.yaml", f"{key}: {plain}\nb: [\n"),
        "numbers for letters": ("a.yaml", f'"{escaped(key)}": {plain}\n'),
        "json": ("a.json", json.dumps({"model": [{key: value}]})),
        "indented json": ("a.json", json.dumps({"model": [{key: value}]}, indent=2)),
        "numbers in json": ("a.json", f'{{"{escaped(key)}": {quoted}}}'),
        "json with comments": ("a.jsonc", f'{{"a": 1, // why\n"{key}": {quoted},}}'),
        "toml": ("a.toml", f"[model.x]\n{key} = {quoted}\n"),
        "toml inside": ("a.toml", f'model = {{"{key}" = {quoted}}}\n'),
        "template": ("a.yaml.j2", f"{{% if x %}}\n{key}: {plain}\n{{% endif %}}\n"),
        "example": ("a.yml.example", f"{key}: {plain}\n"),
        "upper case": ("A.YAML", f"{key}: {plain}\n"),
    }


CASES = [
    pytest.param(rule, *written, id=f"{rule} {how}")
    for rule, (key, value) in SETTINGS.items()
    for how, written in spellings(key, value).items()
]


@pytest.mark.parametrize(("rule", "name", "text"), CASES)
def test_a_setting_is_found_however_it_is_written(rule, name, text):
    assert rule in rules(text, name)


@pytest.mark.parametrize(
    "text",
    [
        "%TAG !e! tag:yaml.org,2002:python/\n---\na: !e!object/apply:os.system [id]\n",
        "%TAG ! tag:yaml.org,2002:python/\n---\na: !name:os.system\n",
        "a: !<tag:yaml.org,2002:python/object/apply:os.system> [id]\n",
        "a: !!python%2Fobject/apply:os.system [id]\n",
    ],
)
def test_a_tag_is_found_however_it_is_written(text):
    assert rules(text, "a.yaml") == ["LEY301"]
