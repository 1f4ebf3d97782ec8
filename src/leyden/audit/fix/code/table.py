"""What is done about each rule of code: an edit with a proof, an edit that a person decides about, or none.

``--fix`` makes an edit alone where its proof holds. Everywhere else the guide offers it, with what to look out for.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, final

from leyden.audit.fix.code import makers, proofs
from leyden.audit.fix.code.makers import Maker, says, without
from leyden.audit.fix.code.proofs import Proof
from leyden.audit.rules import code_loads as loads
from leyden.audit.rules import code_surroundings as surroundings
from leyden.audit.rules import code_training as training


@final
@dataclass(frozen=True)
class Treatment:
    """How a finding is mended. ``caution``: what a person has to look at, where the proof does not hold."""

    edits: Maker
    caution: str
    proof: Proof | None = None


_LIGHTNING: Final = "It takes Lightning 2.6 or newer. "
_REFUSED = "Files that hold more than weights and plain values are refused from then on: `leyden convert` them before."

TREATMENTS: Final[Mapping[str, Treatment]] = {
    loads.TORCH_UNPICKLES.id: Treatment(makers.torch_load, _REFUSED),
    loads.TORCH_BY_DEFAULT.id: Treatment(makers.torch_load, _REFUSED, proofs.same_default),
    loads.NUMPY.id: Treatment(makers.numbers_alone, "Arrays of objects are refused from then on: save them anew."),
    loads.YAML.id: Treatment(
        makers.safe_yaml, "Files with tags such as `!!python/tuple` are refused from then on.", proofs.never_worked
    ),
    loads.REMOTE_CODE.id: Treatment(
        without("trust_remote_code"), "A model whose code is not part of the library no longer loads."
    ),
    loads.KERAS.id: Treatment(without("safe_mode"), "Models with Lambda layers no longer load."),
    loads.FROM_URL.id: Treatment(
        makers.checked_download, "The name of the file has to end in its hash, as in `resnet-0676ba61.pth`."
    ),
    loads.WHOLE_MODEL.id: Treatment(
        makers.by_state, "Change what loads the file too: `model.load_state_dict(torch.load(path, weights_only=True))`."
    ),
    training.UNPICKLED.id: Treatment(says("weights_only", "True"), _LIGHTNING + _REFUSED),
    training.BY_DEFAULT.id: Treatment(
        says("weights_only", "True"), _LIGHTNING + _REFUSED, proofs.same_default_of_lightning
    ),
    training.SECRET_HPARAM.id: Treatment(
        makers.without_secrets,
        "What reads it from `self.hparams` has to get it elsewhere, and so does `load_from_checkpoint`: give it as an "
        "argument there. Checkpoints that were saved before still hold it.",
    ),
    surroundings.LISTENS.id: Treatment(makers.this_machine, "Other machines no longer reach it, unless through SSH."),
    surroundings.DEBUGGER.id: Treatment(without("debug"), "While developing, start it with `flask --debug run`."),
    surroundings.SHARED.id: Treatment(without("share"), "The page is then reached on this machine alone."),
    surroundings.TLS.id: Treatment(
        without("verify", "verify_ssl", "verify_certs", "cert_reqs"),
        "A server with a certificate of its own needs `verify='ca.pem'` in its place.",
    ),
    surroundings.PLAIN_HTTP.id: Treatment(
        makers.by_https, "See that the server answers by https: open the address once.", proofs.redirected
    ),
    surroundings.HOST_KEY.id: Treatment(
        makers.rejects, "Add `client.load_system_host_keys()` before, and connect once with `ssh` to learn the key."
    ),
    surroundings.WRITABLE.id: Treatment(makers.for_owner, "Other accounts can no longer change these files."),
    surroundings.UNPACKS.id: Treatment(
        makers.data_filter,
        "Archives with links that lead out, devices or absolute names are refused. It takes Python 3.12, or 3.8 to "
        "3.11 of June 2023 or later.",
        proofs.same_filter,
    ),
}

_DESIGN: Final = "What has to change is the design, and not one call."
_DECISION: Final = "Nobody but its author knows what is meant."
UNTREATED: Final[Mapping[str, str]] = {
    loads.UNPARSED.id: "Nothing is known about it.",
    loads.TORCH_FORCED.id: "Each load that needs it has to be mended before it goes.",
    loads.TORCH_REPLACED.id: "Each load that needs it has to be mended before it goes.",
    **dict.fromkeys((loads.UNPICKLES.id, loads.JOBLIB.id, loads.PANDAS.id, loads.MLFLOW.id), _DESIGN),
    **dict.fromkeys((loads.HUB_RUNS.id, loads.UNPINNED.id), "Which commit is trusted is for a person to say."),
    **dict.fromkeys((loads.NATIVE.id, loads.SHARDED.id, loads.ALLOWS_CLASSES.id), _DESIGN),
    training.FROM_ADDRESS.id: "The file has to be downloaded and looked at first.",
    **dict.fromkeys((training.CHOSEN_OUTSIDE.id, training.ENVIRONMENT.id, training.CLASS_PATHS.id), _DECISION),
    training.HPARAMS_FILE.id: _DESIGN,
    **dict.fromkeys((training.EVALUATES.id, training.INSTANTIATES.id, training.IMPORTS.id), _DECISION),
    **dict.fromkeys((training.SHELL.id, training.FETCHES.id), _DECISION),
    **dict.fromkeys((surroundings.RENDEZVOUS.id, surroundings.RPC.id, surroundings.OBJECTS.id), _DESIGN),
    **dict.fromkeys((surroundings.SOCKET_PICKLES.id, surroundings.UPLOAD.id), _DESIGN),
    **dict.fromkeys((surroundings.SENDS_OUT.id, surroundings.DELETES.id, surroundings.SECRET_SHOWN.id), _DECISION),
    surroundings.TEMPORARY.id: "A new name has to reach everybody who reads the file.",
    surroundings.SECRET.id: "It has to be revoked: a secret that is only moved stays known.",
}
