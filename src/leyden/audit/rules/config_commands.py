"""Rules about commands in scripts, images, jobs and pipelines."""

from __future__ import annotations

from typing import Final

from leyden.audit.finding import Rule, Severity

PIPED: Final = Rule(
    id="LEY341",
    name="download-piped-to-shell",
    title="What an address answers is run as it comes",
    severity=Severity.MEDIUM,
    cwe=494,
    why="Nobody has seen what runs: whoever answers for the address decides, and may answer a script otherwise than a "
    "browser.",
    mend="Download a release, compare its digest, then run it.",
    bad=(
        "setup.sh:\ncurl -LsSf https://example.org/install.sh | sh",
        "Dockerfile:\nFROM python:3.12\nRUN wget -qO- https://example.org/i.sh | sudo bash -s -- -y",
        "setup.sh:\nbash <(curl -s https://example.org/i.sh)",
        ".github/workflows/a.yml:\non: push\njobs: {a: {steps: [{run: 'curl https://example.org/i.py | python3 -'}]}}",
    ),
    good=(
        "setup.sh:\ncurl -fsSL https://example.org/a.json | python3 -m json.tool",
        "setup.sh:\ncurl -O https://a.b/c",
    ),
)
UNCHECKED: Final = Rule(
    id="LEY342",
    name="command-tls-unchecked",
    title="A command does not check whom it talks to",
    severity=Severity.MEDIUM,
    cwe=295,
    why="Everybody on the way can answer in the place of the server, and gives what is used afterwards.",
    mend="Leave the option out. For a certificate of your own, give its file; for SSH, a `known_hosts`.",
    bad=(
        "get.sh:\nwget --no-check-certificate https://example.org/data.tgz",
        "get.sh:\ncurl -sk -o data.tgz https://example.org/data.tgz",
        "get.sh:\ngit config --global http.sslVerify false",
        "get.sh:\nssh -o StrictHostKeyChecking=no node2 hostname",
    ),
    good=("get.sh:\ncurl -fsSL -o k.tgz https://example.org/data-k.tgz",),
)
CLEAR: Final = Rule(
    id="LEY343",
    name="command-downloads-in-the-clear",
    title="Packages or files are fetched without https",
    severity=Severity.MEDIUM,
    cwe=319,
    why="Everybody on the way can change what arrives. pip runs code of what it installs.",
    mend="Use https, leave out `--trusted-host`, and compare digests: `pip install --require-hashes`.",
    bad=(
        "setup.sh:\npip install --index-url http://pypi.example.org/simple torch",
        "Dockerfile:\nFROM python:3.12\nRUN pip install --trusted-host pypi.example.org torch",
        "get.sh:\nwget http://example.org/weights.pth",
    ),
    good=("get.sh:\ncurl -s http://localhost:8000/health", "get.sh:\nwget https://example.org/weights.pth"),
)
NO_LOGIN: Final = Rule(
    id="LEY344",
    name="notebook-without-login",
    title="A notebook or an editor is served without a login",
    severity=Severity.HIGH,
    cwe=306,
    why="Whoever reaches the port runs code with the rights of the job, and reads its data and keys.",
    mend="Leave the token on, and reach the page through SSH.",
    bad=(
        "nb.sh:\njupyter lab --ip=0.0.0.0 --NotebookApp.token='' --NotebookApp.password=''",
        'Dockerfile:\nFROM python:3.12\nCMD ["jupyter", "lab", "--ServerApp.token="]',
        "nb.sh:\ncode-server --auth none",
        'jupyter_server_config.json:\n{"ServerApp": {"token": "", "password": ""}}',
    ),
    good=("nb.sh:\njupyter lab --no-browser", "nb.sh:\njupyter lab --NotebookApp.token=$TOKEN"),
)
LISTENS: Final = Rule(
    id="LEY345",
    name="command-listens-everywhere",
    title="A command starts a server that listens on all interfaces",
    severity=Severity.MEDIUM,
    cwe=1327,
    why="Every machine that reaches this one can talk to it. Tools for training seldom ask who is there.",
    mend="Listen on `127.0.0.1` and reach it through SSH, or put a proxy with TLS and a login before it.",
    bad=(
        "tb.sh:\ntensorboard --logdir runs --bind_all",
        "ui.sh:\nmlflow server --host 0.0.0.0 --port 5000",
        "ray.sh:\nray start --head --dashboard-host=0.0.0.0",
    ),
    good=(
        "tb.sh:\ntensorboard --logdir runs --host 127.0.0.1",
        "Dockerfile:\nFROM python:3.12\nCMD mlflow server --host 0.0.0.0",
    ),
)
RENDEZVOUS: Final = Rule(
    id="LEY346",
    name="ranks-meet-openly",
    title="Processes of a job meet where anybody on the network can join them",
    severity=Severity.INFO,
    cwe=306,
    why="torch's store asks nobody who they are, and lets every client read and write what the ranks tell each other.",
    mend="Run such jobs in a network of their own. On one machine: `torchrun --standalone`, or Leyden's rendezvous.",
    bad=(
        "train.slurm:\n#!/bin/bash\n#SBATCH --nodes=2\ntorchrun --rdzv-endpoint=$HEAD:29500 train.py",
        "train.sh:\nexport MASTER_ADDR=10.0.0.5",
    ),
    good=("train.sh:\ntorchrun --rdzv-endpoint=localhost:0 train.py", "train.sh:\nexport MASTER_ADDR=127.0.0.1"),
)
WRITABLE: Final = Rule(
    id="LEY347",
    name="command-makes-writable",
    title="Files are made that everybody may change",
    severity=Severity.MEDIUM,
    cwe=732,
    why="Whoever has another account on the machine replaces a checkpoint or a script, and with it what runs next.",
    mend="`umask 077`, and a group's directory with `chmod 2770` for what a team shares.",
    bad=("train.sh:\nchmod -R 777 checkpoints", "train.slurm:\n#!/bin/bash\numask 000", "a.sh:\nchmod a+rwx out"),
    good=("train.sh:\nchmod 755 run.sh", "train.sh:\nchmod +x run.sh", "a.sh:\nchmod 1777 /tmp/x", "a.sh:\numask 077"),
)

COMMANDS: Final[tuple[Rule, ...]] = (PIPED, UNCHECKED, CLEAR, NO_LOGIN, LISTENS, RENDEZVOUS, WRITABLE)
