"""Rules about the machine: who reaches its processes, and who reads its secrets and weights."""

from __future__ import annotations

from typing import Final

from leyden.audit.finding import Rule, Severity

LISTENS: Final = Rule(
    id="LEY510",
    name="listens-on-network",
    title="A process of yours waits for connections from other machines",
    severity=Severity.MEDIUM,
    cwe=1327,
    why=(
        "What machine learning serves on the network seldom asks who is there, and much of it runs code for whoever "
        "connects. The severity is that of the kind of program."
    ),
    mend=(
        "Let it listen on 127.0.0.1, and reach it through a tunnel: `ssh -L 8888:localhost:8888 HOST`. A job on "
        "several machines needs a network that nobody else is on."
    ),
    bad=("tensorboard on 0.0.0.0:6006", "python train.py on [::]:29500"),
    good=("tensorboard on 127.0.0.1:6006", "sshd on 0.0.0.0:22 (no program of training)"),
)
NOT_KNOWN: Final = Rule(
    id="LEY511",
    name="listeners-not-known",
    title="The system does not tell which processes wait for connections",
    severity=Severity.INFO,
    cwe=None,
    why="Sockets are looked up in Linux's `/proc`, and only for processes of the user who runs the audit.",
    mend="Ask the system's own tool: `ss -tlnp`, `lsof -iTCP -sTCP:LISTEN` or `netstat -ano`.",
    bad=("no /proc/net/tcp",),
    good=("/proc/net/tcp",),
)
KEY_OPEN: Final = Rule(
    id="LEY512",
    name="key-not-private",
    title="Others can reach keys, or the list of whom you trust",
    severity=Severity.HIGH,
    cwe=732,
    why=(
        "Who has the key seals checkpoints as you; who writes to its directory says whom you trust, and what your runs "
        "have saved. Leyden itself refuses such a key."
    ),
    mend=(
        "`chmod 700` the directory and `chmod 600` the key. If others could read the key, make a new one: "
        "`leyden key new`."
    ),
    bad=("-rw-r--r-- ~/.config/leyden/identity.key", "drwxrwxrwx ~/.config/leyden"),
    good=("-rw------- ~/.config/leyden/identity.key", "drwx------ ~/.config/leyden"),
)
CREDENTIALS_OPEN: Final = Rule(
    id="LEY513",
    name="credentials-readable",
    title="Everybody on the machine can read a file of passwords or tokens",
    severity=Severity.LOW,
    cwe=732,
    why="Another account, or a service that was broken into, acts as you where the token is for.",
    mend="`chmod 600 FILE`, and change the token if others have accounts here.",
    bad=("-rw-r--r-- ~/.netrc in drwxr-xr-x ~",),
    good=("-rw------- ~/.netrc", "-rw-r--r-- ~/.netrc in drwx------ ~"),
)
READABLE_MODELS: Final = Rule(
    id="LEY514",
    name="readable-models",
    title="Everybody on the machine can read model files",
    severity=Severity.INFO,
    cwe=732,
    why="Weights and what is saved beside them (hyperparameters, paths, at times data) may not be for everybody.",
    mend="`chmod o-rx DIRECTORY`, if they are not.",
    bad=("-rw-r--r-- checkpoints/last.ckpt in drwxr-xr-x checkpoints",),
    good=("-rw-r--r-- checkpoints/last.ckpt in drwxr-x--- checkpoints",),
)
TEMPORARY_OPEN: Final = Rule(
    id="LEY515",
    name="temporary-files-replaceable",
    title="Everybody may replace the temporary files of this user",
    severity=Severity.MEDIUM,
    cwe=379,
    why="What a program writes there and reads again, another account can exchange in between.",
    mend="`chmod +t DIRECTORY`, as `/tmp` is on every system, or set `TMPDIR` to a private directory.",
    bad=("drwxrwxrwx /tmp",),
    good=("drwxrwxrwt /tmp", "drwx------ ~/tmp"),
)

HOST: Final[tuple[Rule, ...]] = (LISTENS, NOT_KNOWN, KEY_OPEN, CREDENTIALS_OPEN, READABLE_MODELS, TEMPORARY_OPEN)
