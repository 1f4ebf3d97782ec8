"""What is looked for in commands: a table of expressions, each bounded, since commands may be hostile too."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final, final

from leyden.audit.finding import Rule, Severity
from leyden.audit.rules import config_commands as rules
from leyden.audit.rules.config_values import REMOTE_CODE


@final
@dataclass(frozen=True)
class Pattern:
    """``beside`` are texts of which one stands wherever ``regex`` finds something: looking for them is cheap."""

    beside: tuple[str, ...]
    regex: re.Pattern[str]
    rule: Rule
    message: str
    severity: Severity | None = None
    inside: Severity | None = None  # in a container, where it differs
    outside: bool = False  # nothing is wrong in a container


_FETCH: Final = r"\b(?:curl|wget)\b"
_SAME: Final = r"[^|;&]{0,600}"  # of the same command
_SUDO: Final = r"(?:sudo\s+(?:-\S{1,20}\s+){0,3})?(?:env\s+)?(?:/(?:usr/)?bin/)?"
_SHELL: Final = r"(?:ba|z|k|da)?sh\b(?![\w./=-])"
_PYTHON: Final = r"python[0-9.]{0,5}\s{0,3}(?:-\s|-$|[;&|)\"']|$)"
# No name of this machine or its network: those have no dots.
_FAR: Final = r"(?!localhost|127\.|0\.0\.0\.0|\[::1\]|169\.254\.|\$|[\w-]{1,60}(?::\d{1,5})?(?:[/\s\"']|$))"
_HTTP: Final = rf"[\s\"']http://{_FAR}"
_TO_FILE: Final = rf"(?={_SAME}\s(?:-[a-zA-Z]{{0,8}}[oO]\b|--output|--remote-name|>))"
_INDEX: Final = r"(?:-i|--index-url|-f|--find-links|--default-index|install)[ =][\"']?"
_HOST: Final = (
    r"--(?:host|ip|bind|listen|dashboard-host|server[-_]name|address|(?:ServerApp|NotebookApp)\.ip|server\.address)"
)
_EVERYWHERE: Final = r"[\"']?(?:0\.0\.0\.0|\[?::\]?(?=[\s\"':]|$)|\*)"
_MODE: Final = r"(?:0?[0246]?[0-7][0-7][2367]\b|[ugo]{0,2}[oa][ugo]{0,2}[+=]r?w)"

PATTERNS: Final = (
    Pattern(
        ("curl", "wget"),
        re.compile(rf"{_FETCH}{_SAME}\|\s{{0,9}}{_SUDO}(?:{_SHELL}|{_PYTHON})"),
        rules.PIPED,
        "What the address answers is run as it comes.",
    ),
    Pattern(
        ("curl", "wget"),
        re.compile(
            rf"(?:\b(?:ba|z|da)?sh|\bsource|\beval)\s{{1,9}}(?:-\w{{1,5}}\s{{1,9}})?[\"']?[<$]\(\s{{0,9}}{_FETCH}"
        ),
        rules.PIPED,
        "What the address answers is run as it comes.",
    ),
    Pattern(
        ("curl",),
        re.compile(rf"\bcurl(?=\s){_SAME}?\s(?:-[a-zA-Z]{{0,8}}k[a-zA-Z]{{0,8}}|--insecure)(?=\s|$)"),
        rules.UNCHECKED,
        "curl takes any certificate.",
    ),
    Pattern(
        ("--no-check-certificate",),
        re.compile(r"--no-check-certificate\b"),
        rules.UNCHECKED,
        "wget takes any certificate.",
    ),
    Pattern(
        ("http.ssl",),
        re.compile(r"http\.ssl[vV]erify[ =][\"']?(?:false|0)\b"),
        rules.UNCHECKED,
        "git takes any certificate.",
    ),
    Pattern(
        ("ssl_verify", "strict-ssl", "insecure-host"),
        re.compile(
            r"\bssl_verify[ =][\"']?(?:no|[Ff]alse|0)\b|\bstrict-ssl[ =][\"']?(?:no|false|0)\b|--allow-insecure-host\b"
        ),
        rules.UNCHECKED,
        "A package manager takes any certificate.",
    ),
    Pattern(
        ("StrictHostKeyChecking",),
        re.compile(r"StrictHostKeyChecking[ =]{1,3}no\b"),
        rules.UNCHECKED,
        "SSH takes the key of any host.",
        Severity.LOW,
    ),
    Pattern(
        ("--trusted-host",),
        re.compile(r"--trusted-host[ =]"),
        rules.CLEAR,
        "pip takes packages from that host without a check.",
    ),
    Pattern(
        ("http://",),
        re.compile(rf"\b(?:pip3?|uv)\b{_SAME}?\s{_INDEX}http://{_FAR}"),
        rules.CLEAR,
        "Packages come without https.",
    ),
    Pattern(("http://",), re.compile(rf"\bwget\b{_SAME}?{_HTTP}"), rules.CLEAR, "The file comes without https."),
    Pattern(
        ("http://",), re.compile(rf"\bcurl\b{_TO_FILE}{_SAME}?{_HTTP}"), rules.CLEAR, "The file comes without https."
    ),
    Pattern(
        ("App.token=", "App.password=", "IdentityProvider."),
        re.compile(r"(?:App|IdentityProvider)\.(?:token|password)=(?:''|\"\"|[\"'\]]|\s|,|$)"),
        rules.NO_LOGIN,
        "With an empty token the notebook lets in everybody.",
    ),
    Pattern(
        ("code-server",),
        re.compile(r"\bcode-server\b[^|;&]{0,300}\s--auth[ =]none\b"),
        rules.NO_LOGIN,
        "The editor lets in everybody.",
    ),
    Pattern(
        ("0.0.0.0", "::", "*"),  # noqa: S104 - this is what is looked for
        re.compile(rf"\s{_HOST}[= ]{_EVERYWHERE}"),
        rules.LISTENS,
        "It listens on all interfaces.",
        outside=True,
    ),
    Pattern(
        ("0.0.0.0",),  # noqa: S104 - this is what is looked for
        re.compile(rf"\b(?:mlflow|gunicorn|dockerd|waitress-serve)\b{_SAME}?\s-[hbH][ =]?(?:tcp://)?0\.0\.0\.0"),
        rules.LISTENS,
        "It listens on all interfaces.",
        outside=True,
    ),
    Pattern(
        ("--bind_all", "--bind-all"),
        re.compile(r"\s--bind[_-]all\b"),
        rules.LISTENS,
        "It listens on all interfaces.",
        outside=True,
    ),
    Pattern(
        ("--rdzv", "--master"),
        re.compile(r"--(?:rdzv[-_]endpoint|master[-_]addr)[ =][\"']?(?!localhost|127\.|\[?::1)\S"),
        rules.RENDEZVOUS,
        "The ranks meet where nobody is asked who they are.",
    ),
    Pattern(
        ("chmod",),
        re.compile(rf"\bchmod\s{{1,5}}(?:-[a-zA-Z-]{{1,20}}\s{{1,5}}){{0,3}}{_MODE}"),
        rules.WRITABLE,
        "Everybody may change it then.",
        inside=Severity.LOW,
    ),
    Pattern(
        ("umask",),
        re.compile(r"\bumask\s{1,5}0{1,4}(?![0-9])"),
        rules.WRITABLE,
        "New files can be changed by everybody then.",
        Severity.LOW,
    ),
    Pattern(
        ("trust_remote_code", "trust-remote-code"),
        re.compile(
            r"--trust[-_]remote[-_]code(?![\w-])(?![ =][\"']?(?:[Ff]alse|0)\b)"
            r"|\btrust_remote_code=[\"']?(?:[Tt]rue|1)\b"
        ),
        REMOTE_CODE,
        "Python that a repository holds is run.",
    ),
)
