"""Rules about installed packages: what runs at each start of Python, what was changed, and where it came from."""

from __future__ import annotations

from typing import Final

from leyden.audit.finding import Rule, Severity

_AGAIN: Final = (
    "Make the environment anew from a list with digests: "
    "`python -m venv --clear .venv`, then `pip install --require-hashes --requirement requirements.txt`."
)

_DISTUTILS: Final = (
    "import os; var = 'SETUPTOOLS_USE_DISTUTILS'; enabled = os.environ.get(var, 'local') == 'local'; "
    "enabled and __import__('_distutils_hack').add_shim(); "
)

VULNERABLE_INSTALLED: Final = Rule(
    id="LEY420",
    name="vulnerable-installed",
    title="An installed release has a known weakness",
    severity=Severity.HIGH,
    cwe=1395,
    why="The weakness and often the way to use it are public. The severity is that of the worst advisory.",
    mend="Install a release that no advisory names, and raise the lowest version that your requirements allow.",
    bad=("torch 2.5.1",),
    good=("demo 1.0",),
)
COMPROMISED_INSTALLED: Final = Rule(
    id="LEY421",
    name="compromised-installed",
    title="An installed release was published by an attacker",
    severity=Severity.CRITICAL,
    cwe=506,
    why="Its code ran when it was installed or imported: it has had the rights of whoever did so, and their secrets.",
    mend="Change all secrets that this machine or account could read, and make the environment anew.",
    bad=("lightning 2.6.3",),
    good=("lightning 2.6.6",),
)
STARTUP_LINE: Final = Rule(
    id="LEY422",
    name="startup-line",
    title="A .pth file runs code at each start of Python",
    severity=Severity.HIGH,
    cwe=506,
    why=(
        "Python runs every line of a `.pth` file that begins with `import`, whatever program is started, before its "
        "first line. Compromised releases have hidden their payload there: deleting the package's code does not stop "
        "it."
    ),
    mend=(
        "Find out which package brought it: `grep -l NAME.pth .venv/lib/python*/site-packages/*/RECORD`. If nobody "
        "knows it, take the environment for compromised: make it anew and change the secrets that it could read."
    ),
    bad=(
        "import os, base64; exec(base64.b64decode('cHJpbnQoMSk='))",
        "import subprocess, sys; subprocess.Popen([sys.executable, '-c', 'print(1)'])",
        "import os;\fexec(os.environ['X'])",
    ),
    good=(
        "/work/project/src",
        "# import os",
        _DISTUTILS,
        "import __editable___demo_0_1_0_finder; __editable___demo_0_1_0_finder.install()",
        "import coverage; coverage.process_startup()",
    ),
)
STARTUP_MODULE: Final = Rule(
    id="LEY423",
    name="startup-module",
    title="A module that each start of Python imports is installed",
    severity=Severity.INFO,
    cwe=506,
    why="`sitecustomize` and `usercustomize` are imported before a program's first line, so they can change all of it.",
    mend="Read the file. Delete it if nobody knows what it is for.",
    bad=("site-packages/sitecustomize.py",),
    good=("site-packages/customize.py",),
)
FILE_CHANGED: Final = Rule(
    id="LEY424",
    name="installed-file-changed",
    title="A file of an installed package is not what was installed",
    severity=Severity.HIGH,
    cwe=494,
    why=(
        "A package's RECORD has the digest of each of its files as it was when it was installed. Somebody has changed "
        "this one since: to try something out, or to have their code run with yours. RECORD is not signed, so a match "
        "proves nothing against who could change both."
    ),
    mend="Install the package again: `pip install --force-reinstall --no-deps NAME==VERSION`. " + _AGAIN,
    bad=("RECORD: demo/__init__.py,sha256=47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU,0; the file has 12 bytes",),
    good=("RECORD: demo/__init__.py,sha256=47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU,0; the file is empty",),
)
FILES_MISSING: Final = Rule(
    id="LEY425",
    name="installed-files-missing",
    title="Files of an installed package are missing",
    severity=Severity.INFO,
    cwe=None,
    why="Images are often slimmed so. What is gone cannot run, but an import may find another module in its place.",
    mend="Install the package again if something fails: `pip install --force-reinstall --no-deps NAME==VERSION`.",
    bad=("RECORD: demo/data.json,sha256=…,12; there is no such file",),
    good=("RECORD: demo/__pycache__/data.cpython-312.pyc,,; there is no such file",),
)
RECORD_MISSING: Final = Rule(
    id="LEY426",
    name="record-missing",
    title="Nothing says which files belong to an installed package",
    severity=Severity.INFO,
    cwe=None,
    why=(
        "Without a RECORD, nobody can see that a file was changed. Packages of the system come without it: there the "
        "system's own tools compare files (`dpkg --verify`, `rpm --verify`)."
    ),
    mend="Train in a virtual environment, into which pip installs with a RECORD.",
    bad=("demo-1.0.dist-info/METADATA alone",),
    good=("demo-1.0.dist-info/METADATA and demo-1.0.dist-info/RECORD",),
)
RECORD_UNREADABLE: Final = Rule(
    id="LEY427",
    name="record-unreadable",
    title="The files of an installed package could not all be compared with its RECORD",
    severity=Severity.MEDIUM,
    cwe=None,
    why="The audit says nothing about what it could not look at: a changed file can hide exactly there.",
    mend="Install the package again, or run the audit as a user who may read its files.",
    blind=True,
    bad=("RECORD: a line with one field", "RECORD: demo.py,md5=…,12 (a digest that can be forged)"),
    good=("RECORD: demo.py,sha256=…,12",),
)
RECORD_OUTSIDE: Final = Rule(
    id="LEY428",
    name="record-names-outside",
    title="A RECORD names files outside of the environment",
    severity=Severity.INFO,
    cwe=22,
    why="They were not compared. An installer that believes the list when it uninstalls would delete them.",
    mend="Look at the list, and install the package again if it should not have them.",
    bad=("RECORD: ../../../../../etc/passwd,sha256=…,12",),
    good=("RECORD: ../../../bin/demo,sha256=…,12",),
)
INSTALLED_TWICE: Final = Rule(
    id="LEY429",
    name="installed-twice",
    title="Two versions of a package are installed over each other",
    severity=Severity.LOW,
    cwe=None,
    why=(
        "Their files lie in the same directories, so a mixture of both is what runs, and which version counts for "
        "advisories depends on who asks."
    ),
    mend="Remove both and install one: `pip uninstall NAME` until it says that there is none, then install it.",
    bad=("site-packages/demo-1.0.dist-info and site-packages/demo-2.0.dist-info",),
    good=("site-packages/demo-2.0.dist-info",),
)
INSTALLED_FROM: Final = Rule(
    id="LEY430",
    name="installed-from-elsewhere",
    title="A package was installed from a directory, a repository or an address",
    severity=Severity.INFO,
    cwe=None,
    why="No index knows this build, so no advisory names it, and who can write to the source decides what runs next.",
    mend="For what is trained with in earnest, install a release, or build a wheel once and install it by its digest.",
    bad=('direct_url.json: {"url": "file:///work/demo", "dir_info": {"editable": true}}',),
    good=("no direct_url.json",),
)
UNOWNED: Final = Rule(
    id="LEY431",
    name="unowned-module",
    title="A module among the installed packages belongs to none of them",
    severity=Severity.INFO,
    cwe=506,
    why="Every program of this environment can import it, and no installer put it there or would remove it.",
    mend="Find out who wrote it; move what is yours into a package.",
    bad=("site-packages/helper.py, which no RECORD lists",),
    good=("site-packages/six.py, which the RECORD of six lists",),
)
SEES_SYSTEM: Final = Rule(
    id="LEY432",
    name="sees-system-packages",
    title="A virtual environment also imports the system's packages",
    severity=Severity.INFO,
    cwe=None,
    why="They were not looked at here, and others update or change them.",
    mend="Make it without `--system-site-packages`, or audit them as well: `leyden audit --environment /usr`.",
    bad=("pyvenv.cfg: include-system-site-packages = true",),
    good=("pyvenv.cfg: include-system-site-packages = false",),
)
LOOK_ALIKE_INSTALLED: Final = Rule(
    id="LEY433",
    name="look-alike-installed",
    title="An installed package is called nearly as a well-known one",
    severity=Severity.MEDIUM,
    cwe=1007,
    why=(
        "Names that are a slip away from a popular one are registered to have their code installed: what it does when "
        "it is installed or imported, it has already done."
    ),
    mend="If the well-known one is meant, take it for a compromise: make the environment anew and change secrets.",
    bad=("tranformers 4.0", "torch-visoin 1.0"),
    good=("torchvision 0.30", "pytorch-ignite 0.5"),
)
WRITABLE_IMPORTS: Final = Rule(
    id="LEY434",
    name="writable-import-path",
    title="Everybody may put modules where this environment imports them from",
    severity=Severity.HIGH,
    cwe=427,
    why="Whoever has an account on the machine decides what every program of this environment runs.",
    mend="`chmod o-w DIRECTORY`; take a line that names a shared directory out of its `.pth` file.",
    bad=("drwxrwxrwx site-packages", "a line /tmp in a .pth file (drwxrwxrwt: everybody may add files)"),
    good=("drwxr-xr-x site-packages",),
)

ENVIRONMENT: Final[tuple[Rule, ...]] = (
    VULNERABLE_INSTALLED,
    COMPROMISED_INSTALLED,
    STARTUP_LINE,
    STARTUP_MODULE,
    FILE_CHANGED,
    FILES_MISSING,
    RECORD_MISSING,
    RECORD_UNREADABLE,
    RECORD_OUTSIDE,
    INSTALLED_TWICE,
    INSTALLED_FROM,
    UNOWNED,
    SEES_SYSTEM,
    LOOK_ALIKE_INSTALLED,
    WRITABLE_IMPORTS,
)
