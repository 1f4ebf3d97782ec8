"""Rules about pipelines: what a stranger's change can make them do, and whose code they run."""

from __future__ import annotations

from typing import Final

from leyden.audit.finding import Rule, Severity

_STEP: Final = ".github/workflows/ci.yml:\non: {}\njobs:\n  a:\n    runs-on: ubuntu-latest\n    steps:\n      - "
_PUSH: Final = _STEP.format("push")
_COMMIT: Final = "0123456789abcdef0123456789abcdef01234567"

ACTION: Final = Rule(
    id="LEY351",
    name="action-not-pinned",
    title="A pipeline runs somebody's action in whatever version its name leads to today",
    severity=Severity.LOW,
    cwe=829,
    why="A tag or a branch can be moved by whoever owns the repository or has taken its account. The action sees the "
    "pipeline's secrets and what it builds.",
    mend="Name the commit: `owner/action@3f2a… # v4.1.0`. Dependabot and Renovate keep it up to date.",
    bad=(_PUSH + "uses: someone/publish@v1", _PUSH + "uses: someone/publish@main", _PUSH + "uses: docker://alpine"),
    good=(_PUSH + f"uses: someone/publish@{_COMMIT}", _PUSH + "uses: ./.github/actions/own"),
)
STRANGERS: Final = Rule(
    id="LEY352",
    name="pipeline-runs-strangers-code",
    title="A pipeline with the repository's secrets checks out what a stranger proposes",
    severity=Severity.HIGH,
    cwe=829,
    why="`pull_request_target` and `workflow_run` have a token that may write. Building or testing the proposed code "
    "gives both to whoever opens a pull request.",
    mend="Test proposals under `pull_request`, which has no secrets.",
    bad=(
        _STEP.format("pull_request_target")
        + "uses: actions/checkout@v4\n        with: {ref: '${{ github.event.pull_request.head.sha }}'}",
    ),
    good=(
        _STEP.format("pull_request_target") + "uses: actions/checkout@v4",
        _STEP.format("pull_request")
        + "uses: actions/checkout@v4\n        with: {ref: '${{ github.event.pull_request.head.sha }}'}",
    ),
)
INJECTION: Final = Rule(
    id="LEY353",
    name="pipeline-injection",
    title="Text that a stranger writes becomes part of a pipeline's command",
    severity=Severity.HIGH,
    cwe=78,
    why="The text is put in before the shell reads the command: a title or a branch name with `$(…)` in it runs.",
    mend='Give it as a variable, `env: {TITLE: ${{ … }}}`, and write `"$TITLE"` in the command.',
    bad=(
        _PUSH + "run: echo ${{ github.event.issue.title }}",
        _PUSH + "uses: actions/github-script@v7\n        with: {script: 'log(`${{ github.head_ref }}`)'}",
    ),
    good=(
        _PUSH + 'run: echo "$TITLE"\n        env: {TITLE: "${{ github.event.issue.title }}"}',
        _PUSH + "run: echo ${{ github.event.pull_request.number }}",
    ),
)
TOKEN: Final = Rule(
    id="LEY354",
    name="pipeline-token-writes",
    title="A pipeline's token may write everything in the repository",
    severity=Severity.MEDIUM,
    cwe=250,
    why="Whatever runs in it, a package that is installed for the tests too, can change code and releases.",
    mend="`permissions: {contents: read}` for the file, and more for the one job that needs it.",
    bad=(".github/workflows/ci.yml:\non: push\npermissions: write-all\njobs: {}",),
    good=(".github/workflows/ci.yml:\non: push\npermissions: {contents: read}\njobs: {}",),
)
SHOWN: Final = Rule(
    id="LEY355",
    name="pipeline-shows-secret",
    title="A pipeline prints a secret",
    severity=Severity.MEDIUM,
    cwe=532,
    why="Logs are read, kept and sent on by more people than the secret is meant for. They are masked only as long as "
    "the text is exactly the secret.",
    mend="Say that it is set, and not what it is.",
    bad=(_PUSH + "run: echo ${{ secrets.API_KEY }}",),
    good=(_PUSH + "run: echo ${{ secrets.API_KEY }} | docker login --password-stdin",),
)
RUNNER: Final = Rule(
    id="LEY356",
    name="own-runner-for-strangers",
    title="Proposals of strangers are run on a machine of your own",
    severity=Severity.MEDIUM,
    cwe=829,
    why="In a public repository anybody opens a pull request. What it leaves on a runner that is kept stays for the "
    "next job, and the runner reaches your network.",
    mend="Runners that are made anew for each job, apart from your network, and approval before the first run.",
    bad=(".github/workflows/gpu.yml:\non: [push, pull_request]\njobs: {a: {runs-on: [self-hosted, gpu], steps: []}}",),
    good=(
        ".github/workflows/gpu.yml:\non: push\njobs: {a: {runs-on: [self-hosted, gpu], steps: []}}",
        ".github/workflows/ci.yml:\non: pull_request\njobs: {a: {runs-on: ubuntu-latest, steps: []}}",
    ),
)
INCLUDES: Final = Rule(
    id="LEY357",
    name="pipeline-includes-moving",
    title="A pipeline or a hook takes its steps from a branch or an address",
    severity=Severity.LOW,
    cwe=829,
    why="Whoever can change the branch or the file decides what runs here.",
    mend="Name a commit, or a tag that its owner does not move.",
    bad=(
        ".gitlab-ci.yml:\ninclude: [{remote: 'https://example.org/ci.yml'}]",
        ".gitlab-ci.yml:\ninclude: [{project: group/ci, file: a.yml}]",
        ".pre-commit-config.yaml:\nrepos: [{repo: 'https://example.org/hooks', rev: main, hooks: [{id: a}]}]",
        ".circleci/config.yml:\nversion: 2.1\norbs: {tool: owner/tool@volatile}",
    ),
    good=(
        ".gitlab-ci.yml:\ninclude: [{project: group/ci, ref: v1.2.0, file: a.yml}, {local: b.yml}]",
        ".pre-commit-config.yaml:\nrepos: [{repo: 'https://example.org/hooks', rev: v1.2.0, hooks: [{id: a}]}]",
    ),
)
ALL_SECRETS: Final = Rule(
    id="LEY358",
    name="pipeline-gives-all-secrets",
    title="A pipeline gives every secret of the repository away at once",
    severity=Severity.MEDIUM,
    cwe=250,
    why="A step needs one or two of them. What it runs, and whatever it installs, then has all.",
    mend="Name each secret that is needed: `env: {HF_TOKEN: ${{ secrets.HF_TOKEN }}}`.",
    bad=(
        _PUSH + "run: train\n        env: {ALL: '${{ toJSON(secrets) }}'}",
        f".github/workflows/a.yml:\non: push\njobs: {{a: {{uses: owner/ci/b.yml@{_COMMIT}, secrets: inherit}}}}",
    ),
    good=(
        _PUSH + "run: train\n        env: {KEY: '${{ secrets.KEY }}'}",
        ".github/workflows/a.yml:\non: push\njobs: {a: {uses: ./.github/workflows/b.yml, secrets: inherit}}",
    ),
)
OLD_COMMANDS: Final = Rule(
    id="LEY359",
    name="pipeline-obeys-its-log",
    title="A pipeline obeys commands that stand in its log",
    severity=Severity.HIGH,
    cwe=77,
    why="With `ACTIONS_ALLOW_UNSECURE_COMMANDS`, every text that a step prints may set variables and the path of "
    "later steps: a file name or a title of a stranger too.",
    mend="Remove it, and write to `$GITHUB_ENV` and `$GITHUB_PATH`.",
    advisories=("CVE-2020-15228",),
    bad=(_PUSH + "run: train\n        env: {ACTIONS_ALLOW_UNSECURE_COMMANDS: true}",),
    good=(_PUSH + "run: train\n        env: {ACTIONS_ALLOW_UNSECURE_COMMANDS: false}",),
)

PIPELINES: Final[tuple[Rule, ...]] = (
    ACTION,
    STRANGERS,
    INJECTION,
    TOKEN,
    SHOWN,
    RUNNER,
    INCLUDES,
    ALL_SECRETS,
    OLD_COMMANDS,
)
