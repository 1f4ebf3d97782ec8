"""Rules about code that trains: Lightning's own functions, and configuration that becomes code."""

from __future__ import annotations

from typing import Final

from leyden.audit.finding import Rule, Severity

_UNPICKLED: Final = "A Lightning checkpoint is a pickle: loading it runs whatever it names."
_NATIVE: Final = "Convert the file once: `leyden convert OLD NEW` gives a checkpoint that holds data alone."

FROM_ADDRESS: Final = Rule(
    id="LEY221",
    name="checkpoint-from-address",
    title="A checkpoint is loaded from an address",
    severity=Severity.MEDIUM,
    cwe=494,
    why=_UNPICKLED + " Whoever answers for the address decides what runs; without https, so does everybody on the way.",
    mend="Download it once, compare a digest, and load the file.",
    bad=(
        "import lightning as L\nclass M(L.LightningModule): ...\nM.load_from_checkpoint('http://host/a.ckpt')",
        "from pytorch_lightning import Trainer\nTrainer().fit(model, ckpt_path='https://host/a.ckpt')",
    ),
    good=(
        "import lightning as L\nclass M(L.LightningModule): ...\nM.load_from_checkpoint('a.ckpt', weights_only=True)",
    ),
)
UNPICKLED: Final = Rule(
    id="LEY222",
    name="checkpoint-unpickled",
    title="Lightning is told to unpickle anything in a checkpoint",
    severity=Severity.HIGH,
    cwe=502,
    why=_UNPICKLED + " `weights_only=False` switches off the check.",
    mend="`weights_only=True`. " + _NATIVE,
    advisories=("CVE-2026-31221",),
    bad=(
        "import lightning as L\nclass M(L.LightningModule): ...\nM.load_from_checkpoint(p, weights_only=False)",
        "import lightning as L\nL.Trainer().fit(model, ckpt_path=p, weights_only=False)",
        "import lightning as L\nfabric = L.Fabric()\nfabric.load('a.ckpt', weights_only=False)",
    ),
    good=("import lightning as L\nL.Trainer().fit(model, ckpt_path='a.ckpt', weights_only=True)",),
)
BY_DEFAULT: Final = Rule(
    id="LEY223",
    name="checkpoint-by-default",
    title="Loading a checkpoint leaves it to the versions whether it unpickles anything",
    severity=Severity.LOW,
    cwe=502,
    why=_UNPICKLED + " Lightning up to 2.6.0 does not ask for `weights_only`; later ones leave it to torch, and a "
    "hyperparameter in the file could still name code before 2.6.6.",
    mend="`load_from_checkpoint(path, weights_only=True)` and Lightning 2.6.6 or newer. " + _NATIVE,
    advisories=("CVE-2026-31221", "CVE-2026-58659"),
    bad=("import pytorch_lightning as pl\nclass M(pl.LightningModule): ...\nM.load_from_checkpoint('a.ckpt')",),
    good=("import leyden as L\nclass M(L.Module): ...\nM.load_from_checkpoint('a.ckpt')",),
)
SECRET_HPARAM: Final = Rule(
    id="LEY224",
    name="secret-among-hyperparameters",
    title="A password or key is saved among the hyperparameters",
    severity=Severity.MEDIUM,
    cwe=312,
    why="`save_hyperparameters()` writes every argument of `__init__` into each checkpoint, into `hparams.yaml` and to "
    "every logger. Whoever gets one of those has the secret.",
    mend="`self.save_hyperparameters(ignore=['api_key'])`, and read the secret from the environment where it is used.",
    bad=(
        (
            "import lightning as L\nclass M(L.LightningModule):\n    def __init__(self, lr, api_key):\n"
            "        self.save_hyperparameters()"
        ),
        (
            "import lightning as L\nclass M(L.LightningModule):\n    def __init__(self, lr, db_password):\n"
            "        self.save_hyperparameters('lr', 'db_password')"
        ),
        (
            "import lightning as L\nclass M(L.LightningModule):\n    def __init__(self, lr, token):\n"
            "        self.save_hyperparameters({'lr': lr, 'api_token': token})"
        ),
    ),
    good=(
        (
            "import leyden as L\nclass M(L.LightningModule):\n    def __init__(self, lr, api_key):\n"
            "        self.save_hyperparameters()"
        ),
        (
            "import lightning as L\nclass M(L.LightningModule):\n    def __init__(self, lr, api_key):\n"
            "        self.save_hyperparameters(ignore=['api_key'])"
        ),
        (
            "import lightning as L\nclass M(L.LightningModule):\n    def __init__(self, lr, tokenizer, n_tokens):\n"
            "        self.save_hyperparameters()"
        ),
    ),
)
CHOSEN_OUTSIDE: Final = Rule(
    id="LEY225",
    name="checkpoint-chosen-outside",
    title="Somebody outside the program chooses which checkpoint is loaded",
    severity=Severity.INFO,
    cwe=73,
    why=_UNPICKLED + " A request that chooses the file chooses what runs, and may name any file of the machine.",
    mend="Map what comes from outside to a fixed table of files, and load with `weights_only=True`.",
    bad=(
        "import torch, flask\ntorch.load(flask.request.args['model'], weights_only=True)",
        "import sys\nimport lightning as L\nL.Trainer().test(model, ckpt_path=sys.argv[1])",
        (
            "import fastapi, torch\napp = fastapi.FastAPI()\n@app.post('/load')\n"
            "def load(path: str): return torch.load(path, weights_only=True)"
        ),
    ),
    good=(
        "import torch\ntorch.load('model.pt', weights_only=True)",
        (
            "import fastapi, torch\napp = fastapi.FastAPI()\n@app.post('/load')\n"
            "def load(path=fastapi.Depends(chosen)): return torch.load(path, weights_only=True)"
        ),
        "import torch\n@cache.get('x')\ndef load(path): return torch.load(path, weights_only=True)",
    ),
)
ENVIRONMENT: Final = Rule(
    id="LEY226",
    name="trainer-from-environment",
    title="The Trainer's arguments come from variables of the environment",
    severity=Severity.LOW,
    cwe=94,
    why="Lightning before 1.6 evaluates `PL_TRAINER_*` as Python. Later ones took the functions away.",
    mend="Take the arguments that the program needs, one by one, from its own parser.",
    advisories=("CVE-2022-0845",),
    bad=("import pytorch_lightning as pl\npl.Trainer.from_argparse_args(arguments)",),
    good=("import pytorch_lightning as pl\npl.Trainer(max_epochs=arguments.max_epochs)",),
)
CLASS_PATHS: Final = Rule(
    id="LEY227",
    name="class-paths-in-configuration",
    title="A configuration file chooses the classes that the program imports and builds",
    severity=Severity.LOW,
    cwe=470,
    why="jsonargparse imports a `class_path` before it checks what it is, so whoever can change the configuration runs "
    "any importable code.",
    mend="Name the classes: `LightningCLI(Model, Data)` without the subclass modes, or set "
    "`jsonargparse.set_parsing_settings` with an import allow-list.",
    bad=(
        "from lightning.pytorch.cli import LightningCLI\nLightningCLI(Base, subclass_mode_model=True)",
        "from lightning.pytorch.cli import LightningCLI\nLightningCLI()",
    ),
    good=("from lightning.pytorch.cli import LightningCLI\nLightningCLI(Model, Data)",),
)
HPARAMS_FILE: Final = Rule(
    id="LEY228",
    name="hparams-file-unsafe",
    title="Lightning's reader of hyperparameter files is used",
    severity=Severity.LOW,
    cwe=502,
    why="Before Lightning 1.6 it read YAML with a loader that runs what the file names.",
    mend="`yaml.safe_load`, and Lightning 2.6.6 or newer.",
    advisories=("CVE-2021-4118",),
    bad=("from pytorch_lightning.core.saving import load_hparams_from_yaml\nload_hparams_from_yaml('h.yaml')",),
    good=("import yaml\nyaml.safe_load(stream)",),
)
EVALUATES: Final = Rule(
    id="LEY231",
    name="evaluates-text",
    title="Text that is made while the program runs is run as Python",
    severity=Severity.MEDIUM,
    cwe=95,
    why="Whoever decides about the text runs code here. Configuration and checkpoints come from others more often than "
    "one thinks.",
    mend="`ast.literal_eval` for values, a dictionary from names to functions for choices.",
    bad=(
        "import yaml\nconfig = yaml.safe_load(stream)\neval(config['optimizer'])",
        "exec(code)",
        "import torch\nhparams = torch.load(p, weights_only=True)['hparams']\neval(hparams['activation'])",
        "import builtins\nbuiltins.eval(text)",
        "from omegaconf import OmegaConf\nOmegaConf.register_new_resolver('eval', eval)",
    ),
    good=("import ast\nast.literal_eval(text)", "eval('1 + 1')", "model.eval()"),
)
INSTANTIATES: Final = Rule(
    id="LEY232",
    name="instantiates-configuration",
    title="A configuration names what is imported and called",
    severity=Severity.LOW,
    cwe=470,
    why="`_target_: os.system` in the configuration, on the command line of the program or in a checkpoint is called "
    "with the arguments beside it.",
    mend="Check `_target_` against a list of your own before, and never instantiate what came out of a checkpoint.",
    advisories=("CVE-2026-58659",),
    bad=(
        "from hydra.utils import instantiate\ninstantiate(cfg.model)",
        "import hydra, torch\nhydra.utils.instantiate(torch.load(p, weights_only=True)['cfg'])",
    ),
    good=("MODELS = {'small': Small}\nMODELS[cfg.model]()",),
)
IMPORTS: Final = Rule(
    id="LEY233",
    name="imports-what-data-names",
    title="A module is imported whose name comes from outside",
    severity=Severity.MEDIUM,
    cwe=470,
    why="Importing runs a module. Whoever chooses the name, and can place a file on the path, runs code.",
    mend="A dictionary from the names that are allowed to modules that are imported at the top.",
    bad=(
        "import importlib, json\nimportlib.import_module(json.load(stream)['module'])",
        "import sys\n__import__(sys.argv[1])",
    ),
    good=("import importlib\nimportlib.import_module('json')",),
)
SHELL: Final = Rule(
    id="LEY234",
    name="shell-command",
    title="A shell is given a command that is put together while the program runs",
    severity=Severity.LOW,
    cwe=78,
    why="A name with `;` or `$( )` in it runs another command.",
    mend="`subprocess.run(['program', argument], check=True)` without a shell.",
    bad=(
        "import os\nos.system('rsync ' + source)",
        "import asyncio\nasyncio.create_subprocess_shell('rsync ' + source)",
        "import subprocess\nsubprocess.run(f'ls {path}', shell=True)",
        "import subprocess, sys\nsubprocess.check_output('ls ' + sys.argv[1], shell=True)",
    ),
    good=("import subprocess\nsubprocess.run(['ls', path])", "import os\nos.system('nvidia-smi')"),
)
FETCHES: Final = Rule(
    id="LEY235",
    name="calls-what-data-names",
    title="Data names the function of a module that is called",
    severity=Severity.LOW,
    cwe=470,
    why="A module has functions that nobody thought of: `torch.hub.load`, `torch.load`, and everything it imports.",
    mend="A dictionary from the names that are allowed to the functions.",
    bad=("import torch, yaml\nc = yaml.safe_load(f)\ngetattr(torch.optim, c['name'])(parameters)",),
    good=("import torch\ngetattr(torch.optim, 'SGD')(parameters)", "import torch\ngetattr(model, name)"),
)

TRAINING: Final[tuple[Rule, ...]] = (
    FROM_ADDRESS,
    UNPICKLED,
    BY_DEFAULT,
    SECRET_HPARAM,
    CHOSEN_OUTSIDE,
    ENVIRONMENT,
    CLASS_PATHS,
    HPARAMS_FILE,
    EVALUATES,
    INSTANTIATES,
    IMPORTS,
    SHELL,
    FETCHES,
)
