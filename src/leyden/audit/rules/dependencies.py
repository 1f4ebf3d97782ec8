"""Rules about dependencies that files declare. The examples are requirements files, where nothing else is said."""

from __future__ import annotations

from typing import Final

from leyden.audit.finding import Rule, Severity

_PINNED: Final = (
    "A tool such as `uv pip compile --generate-hashes` or `pip-compile --generate-hashes` writes such a file."
)

UNREAD: Final = Rule(
    id="LEY401",
    name="dependencies-not-understood",
    title="A file of dependencies could not be understood, or not all of it",
    severity=Severity.LOW,
    cwe=None,
    why="What stands there may ask for a bad release. An installer may also read it otherwise.",
    mend="Mend the file, or leave it out with `exclude` if it is none.",
    bad=("torch==2.13.0\n<<<<<<< HEAD\n",),
    good=("torch==2.13.0\n",),
    blind=True,
)
COMPROMISED: Final = Rule(
    id="LEY402",
    name="compromised-release",
    title="A release that somebody else published is asked for",
    severity=Severity.CRITICAL,
    cwe=506,
    why="Such a release runs its publisher's code when it is installed or imported: the known ones steal credentials.",
    mend="Ask for another release. Where this one was ever installed, renew every credential that was in reach, and "
    "build the machine anew. `leyden which-models` finds the models that were trained with it.",
    advisories=("CVE-2026-44484",),
    bad=("lightning==2.6.3", "torchtriton", "pytorch-lightning>=2.5,<=2.6.3"),
    good=("lightning==2.6.6", "triton==3.4.0"),
)
COMPROMISED_ADMITTED: Final = Rule(
    id="LEY403",
    name="compromised-release-admitted",
    title="A range lets in a release that somebody else published, and begins or ends there",
    severity=Severity.MEDIUM,
    cwe=506,
    why="The release is gone from PyPI. A mirror, a cache or a lock may still have it.",
    mend="Raise the lower bound above it, or leave it out: `lightning>=2.6.6`.",
    advisories=("CVE-2026-44484",),
    bad=("lightning>=2.6.2", "pytorch-lightning>=2.6.2,<2.6.4"),
    good=("lightning>=2.6.6", "lightning>=2.5"),
)
VULNERABLE: Final = Rule(
    id="LEY404",
    name="vulnerable-release",
    title="A release with a known flaw is asked for",
    severity=Severity.HIGH,
    cwe=1395,
    why="What is known about the release counts for whoever installs this. The finding has the severity of the worst "
    "that is known; `leyden advisories show PACKAGE==VERSION` tells all of it.",
    mend="Ask for a release in which it is mended.",
    advisories=("CVE-2025-32434", "CVE-2026-24747", "CVE-2026-58659"),
    bad=("torch==2.5.1+cu121", "torch>=2.0,<2.6", "torch~=2.4.0"),
    good=("torch==2.13.0", "torch>=2.0", "torch"),
)
VULNERABLE_ADMITTED: Final = Rule(
    id="LEY405",
    name="vulnerable-release-admitted",
    title="A range lets in older releases with a known flaw",
    severity=Severity.INFO,
    cwe=1395,
    why="An installer takes the newest release that fits, so this counts where another requirement holds it back, or "
    "where an older one is installed already. It is a note, since nearly every range without a lock is like this.",
    mend="Raise the lower bound.",
    bad=("torch>=2.0",),
    good=("torch>=2.13",),
)
UNPINNED: Final = Rule(
    id="LEY406",
    name="not-pinned",
    title="Dependencies are installed in whatever version there is on the day",
    severity=Severity.INFO,
    cwe=1357,
    why="A release that is compromised today is installed today, and what was trained yesterday cannot be built again.",
    mend="Keep a file with an exact version and a hash of everything beside the ranges. " + _PINNED,
    bad=("torch\nnumpy>=1.26", "torch==2.*"),
    good=("torch==2.13.0 --hash=sha256:00\nnumpy==2.3.0 --hash=sha256:00",),
)
UNHASHED: Final = Rule(
    id="LEY407",
    name="not-hashed",
    title="Pinned dependencies have no hashes, or not all of them",
    severity=Severity.INFO,
    cwe=494,
    why="A version says which release is meant, not what is in it: an index or a mirror may hand out another file.",
    mend=_PINNED + " pip then refuses what is not the file that was meant.",
    bad=("torch==2.13.0\nnumpy==2.3.0", "torch==2.13.0 --hash=sha256:00\nnumpy==2.3.0"),
    good=("torch==2.13.0 --hash=sha256:00", "torch>=2.13"),
)
EXTRA_INDEX: Final = Rule(
    id="LEY408",
    name="extra-index",
    title="A name may be taken from either of two indexes",
    severity=Severity.MEDIUM,
    cwe=427,
    why="pip takes the highest version from all indexes together. Whoever registers a name of the one on the other, "
    "with a higher version, has their code installed: so it was with torchtriton.",
    mend="Pin with hashes what comes from there, or use one index alone: `--index-url`. With uv, an index with "
    "`explicit = true` and `[tool.uv.sources]` for the names that come from it.",
    bad=("--extra-index-url https://packages.example.org/simple\ntorch==2.13.0\nours",),
    good=(
        "--index-url https://download.pytorch.org/whl/cpu\ntorch==2.13.0",
        "--extra-index-url https://packages.example.org/simple\nours==1.0 --hash=sha256:00",
        "--extra-index-url https://download.pytorch.org/whl/cu124\ntorch==2.13.0+cu124",
    ),
)
OLD_LIST: Final = Rule(
    id="LEY409",
    name="advisories-old",
    title="The list of bad releases is old",
    severity=Severity.LOW,
    cwe=None,
    why="What has become known since is not found. The list is not fetched by itself: an audit uses no network.",
    mend="Install a newer version of Leyden, or `leyden advisories update` with a newer list.",
)
CLEAR_INDEX: Final = Rule(
    id="LEY410",
    name="index-unchecked",
    title="Packages are fetched without knowing from whom",
    severity=Severity.HIGH,
    cwe=319,
    why="Without https, or with a host whose certificate is not checked, anybody on the way hands out other packages.",
    mend="Use https, and give the certificate of a server of your own with `--cert`. Leave out `--trusted-host`.",
    bad=("--index-url http://packages.example.org/simple\ntorch", "--trusted-host packages.example.org\ntorch"),
    good=("--index-url https://packages.example.org/simple\ntorch", "--index-url http://localhost:3141/simple\ntorch"),
)
LOOK_ALIKE: Final = Rule(
    id="LEY411",
    name="look-alike-name",
    title="A package is called nearly as a well-known one",
    severity=Severity.MEDIUM,
    cwe=1007,
    why="Names that are a slip away from a popular one are registered to have their code installed.",
    mend="Check that this package is meant, and write the name of the well-known one if it is not.",
    bad=("pytroch==1.0", "tranformers", "torch-visoin", "sklearn"),
    good=("torchvision", "torchaudio", "torchmetrics", "pytorch-ignite", "scikit-learn", "transformers", "lightning"),
)
MOVING_REFERENCE: Final = Rule(
    id="LEY412",
    name="reference-not-fixed",
    title="A dependency is taken from an address whose content may change",
    severity=Severity.LOW,
    cwe=494,
    why="A branch or a file behind an address is another one tomorrow, and whoever can change it runs code here.",
    mend="Name the commit: `git+https://host/owner/project@3f2a…`; for a file, add `#sha256=…`.",
    bad=(
        "tool @ git+https://github.com/owner/tool.git",
        "git+https://github.com/owner/tool@main#egg=tool",
        "tool @ http://example.org/tool-1.0-py3-none-any.whl",
    ),
    good=(
        "tool @ git+https://github.com/owner/tool@3f2a9d6d5d0e4b1f8c7a6b5e4d3c2b1a09f8e7d6",
        "tool @ https://example.org/tool-1.0-py3-none-any.whl#sha256=" + "0" * 64,
    ),
)
LEADS_OUT: Final = Rule(
    id="LEY413",
    name="dependencies-elsewhere",
    title="Dependencies are declared or lie outside of the project",
    severity=Severity.INFO,
    cwe=829,
    why="What is there was not looked at, and others may be able to change it.",
    mend="Bring the file into the project, or audit that place too.",
    bad=("-r ../../shared/requirements.txt\ntorch", "-r https://example.org/requirements.txt\ntorch", "/opt/ours"),
    good=("-r requirements-base.txt\ntorch", "-e ."),
)
LIST_REFUSED: Final = Rule(
    id="LEY414",
    name="advisories-refused",
    title="A newer list of bad releases is there and does not count",
    severity=Severity.MEDIUM,
    cwe=345,
    why="It is damaged, or nobody who may has signed it. The list that Leyden comes with was used.",
    mend="`leyden advisories update` with a sound copy, or delete it.",
)

DEPENDENCIES: Final[tuple[Rule, ...]] = (
    UNREAD,
    COMPROMISED,
    COMPROMISED_ADMITTED,
    VULNERABLE,
    VULNERABLE_ADMITTED,
    UNPINNED,
    UNHASHED,
    EXTRA_INDEX,
    OLD_LIST,
    CLEAR_INDEX,
    LOOK_ALIKE,
    MOVING_REFERENCE,
    LEADS_OUT,
    LIST_REFUSED,
)
