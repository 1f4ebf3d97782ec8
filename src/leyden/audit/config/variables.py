"""Variables of the environment that change what a training does, wherever they are set."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from leyden.audit.config.hits import Hit
from leyden.audit.config.secrets import secret
from leyden.audit.finding import Rule
from leyden.audit.rules import config_values as rules
from leyden.audit.rules.config_commands import NO_LOGIN, RENDEZVOUS
from leyden.audit.rules.config_pipelines import OLD_COMMANDS

_OFF: Final = frozenset(("", "0", "n", "no", "false", "off", "none"))
_OBEYS: Final = "ACTIONS_ALLOW_UNSECURE_COMMANDS"
_FORCED: Final = "TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD"
_REMOTE: Final = frozenset(("HF_HUB_TRUST_REMOTE_CODE", "HF_DATASETS_TRUST_REMOTE_CODE", "TRUST_REMOTE_CODE"))
# Certificates are not checked where these are on, and where those are off or empty.
_UNCHECKED_IF_ON: Final = frozenset(
    ("GIT_SSL_NO_VERIFY", "WANDB_INSECURE_DISABLE_SSL", "MLFLOW_TRACKING_INSECURE_TLS", "CONDA_SSL_NO_VERIFY",
     "COMET_URL_INSECURE", "PIP_TRUSTED_HOST", "UV_INSECURE_HOST", "HF_HUB_DISABLE_SSL_VERIFICATION")
)  # fmt: skip
_UNCHECKED_IF_OFF: Final = frozenset(("PYTHONHTTPSVERIFY", "NODE_TLS_REJECT_UNAUTHORIZED", "CONDA_SSL_VERIFY",
                                      "CURL_CA_BUNDLE", "REQUESTS_CA_BUNDLE", "SSL_CERT_FILE"))  # fmt: skip
_CODE: Final = frozenset(("LD_PRELOAD", "LD_LIBRARY_PATH", "PYTHONPATH", "PYTHONSTARTUP", "PYTHONHOME", "LD_AUDIT"))
_OTHERS: Final = re.compile(r"(?:^|:)(?:/tmp|/var/tmp|/dev/shm)(?:/|:|$)")
_HERE: Final = re.compile(r"localhost|127\.|::1|\$\{?MASTER_ADDR|\$\{MASTER_ADDR")
_NAMES: Final = (
    frozenset((_FORCED, _OBEYS, "MASTER_ADDR", "JUPYTER_TOKEN"))
    | _REMOTE
    | _UNCHECKED_IF_ON
    | _UNCHECKED_IF_OFF
    | _CODE
)

TELLING: Final = "|".join(sorted((*_NAMES, "PL_TRAINER_")))


def variable(
    name: str, value: str, line: int, column: int | None = None, secrets: Rule | None = rules.SECRET
) -> Iterator[Hit]:
    """What is wrong with setting ``name`` to ``value``; ``secrets`` is the rule for a value that is one."""
    if secrets is not None:
        yield from secret(name, value, line, column, secrets)
    if name in _NAMES or name.startswith("PL_TRAINER_"):
        for rule, text in _known(name, value, value.strip().lower() not in _OFF):
            yield Hit(rule, text, line, column)


def _known(name: str, value: str, on: bool) -> Iterator[tuple[Rule, str]]:
    if name == _FORCED and on:
        yield rules.FORCED, f"`{_FORCED}` lets every torch.load unpickle anything."
    elif name.startswith("PL_TRAINER_"):
        yield rules.TRAINER, f"`{name[:80]}` is an argument of every Trainer that is started here."
    elif name in _REMOTE and on:
        yield rules.REMOTE_CODE, f"`{name}` runs Python that a repository holds."
    elif (name in _UNCHECKED_IF_ON and on) or (name in _UNCHECKED_IF_OFF and not on):
        yield rules.NO_TLS, f"With `{name}={value[:60]}`, whose certificate it is, is not checked."
    elif name in _CODE and _OTHERS.search(value):
        yield rules.LOADS_CODE, f"`{name}` leads to a directory in which others may write."
    elif name == "MASTER_ADDR" and value and not _HERE.match(value):
        yield RENDEZVOUS, "The ranks meet where nobody is asked who they are."
    elif name == _OBEYS and on:
        yield OLD_COMMANDS, "What steps print can change what later steps run."
    elif name == "JUPYTER_TOKEN" and not value:
        yield NO_LOGIN, "An empty token lets in everybody."
