"""Rules about what configuration says: what it names, what it allows, what it gives away."""

from __future__ import annotations

from typing import Final

from leyden.audit.finding import Rule, Severity

_STAYS: Final = "Whoever has the file has the secret, and so has everybody who ever had it: it stays in the history."
_REVOKE: Final = "Revoke it and take a new one."

UNPARSED: Final = Rule(
    id="LEY300",
    name="configuration-not-parsed",
    title="A configuration file could not be parsed, so not all of it was looked at",
    severity=Severity.LOW,
    cwe=None,
    why="What its program makes of it is unknown; a reader that is more forgiving may see something there.",
    mend="Mend the file, or leave it out with `exclude`.",
    bad=("config.yaml:\n_target_: torch.optim.Adam\nlr: [0.1",),
    good=("config.yaml:\n_target_: torch.optim.Adam\nlr: [0.1]",),
    blind=True,
)
TAG: Final = Rule(
    id="LEY301",
    name="yaml-tag-builds-objects",
    title="A tag in a YAML file tells its reader to import or call something",
    severity=Severity.HIGH,
    cwe=502,
    why="A reader that builds objects, such as PyYAML's full and unsafe loaders, imports and calls what the tag names. "
    "Lightning before 1.6 read `hparams.yaml` so.",
    mend="Write plain values, and read them with `yaml.safe_load`.",
    advisories=("CVE-2021-4118", "CVE-2020-14343"),
    bad=(
        "hparams.yaml:\nlr: 0.1\nloss: !!python/object/apply:os.system ['id']",
        "hparams.yaml:\nmodel: !!python/name:project.models.Net",
        "config.yml:\nargs: !<tag:yaml.org,2002:python/object/new:argparse.Namespace> {lr: 1}",
    ),
    good=(
        "hparams.yaml:\nlr: 0.1\nsizes: !!python/tuple [1, 2]",
        "template.yaml:\nbucket: !Ref Bucket",
        "mkdocs.yml:\nemoji_index: !!python/name:material.extensions.emoji.twemoji",
    ),
)
ALIASES: Final = Rule(
    id="LEY302",
    name="yaml-aliases-explode",
    title="Aliases in a YAML file stand for far more than is written, or for themselves",
    severity=Severity.MEDIUM,
    cwe=776,
    why="A program that copies or merges such values, as OmegaConf does, takes all the memory or never ends.",
    mend="Write the values out, or leave the aliases out.",
    bad=(
        "config.yaml:\na: &a [x, x, x, x, x, x, x, x, x, x]\n"
        + "\n".join(f"{b}: &{b} [{', '.join([f'*{a}'] * 10)}]" for a, b in ("ab", "bc", "cd", "de", "ef", "fg")),
        "config.yaml:\na: &a {b: *a}",
    ),
    good=("config.yaml:\nbase: &base {lr: 0.1}\nmodel: *base",),
)
TWICE: Final = Rule(
    id="LEY303",
    name="name-stands-twice",
    title="One name stands twice in a mapping",
    severity=Severity.LOW,
    cwe=694,
    why="Most readers take the last one and some the first, so what a reviewer sees is not what the program uses.",
    mend="Leave one of them.",
    bad=("train.yaml:\nweights_only: true\nmodel: {lr: 1}\nweights_only: 1",),
    good=("train.yaml:\nweights_only: true\nmodel: {weights_only: true}",),
)
CLASS_PATH: Final = Rule(
    id="LEY304",
    name="class-path-runs-code",
    title="A configuration names a function that runs code or reaches files as the class to build",
    severity=Severity.CRITICAL,
    cwe=470,
    why="LightningCLI, jsonargparse and Hydra import what `class_path` or `_target_` names and call it with the "
    "arguments beside it, before or without any check of its type.",
    mend="Find out who wrote it. Name classes of the project and of the training packages alone.",
    bad=(
        "config.yaml:\nmodel:\n  class_path: subprocess.Popen\n  init_args: {args: [id]}",
        "conf/optimizer/adam.yaml:\n_target_: builtins.eval\n_args_: ['1+1']",
        'config.json:\n{"model": {"_target_": "os.system", "command": "id"}}',
        "config.yaml:\n_target_: hydra.utils.get_method\npath: os.system",
        "config.toml:\n[model]\n_target_ = 'torch.load'",
    ),
    good=(
        "config.yaml:\nmodel: {class_path: project.models.Net}",
        "config.yaml:\n_target_: torch.optim.Adam\n_partial_: true",
        "config.yaml:\nact: {_target_: operator.mul, _args_: [2, 3]}",
    ),
)
WEIGHTS_ONLY: Final = Rule(
    id="LEY305",
    name="configuration-unpickles",
    title="A configuration switches off the check of what a checkpoint may hold",
    severity=Severity.MEDIUM,
    cwe=502,
    why="With `weights_only: false`, loading a checkpoint runs whatever it names.",
    mend="`weights_only: true`, and `leyden convert` once for files that hold objects.",
    advisories=("CVE-2025-32434",),
    bad=("config.yaml:\nckpt_path: last.ckpt\nweights_only: false", 'config.json:\n{"weights_only": false}'),
    good=("config.yaml:\nweights_only: true", "config.yaml:\ncheckpoint: {save_weights_only: false}"),
)
REMOTE_CODE: Final = Rule(
    id="LEY306",
    name="configuration-trusts-remote-code",
    title="A configuration lets code run that comes with a downloaded model or data set",
    severity=Severity.HIGH,
    cwe=494,
    why="The library imports Python files out of the repository that a name leads to. Transformers up to 5.2.0 takes "
    "the switch even out of a model's own file in places.",
    mend="Leave it out. If the model needs it, read its code, copy it into the project, and load from there.",
    advisories=("CVE-2026-5241",),
    bad=(
        "train.yaml:\nmodel: {name: owner/model, trust_remote_code: true}",
        "train.sh:\n#!/bin/bash\npython train.py --model owner/model --trust_remote_code",
        "run.sh:\nlm_eval --model_args pretrained=owner/model,trust_remote_code=True",
        ".env:\nHF_DATASETS_TRUST_REMOTE_CODE=1",
    ),
    good=(
        "train.yaml:\ntrust_remote_code: false",
        "train.sh:\npython train.py --trust_remote_code False",
    ),
)
BRINGS_CODE: Final = Rule(
    id="LEY307",
    name="model-brings-code",
    title="A model's configuration names Python code that comes with it",
    severity=Severity.LOW,
    cwe=494,
    why="`auto_map` is what `trust_remote_code` runs. A name with `--` leads to another repository, which its owner "
    "can change while the model stays as it is.",
    mend="Read the code, and load the model by a class of an installed package.",
    bad=('config.json:\n{"model_type": "x", "auto_map": {"AutoModel": "modeling_x.XModel"}}',),
    good=('config.json:\n{"model_type": "llama", "architectures": ["LlamaForCausalLM"]}',),
)
KERNEL: Final = Rule(
    id="LEY308",
    name="kernel-from-hub",
    title="A model's configuration names a repository whose code computes its attention",
    severity=Severity.HIGH,
    cwe=494,
    why="transformers downloads it and runs its Python. Before 5.3.0 it did so even when `config.json` of a "
    "downloaded model said it, without `trust_remote_code`.",
    mend="Take `sdpa` or `flash_attention_2`, and transformers 5.3.0 or newer.",
    advisories=("CVE-2026-4372",),
    bad=('config.json:\n{"model_type": "llama", "_attn_implementation_internal": "someone/kernel"}',),
    good=('config.json:\n{"model_type": "llama", "_attn_implementation": "sdpa"}',),
)
UNCHECKED: Final = Rule(
    id="LEY309",
    name="configuration-turns-tls-off",
    title="A configuration switches off the check of certificates",
    severity=Severity.HIGH,
    cwe=295,
    why="Everybody on the way can answer in the place of the server, and gives what is installed and loaded then.",
    mend="Leave the check on. For a certificate of your own, name its file.",
    bad=(
        ".condarc:\nssl_verify: false",
        "tracking.yaml:\nmlflow: {uri: 'https://host', verify_ssl: false}",
        "kubeconfig.yaml:\nclusters: [{cluster: {insecure-skip-tls-verify: true}}]",
    ),
    good=(".condarc:\nssl_verify: /etc/ssl/ca.pem", "tracking.yaml:\nmlflow: {verify_ssl: true}"),
)
EVALUATED: Final = Rule(
    id="LEY310",
    name="configuration-evaluates-code",
    title="A value in a configuration is Python that imports or opens something",
    severity=Severity.CRITICAL,
    cwe=95,
    why="Programs that register an `eval` resolver run the text when they read the value. It is there for "
    "arithmetic; an import is a way in.",
    mend="Find out who wrote it. Replace the resolver by one for the arithmetic that you need.",
    bad=('conf/config.yaml:\nsize: ${eval:\'__import__("os").system("id")\'}',),
    good=("conf/config.yaml:\nsize: ${eval:'${width} * 2'}\nopen: ${oc.env:HOME}",),
)
SECRET: Final = Rule(
    id="LEY311",
    name="secret-in-configuration",
    title="A password or key is written in a configuration file or a script",
    severity=Severity.HIGH,
    cwe=798,
    why=_STAYS,
    mend=_REVOKE + " Keep it in the environment, in the secrets of the service, or in a file that only you can read.",
    bad=(
        "config.yaml:\nlogger: {api_key: c8Kq2vX9rT4mZ7bN1wLp}",
        "train.sbatch:\n#!/bin/bash\n#SBATCH --gpus=8\nexport WANDB_API_KEY=c8Kq2vX9rT4mZ7bN1wLpc8Kq2vX9rT4mZ7bN1wLp",
        ".env:\nDB_PASSWORD=hunter2-Xy7qpt",
        "compose.yaml:\nservices:\n  db:\n    environment:\n      - POSTGRES_PASSWORD=hunter2-Xy7qpt",
        "pod.yaml:\nkind: Pod\napiVersion: v1\nspec: {containers: [{env: [{name: API_KEY, value: q9Zr8Ts7Vu6Xw5Yx}]}]}",
        "mlflow.toml:\ntracking_uri = 'https://admin:hunter2-Xy7qpt@mlflow.example.org'",
        "train.sh:\nwandb login c8Kq2vX9rT4mZ7bN1wLpc8Kq2vX9rT4mZ7bN1wLp",
    ),
    good=(
        "config.yaml:\nlogger: {api_key: '${oc.env:WANDB_API_KEY}'}",
        "train.sh:\nexport WANDB_API_KEY=$(cat ~/.wandb)",
        ".env:\nDB_PASSWORD=changeme",
        "pod.yaml:\nkind: Pod\napiVersion: v1\nspec: {secretName: train-key-v2, env: {secretKeyRef: {key: token1234}}}",
        ".github/workflows/a.yml:\non: push\njobs: {a: {env: {HF_TOKEN: '${{ secrets.HF_TOKEN }}'}}}",
        "tokenizer_config.json:\n{\"eos_token\": \"<|im_end|>\", \"pad_token\": \"<pad_1234>\"}",
    ),
)  # fmt: skip
SECRET_IN_IMAGE: Final = Rule(
    id="LEY312",
    name="secret-in-image",
    title="A password or key becomes part of a container image",
    severity=Severity.HIGH,
    cwe=798,
    why="`docker history` and `docker inspect` show values of ENV and ARG to everybody who can pull the image.",
    mend=_REVOKE + " Give it at run time, or while building with `RUN --mount=type=secret`.",
    bad=(
        "Dockerfile:\nFROM python:3.12\nENV WANDB_API_KEY=c8Kq2vX9rT4mZ7bN1wLp",
        "Dockerfile:\nFROM python:3.12\nARG DB_PASSWORD=hunter2-Xy7qpt",
    ),
    good=("Dockerfile:\nFROM python:3.12\nARG HF_TOKEN\nENV MODE=train",),
)
SECRET_ARGUMENT: Final = Rule(
    id="LEY313",
    name="secret-on-command-line",
    title="A secret is given to a command as an argument on a shared machine",
    severity=Severity.LOW,
    cwe=214,
    why="Everybody with an account on the node sees the arguments of all processes; SLURM keeps them too.",
    mend="Let the program read the variable or a file that only you can read.",
    bad=(
        "train.slurm:\n#!/bin/bash\n#SBATCH --nodes=2\nwandb login $WANDB_API_KEY",
        "train.slurm:\n#!/bin/bash\n#SBATCH --nodes=2\nsrun python train.py --hf-token $HF_TOKEN",
    ),
    good=("train.slurm:\n#!/bin/bash\n#SBATCH --nodes=2\nexport HF_TOKEN\nsrun python train.py --tokens 100",),
)
FORCED: Final = Rule(
    id="LEY321",
    name="variable-unpickles",
    title="The environment lets every torch.load unpickle anything",
    severity=Severity.HIGH,
    cwe=502,
    why="The variable counts for the whole process, its libraries and its children, wherever they say nothing else.",
    mend="Remove it, and mend the one call that needs it.",
    advisories=("CVE-2025-32434",),
    bad=(
        "Dockerfile:\nFROM pytorch/pytorch:2.9.0\nENV TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD=1",
        "train.sh:\nTORCH_FORCE_NO_WEIGHTS_ONLY_LOAD=1 python train.py",
        "compose.yaml:\nservices: {a: {environment: {TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD: true}}}",
    ),
    good=("train.sh:\nexport TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD=0", "train.sh:\nexport TORCH_FORCE_WEIGHTS_ONLY_LOAD=1"),
)
TRAINER: Final = Rule(
    id="LEY322",
    name="variable-sets-trainer",
    title="Arguments of the Trainer are set in the environment",
    severity=Severity.LOW,
    cwe=94,
    why="They count for every program that is started there, unseen. Lightning before 1.6 evaluated them as Python.",
    mend="Say them in the program or in its configuration.",
    advisories=("CVE-2022-0845",),
    bad=("train.sh:\nexport PL_TRAINER_DEVICES=8",),
    good=("train.sh:\nexport PL_GLOBAL_SEED=7",),
)
NO_TLS: Final = Rule(
    id="LEY323",
    name="variable-turns-tls-off",
    title="The environment switches off the check of certificates",
    severity=Severity.HIGH,
    cwe=295,
    why="Everybody on the way can answer in the place of the server, and gives what is installed and loaded then.",
    mend="Remove it. For a certificate of your own, name its file: `SSL_CERT_FILE=ca.pem`.",
    bad=(
        "train.sh:\nexport PYTHONHTTPSVERIFY=0",
        'Dockerfile:\nFROM python:3.12\nENV CURL_CA_BUNDLE=""',
        ".env:\nGIT_SSL_NO_VERIFY=true",
        "job.yaml:\nenv: {WANDB_INSECURE_DISABLE_SSL: 'true', PIP_TRUSTED_HOST: host}",
    ),
    good=("train.sh:\nexport CURL_CA_BUNDLE=/etc/ssl/ca.pem", ".env:\nGIT_SSL_NO_VERIFY=0"),
)
LOADS_CODE: Final = Rule(
    id="LEY324",
    name="variable-loads-code",
    title="The environment loads code from where others can put it",
    severity=Severity.MEDIUM,
    cwe=426,
    why="Every process that is started there runs what lies at that path, and others may write in such directories.",
    mend="Keep the code in a directory that only you can change, or install it.",
    bad=("train.sh:\nexport LD_PRELOAD=/tmp/libfix.so", "train.sh:\nexport PYTHONPATH=/dev/shm/code:$PYTHONPATH"),
    good=(
        "Dockerfile:\nFROM python:3.12\nENV LD_PRELOAD=/usr/lib/x86_64-linux-gnu/libtcmalloc.so.4",
        "train.sh:\nexport PYTHONPATH=src:$PYTHONPATH",
    ),
)

VALUES: Final[tuple[Rule, ...]] = (
    UNPARSED,
    TAG,
    ALIASES,
    TWICE,
    CLASS_PATH,
    WEIGHTS_ONLY,
    REMOTE_CODE,
    BRINGS_CODE,
    KERNEL,
    UNCHECKED,
    EVALUATED,
    SECRET,
    SECRET_IN_IMAGE,
    SECRET_ARGUMENT,
    FORCED,
    TRAINER,
    NO_TLS,
    LOADS_CODE,
)
