"""Checks of code that trains: Lightning's own functions, and configuration that becomes code."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from typing import Final

from leyden.audit.code.bindings import Scope
from leyden.audit.code.origins import WORDS, Origin
from leyden.audit.code.program import Call, Check, Hit, Value
from leyden.audit.code.resolve import starts
from leyden.audit.code.secrets import is_secret_name
from leyden.audit.code.versions import Versions
from leyden.audit.finding import Severity
from leyden.audit.rules import code_training as rules

_ADDRESSES: Final = ("http://", "https://", "s3://", "gs://", "gcs://", "ftp://", "hdfs://", "az://", "abfs://")
_RUNS: Final = ("fit", "validate", "test", "predict")
_OWN: Final = (None, "best", "last", "hpc", "registry")  # checkpoints that the run has made itself
_MODES: Final = ("subclass_mode_model", "subclass_mode_data")
_WORST: Final = (Origin.NETWORK, Origin.MODEL)


def load_from_checkpoint(call: Call) -> Iterator[Hit]:
    if starts(call.path, ("leyden",)):
        return
    source = call.argument(0, "checkpoint_path")
    only = call.says(None, "weights_only")
    if only is False:
        yield Hit(rules.UNPICKLED, "With `weights_only=False` this runs whatever the checkpoint names.")
    elif only is None or (call.argument(None, "weights_only") is None and not call.is_open):
        yield from _by_default(call.versions)
    if source is not None:
        yield from _source(source, only is True)
    file = call.argument(None, "hparams_file")
    if file is not None and (origin := file.origin()) in _WORST:
        yield Hit(rules.CHOSEN_OUTSIDE, f"The file of hyperparameters is chosen by {WORDS[origin]}.", Severity.HIGH)


def trainer_runs(call: Call) -> Iterator[Hit]:
    """``fit`` and its like of a Lightning trainer."""
    if call.says(None, "weights_only") is False:
        yield Hit(rules.UNPICKLED, "With `weights_only=False` this runs whatever the checkpoint names.")
    if (source := call.argument(None, "ckpt_path")) is None:
        return
    only = call.says(None, "weights_only")
    if (only is None or call.argument(None, "weights_only") is None) and source.constant() not in _OWN:
        # Runs go on from their own files most often: no word about it where no version is known to unpickle.
        yield from (hit for hit in _by_default(call.versions) if hit.severity is Severity.HIGH)
    yield from _source(source, only is True)


def fabric_load(call: Call) -> Iterator[Hit]:
    """Fabric's loading of a checkpoint, and the function that all of Lightning loads with."""
    only = call.says(None, "weights_only")
    if only is False:
        yield Hit(rules.UNPICKLED, "With `weights_only=False` this runs whatever the checkpoint names.")
    elif call.argument(None, "weights_only") is None and not call.is_open:
        yield from (hit for hit in _by_default(call.versions) if hit.severity is Severity.HIGH)
    if (source := call.argument(0, "path", "path_or_url")) is not None:
        yield from _source(source, only is True)


def loaded_by_torch(call: Call) -> Iterator[Hit]:
    """Who chooses the file of a ``torch.load``."""
    source = call.argument(0, "f")
    if source is not None and source.origin() is Origin.NETWORK:
        yield from _source(source, call.says(None, "weights_only") is True)


def _by_default(versions: Versions) -> Iterator[Hit]:
    """A checkpoint that is loaded without a word about ``weights_only``: from 2.4 on Lightning passed False itself,
    from 2.6 on it leaves that to torch, which unpickles anything before 2.6."""
    lightning, torch = versions.lightning, versions.before("2.6", "torch")
    itself = versions.lightning_before("2.6") and versions.lightning_before("2.4") is False
    if itself:
        text = f"Lightning {lightning}, which the project may run with, runs whatever the checkpoint names."
        yield Hit(rules.BY_DEFAULT, text, Severity.HIGH)
    elif torch:
        text = f"torch {versions.of('torch')}, which the project may run with, runs whatever the checkpoint names."
        yield Hit(rules.BY_DEFAULT, text, Severity.HIGH)
    elif versions.lightning_before("2.6.6"):
        text = f"Lightning {lightning}, which the project may run with, calls what a hyperparameter in the file names."
        yield Hit(rules.BY_DEFAULT, text)
    elif torch is not False or not lightning:
        yield Hit(rules.BY_DEFAULT, "Without `weights_only`, Lightning up to 2.6.0 runs whatever the checkpoint names.")
    else:
        text = f"Lightning {lightning} and later read data alone, unless the environment says otherwise."
        yield Hit(rules.BY_DEFAULT, text, Severity.INFO)


def _source(source: Value, checked: bool) -> Iterator[Hit]:
    """Where a checkpoint comes from; ``checked`` is whether it is loaded with ``weights_only=True``."""
    beginning = source.begins().lower()
    if beginning.startswith(_ADDRESSES):
        plain = beginning.startswith(("http://", "ftp://"))
        text = "The checkpoint comes " + ("without https, so everybody on the way can change it." if plain else
               "from an address, and nothing says what it has to be.")  # fmt: skip
        unpickled = beginning.startswith("http") and not checked  # where Lightning's default is always False
        text += " Lightning unpickles what it downloads unless it is told `weights_only=True`." if unpickled else ""
        yield Hit(rules.FROM_ADDRESS, text, Severity.HIGH if plain or unpickled else None)
    match source.origin():
        case None | Origin.MODEL:
            return
        case Origin.NETWORK:
            yield Hit(rules.CHOSEN_OUTSIDE, "The network chooses which checkpoint is loaded.", Severity.HIGH)
        case origin:
            yield Hit(rules.CHOSEN_OUTSIDE, f"{WORDS[origin].capitalize()} chooses which checkpoint is loaded.")


def save_hyperparameters(call: Call) -> Iterator[Hit]:
    if secret := secret_hyperparameters(call):
        yield Hit(rules.SECRET_HPARAM, f"`{secret[0]}` goes into every checkpoint and to every logger.")


def secret_hyperparameters(call: Call) -> list[str]:
    """The parameters with names that secrets have which a call of ``save_hyperparameters`` saves."""
    function = _function(call.scope)
    if function is None or starts(call.path, ("leyden",)):  # which leaves out what looks like a secret
        return []
    match [call.resolver.literal(one, call.scope) for one in call.args[:1]]:
        case [ast.Dict(keys=keys)]:
            written = [call.resolver.constant(key, call.scope) for key in keys if key is not None]
            return [name for name in written if isinstance(name, str) and is_secret_name(name)]
        case _:
            pass
    arguments = function.args
    names = [one.arg for one in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs)]
    ignored = {part.text() for part in _members(call.argument(None, "ignore"))}
    said = {call.resolver.constant(one, call.scope) for one in call.args}
    if said:
        names = [name for name in names if name in said]
    return [name for name in names if is_secret_name(name) and name not in ignored]


def _function(scope: Scope | None) -> ast.FunctionDef | ast.AsyncFunctionDef | None:
    while scope is not None:
        if isinstance(scope.node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            return scope.node
        scope = scope.parent
    return None


def _members(value: Value | None) -> Iterator[Value]:
    if value is not None:
        yield from value.parts()


def from_environment(call: Call) -> Iterator[Hit]:
    before = call.versions.lightning_before("1.6")
    if before is not False:
        text = "Lightning before 1.6 evaluates `PL_TRAINER_*` of the environment here."
        yield Hit(rules.ENVIRONMENT, text, Severity.HIGH if before else None)


def command_line(call: Call) -> Iterator[Hit]:
    modes = [mode for mode in _MODES if call.says(None, mode) is True]
    model = call.argument(0, "model_class")
    if modes:
        yield Hit(rules.CLASS_PATHS, f"With `{modes[0]}=True` the configuration names the class that is imported.")
    elif model is None and not call.is_open:
        yield Hit(rules.CLASS_PATHS, "Without a model class the configuration names the one that is imported.")


def hparams_file(call: Call) -> Iterator[Hit]:
    before = call.versions.lightning_before("1.6")
    if before is not False:
        text = "Lightning before 1.6 runs what this file names."
        yield Hit(rules.HPARAMS_FILE, text, Severity.HIGH if before else None)


def evaluates(call: Call) -> Iterator[Hit]:
    text = call.argument(0, "source", "expression")
    if text is None or text.is_written_out:
        return
    origin = text.origin()
    if origin is None and _is_repr(text):
        return
    match origin:
        case Origin.NETWORK | Origin.MODEL as origin:
            yield Hit(rules.EVALUATES, f"What is run comes from {WORDS[origin]}.", Severity.CRITICAL)
        case Origin.FILE | Origin.USER as origin:
            yield Hit(rules.EVALUATES, f"What is run comes from {WORDS[origin]}.", Severity.HIGH)
        case None:
            yield Hit(rules.EVALUATES, "What is run is made while the program runs.")


def _is_repr(text: Value) -> bool:
    """Whether this is what an object of the program says that it is, which tests evaluate to compare."""
    match text.resolver.literal(text.node, text.scope):
        case ast.Call(func=function):
            return "builtins.repr" in text.resolver.paths(function, text.scope)
        case _:
            return False


def resolver(call: Call) -> Iterator[Hit]:
    """A function that any configuration may call."""
    function = call.argument(1, "resolver")
    if function is not None and any(path in ("builtins.eval", "builtins.exec") for path in function.paths()):
        yield Hit(rules.EVALUATES, "Any configuration can have its text run by this resolver.", Severity.HIGH)


def instantiates(call: Call) -> Iterator[Hit]:
    config = call.argument(0, "config", "path")
    origin = None if config is None else config.origin()
    if config is not None and config.is_constant:
        return
    if origin in _WORST:
        yield Hit(rules.INSTANTIATES, f"What is imported and called comes from {WORDS[origin]}.", Severity.CRITICAL)
    else:
        yield Hit(rules.INSTANTIATES, "The configuration names what is imported and called.")


def imports(call: Call) -> Iterator[Hit]:
    name = call.argument(0, "name")
    origin = None if name is None else name.origin()
    if origin is not None:
        worse = Severity.HIGH if origin in _WORST else None
        yield Hit(rules.IMPORTS, f"The name of the module comes from {WORDS[origin]}.", worse)


def shell(call: Call) -> Iterator[Hit]:
    """A function that always starts a shell."""
    yield from _command(call.argument(0, "command", "cmd"))


def subprocess(call: Call) -> Iterator[Hit]:
    if call.says(None, "shell") is True:
        yield from _command(call.argument(0, "args"))


def _command(command: Value | None) -> Iterator[Hit]:
    if command is None or command.is_constant:
        return
    match command.origin():
        case Origin.NETWORK | Origin.MODEL as origin:
            yield Hit(rules.SHELL, f"The command comes from {WORDS[origin]}.", Severity.CRITICAL)
        case Origin.FILE as origin:
            yield Hit(rules.SHELL, f"The command comes from {WORDS[origin]}.", Severity.HIGH)
        case Origin.USER as origin:
            yield Hit(rules.SHELL, f"The command comes from {WORDS[origin]}.", Severity.MEDIUM)
        case None:
            yield Hit(rules.SHELL, "The command is put together while the program runs.")


def fetches(call: Call) -> Iterator[Hit]:
    """A call whose function is fetched by ``getattr`` from a module, under a name that data gives."""
    fetch = call.node.func
    if not isinstance(fetch, ast.Call) or len(fetch.args) < 2:
        return
    if "builtins.getattr" not in call.resolver.paths(fetch.func, call.scope):
        return
    owner = call.resolver.paths(fetch.args[0], call.scope)
    origin = Value(fetch.args[1], call.scope, call.resolver).origin()
    if origin is not None and owner and not owner[0].endswith("()"):
        worse = Severity.HIGH if origin in _WORST else None
        yield Hit(rules.FETCHES, f"Which function of `{owner[0]}` is called comes from {WORDS[origin]}.", worse)


CALLS: Final[Mapping[str, Check]] = {
    "torch.load": loaded_by_torch,
    **{f"lightning.pytorch.Trainer().{name}": trainer_runs for name in _RUNS},
    "lightning.fabric.Fabric().load": fabric_load,
    "lightning.fabric.Fabric().load_raw": fabric_load,
    "lightning.fabric.utilities.cloud_io._load": fabric_load,
    "lightning.pytorch.Trainer.from_argparse_args": from_environment,
    "lightning.pytorch.Trainer.add_argparse_args": from_environment,
    "lightning.pytorch.cli.LightningCLI": command_line,
    "lightning.pytorch.core.saving.load_hparams_from_yaml": hparams_file,
    "builtins.eval": evaluates,
    "builtins.exec": evaluates,
    "omegaconf.OmegaConf.register_new_resolver": resolver,
    "omegaconf.OmegaConf.register_resolver": resolver,
    **dict.fromkeys(
        (
            "hydra.utils.instantiate", "hydra.utils.get_class", "hydra.utils.get_method", "hydra.utils.get_object",
            "lightning.pytorch.cli.instantiate_class", "mmengine.Config.fromfile",
        ),
        instantiates,
    ),
    "importlib.import_module": imports,
    "builtins.__import__": imports,
    "runpy.run_path": imports,
    "runpy.run_module": imports,
    **dict.fromkeys(("os.system", "os.popen", "subprocess.getoutput", "subprocess.getstatusoutput",
                     "asyncio.create_subprocess_shell"), shell),
    **{
        f"subprocess.{name}": subprocess
        for name in ("run", "call", "check_call", "check_output", "Popen")
    },
}  # fmt: skip
METHODS: Final[Mapping[str, Check]] = {
    "load_from_checkpoint": load_from_checkpoint,
    "save_hyperparameters": save_hyperparameters,
}
