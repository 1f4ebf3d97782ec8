"""Containers, commands and pipelines: where findings stand, and what is ordinary."""

from __future__ import annotations

import pytest
from tests.audit.config.reading import found, rules

from leyden.audit.finding import Severity

WORKFLOW = "x/.github/workflows/a.yml"
LOUD = ("LEY337", "LEY336")


def quiet(text: str, name: str) -> list[str]:
    """Without what is wrong with images."""
    return [rule for rule in rules(text, name) if rule not in LOUD]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("Dockerfile", True), ("Dockerfile.gpu", True), ("train.dockerfile", True), ("Containerfile", True),
        ("dockerfile-cuda", True), ("Dockerfile.md", False), ("dockerfile.py", False),
        ("Dockerfile.dockerignore", False),
        ("dockerfiles", False),
    ],
)  # fmt: skip
def test_dockerfiles_are_known_by_their_names(name, expected):
    assert (rules("FROM ubuntu\n", name) == ["LEY336"]) is expected


@pytest.mark.parametrize(
    "name", ["a.sh", "a.sbatch", "a.slurm", "a.bash", "train.job", "Jenkinsfile", "a.service", ".envrc"]
)
def test_scripts_are_known_by_their_names(name):
    assert rules("export PL_TRAINER_DEVICES=1\n", name) == ["LEY322"]


def test_scripts_without_a_suffix_are_known_by_their_first_line():
    assert rules("#!/usr/bin/env bash\nexport PL_TRAINER_DEVICES=1\n", "bin/train") == ["LEY322"]
    assert rules("export PL_TRAINER_DEVICES=1\n", "train") == []


def test_a_finding_in_a_command_of_many_lines_stands_on_its_line():
    text = "FROM a:1@sha256:0\nRUN apt-get update && \\\n    # why\n    chmod 777 /data && \\\n    true\n"
    (finding,) = found(text, "Dockerfile")
    assert (finding.rule, finding.place.line, finding.snippet) == ("LEY347", 4, "chmod 777 /data && \\")
    (finding,) = found(
        "on: push\njobs:\n  a:\n    steps:\n    - run: |\n        true\n        curl a.b | sh\n", WORKFLOW
    )
    assert (finding.rule, finding.place.line) == ("LEY341", 7)


def test_a_text_in_a_dockerfile_is_a_script():
    text = "FROM a:1@sha256:0\nRUN <<EOF\napt-get update\ncurl https://a.b/c | bash\nEOF\nUSER root\n"
    assert [(finding.rule, finding.place.line) for finding in found(text, "Dockerfile")] == [
        ("LEY341", 4),
        ("LEY335", 6),
    ]


@pytest.mark.parametrize(
    ("reference", "rule"),
    [
        ("ubuntu", "LEY336"), ("ubuntu:latest", "LEY336"), ("reg.io:5000/a/b", "LEY336"), ("a:gpu-nightly", "LEY336"),
        ("ubuntu:24.04", "LEY337"), ("reg.io:5000/a/b:1", "LEY337"), ("ubuntu@sha256:0a", ""), ("scratch", ""),
        ("$IMAGE", ""), ("${A:-b}/x:${TAG}", ""),
    ],
)  # fmt: skip
def test_the_version_of_an_image_is_told(reference, rule):
    assert rules(f"FROM {reference}\n", "Dockerfile") == ([rule] if rule else [])


def test_arguments_and_stages_are_followed():
    assert rules("ARG BASE=ubuntu\nFROM ${BASE} AS Build\nFROM build\n", "Dockerfile") == ["LEY336"]
    assert rules("ARG BASE\nFROM ${BASE:-ubuntu}\n", "Dockerfile") == ["LEY336"]


def test_what_is_copied_from_an_image_and_what_waits_for_the_next_build_count():
    text = "FROM a:1@sha256:0 AS build\nCOPY --from=build /a /a\nCOPY --from=0 /a /a\nCOPY --from={} /uv /bin/\n"
    assert rules(text.format("ghcr.io/astral-sh/uv:latest"), "Dockerfile") == ["LEY336"]
    assert rules(text.format("build"), "Dockerfile") == []
    assert rules("FROM a:1@sha256:0\nONBUILD RUN curl https://a.b/c | sh\n", "Dockerfile") == ["LEY341"]


def test_an_image_elsewhere_is_a_picture():
    assert rules("image: figures/loss\nmodel: {image: resnet}\n", "a.yaml") == []
    assert rules("on: push\njobs: {a: {with: {image: notebook}, strategy: {image: b}}}\n", WORKFLOW) == []
    assert rules("on: push\njobs: {a: {container: ubuntu}, b: {container: {image: ubuntu}}}\n", WORKFLOW) == ["LEY336"]


@pytest.mark.parametrize(
    ("volume", "rule"),
    [
        ("/:/host:ro", "LEY334"), ("/etc:/etc", "LEY334"), ("~/.aws:/root/.aws", "LEY334"), ("$HOME:/home/u", "LEY334"),
        ("/run/docker.sock:/run/docker.sock", "LEY333"), ("/data:/data", ""), ("./src:/src", ""),
        ("/dev/shm:/dev/shm", ""),
        ("~/.cache/huggingface:/cache", ""), ("models:/models", ""),
    ],
)  # fmt: skip
def test_a_mount_is_told_by_what_it_gives(volume, rule):
    expected = [rule] if rule else []
    assert quiet(f"services: {{a: {{build: ., volumes: ['{volume}']}}}}\n", "compose.yaml") == expected
    assert quiet(f"docker run --rm -v {volume} image\n", "a.sh") == (expected if volume[0] in "/~$" else [])


def test_a_port_may_be_written_in_the_long_form():
    text = "services: {{a: {{build: ., ports: [{{target: 8888, published: 8888{}}}]}}}}\n"
    assert quiet(text.format(""), "compose.yaml") == ["LEY338"]
    assert quiet(text.format(", host_ip: 127.0.0.1"), "compose.yaml") == []


@pytest.mark.parametrize("port", ["127.0.0.1:8888:8888", "443:443", "8888", "5000:5000"])
def test_ports_that_are_nobodys_business(port):
    assert quiet(f"services: {{a: {{build: ., ports: ['{port}']}}}}\n", "compose.yaml") == []


def test_a_port_is_mlflows_where_the_service_is():
    text = "services: {{a: {{build: ., command: {}, ports: ['5000:5000']}}}}\n"
    assert quiet(text.format("mlflow server"), "compose.yaml") == ["LEY338"]
    assert quiet(text.format("flask run"), "compose.yaml") == []


def test_a_unit_of_systemd_sets_variables():
    assert rules('[Service]\nEnvironment="PL_TRAINER_DEVICES=8"\nExecStart=/usr/bin/train\n', "a.service") == ["LEY322"]


def test_the_values_of_a_chart_name_an_image():
    assert rules("image: {repository: a/b, tag: latest}\n", "values.yaml") == ["LEY336"]
    assert rules("image: {repository: a/b, tag: 1.2.3}\ntag: latest\n", "values.yaml") == []


def test_sharing_memory_is_a_note_and_sharing_processes_is_not():
    assert [finding.severity for finding in found("docker run --ipc=host --pid=host x@sha256:0", "a.sh")] == [
        Severity.INFO,
        Severity.MEDIUM,
    ]


def test_capabilities_that_are_dropped_are_not_added():
    text = "apiVersion: v1\nkind: Pod\nspec: {{securityContext: {{capabilities: {{{}: [SYS_ADMIN]}}}}}}\n"
    assert rules(text.format("add"), "a.yaml") == ["LEY331"]
    assert rules(text.format("drop"), "a.yaml") == []


@pytest.mark.parametrize(
    "text",
    [
        "curl -fsSL https://a.b/c.tgz | tar xz", "curl https://a.b | jq .k",
        "curl -s https://a.b | python -m json.tool",
        "curl https://a.b -o k.sh; sha256sum -c k.sum && bash k.sh", "wget https://a.b/sh",
        "curl --keepalive-time 2 https://a.b",
        "curl http://localhost:8000 -o x", "wget http://minio:9000/a",
        "curl http://169.254.169.254/latest -o x",
        "pip install -i https://a.b/simple torch", "chmod 755 a",
        "chmod u+w a", "chmod +x a", "chmod 0644 a", "chmod 1777 a",
        "umask 0022", "umask 002", "jupyter lab --ServerApp.token=$T", "uvicorn a --host 127.0.0.1", "rm -rf *",
        "torchrun --standalone train.py", "git config http.sslVerify true", "# curl https://a.b | sh",
        "export PYTHONPATH=.",
        "python train.py --trust_remote_code=False", "docker ps", "docker run --rm image",
        "ls --host", "a --listen ::1",
    ],
)  # fmt: skip
def test_an_ordinary_command_is_not_found(text):
    assert rules(text, "a.sh") == []


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("wget https://a.b/m.sh -O m.sh && bash m.sh -b", "LEY341"),
        ("curl -o i.sh https://a.b/i.sh; chmod +x i.sh; ./i.sh --yes", "LEY341"),
        ("conda config --set ssl_verify no", "LEY342"),
        ("npm config set strict-ssl false", "LEY342"),
        ("mlflow ui -h 0.0.0.0 -p 5000", "LEY345"),
        ("gunicorn -b 0.0.0.0:80 app", "LEY345"),
        ("srun --container-image=nvcr.io#nvidia/pytorch python train.py", "LEY336"),
        ("apptainer exec --nv docker://pytorch/pytorch:latest python train.py", "LEY336"),
    ],
)
def test_other_ways_to_do_the_same(text, rule):
    assert rules(text, "a.sh") == [rule]


def test_images_in_files_and_with_digests_are_known():
    assert rules("srun --container-image=/images/torch.sqsh python train.py", "a.sh") == []
    assert rules("srun --container-image=docker://a/b@sha256:0a python train.py", "a.sh") == []


def test_all_interfaces_of_a_container_are_its_own():
    assert quiet("services: {a: {build: ., command: [uvicorn, a, --host, 0.0.0.0]}}\n", "compose.yaml") == []
    assert rules("run: uvicorn a --host 0.0.0.0\n", "sky.yaml") == ["LEY345"]


def test_words_of_a_command_are_read_together():
    text = "apiVersion: v1\nkind: Pod\nspec: {containers: [{command: [jupyter, lab], args: ['--ServerApp.token=']}]}\n"
    assert rules(text, "a.yaml") == ["LEY344"]
    assert rules('{"runArgs": ["--gpus", "all", "--privileged"]}', ".devcontainer/devcontainer.json") == ["LEY331"]


@pytest.mark.parametrize(
    ("action", "severity"),
    [
        ("actions/checkout@v4", Severity.INFO), ("someone/x@v1", Severity.LOW), ("someone/x@1.2.3", Severity.LOW),
        ("someone/x@release/v1", Severity.LOW), ("someone/x@main", Severity.MEDIUM), ("someone/x", Severity.MEDIUM),
        ("someone/x@" + "a" * 40, None), ("./x", None), ("someone/x/.github/workflows/a.yml@main", Severity.MEDIUM),
    ],
)  # fmt: skip
def test_an_action_is_told_by_how_its_version_moves(action, severity):
    told = found(f"on: push\njobs: {{a: {{steps: [{{uses: {action}}}]}}}}\n", WORKFLOW)
    assert [finding.severity for finding in told] == ([] if severity is None else [severity])


def test_the_same_words_outside_of_a_pipeline_mean_nothing():
    assert rules("uses: someone/x@main\npermissions: write-all\nrev: main\ninclude: [{remote: x}]\n", "a.yaml") == []


@pytest.mark.parametrize("text", ["github.event.issue.body", "github.head_ref", "github.event.comment.body || 'x'"])
def test_text_of_strangers_in_a_command_is_found(text):
    assert rules(f'on: push\njobs:\n  a: {{steps: [{{run: "echo ${{{{ {text} }}}}"}}]}}\n', WORKFLOW) == ["LEY353"]


@pytest.mark.parametrize("text", ["github.sha", "github.event.pull_request.number", "inputs.name", "secrets.KEY == ''"])
def test_other_text_in_a_command_is_not(text):
    assert rules(f'on: push\njobs:\n  a: {{steps: [{{run: "x ${{{{ {text} }}}}"}}]}}\n', WORKFLOW) == []


def test_a_proposal_may_be_checked_out_by_a_command():
    text = "on: {}\njobs: {{a: {{steps: [{{run: 'gh pr checkout 1'}}]}}}}\n"
    assert rules(text.format("pull_request_target"), WORKFLOW) == ["LEY352"]
    assert rules(text.format("pull_request"), WORKFLOW) == []


def test_an_address_may_be_included_in_short():
    assert rules("include: https://a.b/ci.yml\n", ".gitlab-ci.yml") == ["LEY357"]
    assert rules("include: ci/own.yml\n", ".gitlab-ci.yml") == []


def test_an_event_may_be_written_in_three_ways():
    text = "on: {}\njobs: {{a: {{runs-on: self-hosted}}}}\n"
    for on in ("pull_request", "[push, pull_request]", "{pull_request: {branches: [main]}}"):
        assert rules(text.format(on), WORKFLOW) == ["LEY356"]
    assert rules(text.format("{push: {branches: [pull_request]}}"), WORKFLOW) == []
