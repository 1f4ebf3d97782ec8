"""What is a secret in configuration, and what only looks like one."""

from __future__ import annotations

import os
from dataclasses import replace

import pytest
from tests.audit.config.reading import file, found, rules

from leyden.audit.config.source import read_config
from leyden.audit.finding import Severity

KEY = "c8Kq2vX9rT4mZ7bN1wLp"
HF = "hf_" + "aB3dE5gH7jK9mN1pQ3rS5tU7vW9xY1zA2b"


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.yaml", f"api_key: {KEY}"),
        ("a.yaml", f"logger:\n  wandb:\n    api-key: '{KEY}'"),
        ("a.yaml", f"headers: ['Authorization: Bearer {HF}']"),
        ("a.yaml", f"note: use {HF} here"),
        ("a.yaml", "password: hunter2-Xy7qpt"),
        ("a.yaml", f"env:\n- WANDB_API_KEY={KEY}"),
        ("a.yaml", "broken: [1\npassword: x\ntoken: " + HF),
        ("secret.yaml", "apiVersion: v1\nkind: Secret\ndata: {password: aHVudGVyMi1YeTdxcHQ=}"),
        ("a.toml", f"[hub]\ntoken = '{HF}'"),
        ("kaggle.json", '{"username": "me", "token": "0123456789abcdef0123456789abcdef"}'),
        ("a.json", '{"api_key": "c8Kq2vX9rT4mZ7bN1\\u0077Lp"}'),
        (".env", f"export OPENAI_API_KEY='{KEY}'"),
        ("a.sh", f"python train.py --api-key {KEY}"),
        ("a.sh", f"sbatch --export=ALL,WANDB_API_KEY={KEY} train.sbatch"),
        ("a.sh", "mlflow server --backend-store-uri postgresql://ml:hunter2Xy@db.internal/ml"),
        ("Dockerfile", f"FROM a:1@sha256:0\nRUN git clone https://x:{KEY}@git.internal/a.git"),
        ("Dockerfile", "FROM a:1@sha256:0\nRUN echo 'root:hunter2-Xy7qpt' | chpasswd"),
        ("a.sh", f"echo machine api.wandb.ai login user password {KEY}{KEY} >> ~/.netrc"),
        ("a.yaml", "store: AccountName=x;AccountKey=c8Kq2vX9" + "a1B2" * 19 + "==;EndpointSuffix=y"),
        ("a.sh", "cat > key <<E\n-----BEGIN RSA PRIVATE KEY-----\n" + "A" * 200),
    ],
)
def test_a_secret_is_found_and_never_shown(name, text):
    told = [finding for finding in found(text, name) if finding.rule in ("LEY311", "LEY312")]
    assert told
    for finding in told:
        for secret in (KEY, "c8Kq2vX9", HF, "hunter2", "aHVudGVyMi1YeTdxcHQ=", "0123456789abcdef0123456789abcdef"):
            assert secret not in repr(finding)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.yaml", "api_key: ${oc.env:WANDB_API_KEY}"),
        ("a.yaml", "api_key: ${WANDB_API_KEY}\npassword: $PASSWORD\ntoken: '%(token1)s'"),
        ("a.yaml", "password: changeme1\nsecret: <your-secret-1>\ntoken: xxxxxxxx1"),
        ("a.yaml", "password: WANDB_PASSWORD_2"),
        ("a.yaml", "secretName: tls-key-2024\nsecretKeyRef: {name: app-secret-v1, key: token1234}"),
        ("a.yaml", "secret_file: /run/secrets/key1\npassword_path: secrets/key1.txt"),
        ("a.yaml", "cache_key: v1-dependencies-abc123def456\nkey: pip-${{ hashFiles('a') }}"),
        ("a.yaml", "pad_token: '<pad_1>'\nbos_token_id: 151643\nmax_tokens: 4096\nnum_tokens: 1e9"),
        ("a.yaml", "hotkey: ctrl+alt+1\nkeyboard: qwerty123\nsort_key: created_at_2"),
        ("a.yaml", "public_key: AAAAB3NzaC1yc2EAAAADAQABAAABgQC7Zx1"),
        ("a.yaml", "jobs: [{env: {TOKEN: '{{ token_1 }}'}}]"),
        ("a.json", '{"tokens": ["a1b2c3d4e5f6a7b8"], "key": "abc"}'),
        (".env", "# API_KEY=" + KEY),
        (".env.example", "API_KEY=your-api-key-1\nHF_TOKEN=hf_xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"),
        ("a.sh", "export TOKEN=$(cat token1)\nexport API_KEY=${API_KEY:-none1}\nread -s PASSWORD1"),
        ("a.sh", "gantry run --env-secret WANDB_API_KEY=JANE_WANDB_API_KEY2"),
        ("a.sh", "grep -q -- '-----BEGIN RSA PRIVATE KEY-----' $1"),
        ("a.sh", "psql postgresql://user:$PASSWORD@db.internal/x\ngit clone git@github.com:a/b.git"),
        ("a.sh", 'echo "root:$PASSWORD" | chpasswd'),
        (
            "a.yaml",
            "store: AccountName=devstoreaccount1;AccountKey=Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsu;x=y",
        ),
        ("a.sh", "aws configure set aws_access_key_id AKIAIOSFODNN7EXAMPLE"),
    ],
)
def test_what_stands_for_a_secret_is_none(name, text):
    assert [rule for rule in rules(text, name) if rule in ("LEY311", "LEY312")] == []


def test_a_table_of_records_refers_and_hides_nothing():
    record = '{"token": "ca9a282c9e77460f8360f564131a8af5", "name": "a"}'
    assert rules(f"[{', '.join([record] * 30)}]", "scene.json") == []
    assert rules(f"[{record}]", "users.json") == ["LEY311"]
    assert rules(f'[{", ".join([record] * 30)}, {{"note": "{HF}"}}]', "scene.json") == ["LEY311"]


def test_the_variables_of_a_task_are_read():
    text = f'{{"environment": [{{"name": "DB_PASSWORD", "value": "{KEY}"}}]}}'
    assert rules(text, "task-definition.json") == ["LEY311"]


def test_only_shared_machines_show_arguments():
    text = "srun python train.py --api-key $WANDB_API_KEY"
    assert rules("#!/bin/bash\n#SBATCH -N 1\n" + text, "a.sh") == ["LEY313"]
    assert rules("#!/bin/bash\n" + text, "a.sh") == []


def test_one_secret_is_told_once():
    assert rules(f"HF_TOKEN: {HF}", "a.yaml") == ["LEY311"]


@pytest.mark.skipif(os.name != "posix", reason="elsewhere the bits say nothing")
@pytest.mark.parametrize(("mode", "severity"), [(0o600, Severity.INFO), (0o640, Severity.HIGH), (0o644, Severity.HIGH)])
def test_a_file_of_variables_that_only_its_owner_reads_may_hold_secrets(mode, severity):
    one = replace(file(f"API_KEY={KEY}\n", ".env"), mode=mode)
    assert [finding.severity for finding in read_config(one)] == [severity]
