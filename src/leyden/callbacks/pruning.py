"""ModelPruning: set weights to zero while training, with torch's own pruning methods."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar, TypedDict

from torch import Tensor, nn
from torch.nn.utils import prune

from leyden.api.callback import Callback
from leyden.api.module import Module
from leyden.callbacks.saved_state import SavedState
from leyden.core.described import described
from leyden.core.stage import TrainerFn
from leyden.errors import FormatError, MismatchError, SettingsError
from leyden.runtime.rank_zero import rank_zero_info

if TYPE_CHECKING:
    from leyden.trainer import Trainer

Parameters = Sequence[tuple[nn.Module, str]]
Amount = int | float

_SAVED = "leyden_pruning"
_FUNCTIONS: Mapping[str, Callable[..., nn.Module]] = {
    "ln_structured": prune.ln_structured,
    "l1_unstructured": prune.l1_unstructured,
    "random_structured": prune.random_structured,
    "random_unstructured": prune.random_unstructured,
}
_GLOBAL: Mapping[str, type[prune.BasePruningMethod]] = {
    "l1_unstructured": prune.L1Unstructured,
    "random_unstructured": prune.RandomUnstructured,
}
_CONTAINERS = (Module, nn.Sequential, nn.ModuleList, nn.ModuleDict)  # their parameters are those of their parts


class _Layer(TypedDict):
    """A layer as it was before training, and which of the parameters to prune are its own, by number and name."""

    data: nn.Module
    names: list[tuple[int, str]]


class ModelPruning(Callback):
    """Prune the model after each training epoch; what is pruned stays zero, and each time more is.

    Args:
        pruning_fn: "l1_unstructured", "random_unstructured", "ln_structured", "random_structured", or a subclass of
            ``torch.nn.utils.prune.BasePruningMethod``.
        parameters_to_prune: pairs of a layer of the model and the name of its parameter; empty for all layers.
        parameter_names: which parameters of the layers, where ``parameters_to_prune`` is empty: "weight", "bias", both
            if it is None.
        use_global_unstructured: prune the smallest of all parameters together, not of each parameter.
        amount: how much of what is not yet pruned: a fraction, a count, or a function that says it for an epoch.
        apply_pruning: False for never, or a function that says it for an epoch.
        make_pruning_permanent: leave plain weights behind, in checkpoints and at the end of training. Without it the
            model keeps torch's masks, and so do checkpoints, from which no run can be resumed.
        use_lottery_ticket_hypothesis: after pruning, set what is left to its values before training; or a function that
            says it for an epoch.
        resample_parameters: with it, draw new values in place of those.
        pruning_dim: along which dimension structured methods prune.
        pruning_norm: by which norm "ln_structured" prunes.
        verbose: 1 logs how much is pruned in all, 2 for each parameter, too.
        prune_on_train_epoch_end: False prunes after validation.
    """

    catches_up: ClassVar[bool] = True

    PARAMETER_NAMES = ("weight", "bias")

    def __init__(
        self,
        pruning_fn: type[prune.BasePruningMethod] | str,
        parameters_to_prune: Parameters | None = (),
        parameter_names: list[str] | None = None,
        use_global_unstructured: bool = True,
        amount: Amount | Callable[[int], Amount] = 0.5,
        apply_pruning: bool | Callable[[int], bool] = True,
        make_pruning_permanent: bool = True,
        use_lottery_ticket_hypothesis: bool | Callable[[int], bool] = True,
        resample_parameters: bool = False,
        pruning_dim: int | None = None,
        pruning_norm: int | None = None,
        verbose: int = 0,
        prune_on_train_epoch_end: bool = True,
    ) -> None:
        self._parameter_names = list(self.PARAMETER_NAMES if parameter_names is None else parameter_names)
        if unknown := [name for name in self._parameter_names if name not in self.PARAMETER_NAMES]:
            raise SettingsError(
                f"ModelPruning(parameter_names={parameter_names!r}) has {unknown[0]!r}. Use 'weight' and 'bias', or "
                "name other parameters in parameters_to_prune."
            )
        if verbose not in (0, 1, 2):
            raise SettingsError(f"ModelPruning(verbose={verbose!r}) must be 0, 1 or 2.")
        if not callable(amount):
            _check_amount(amount)
        self.pruning_fn = _pruning_function(pruning_fn, use_global_unstructured, pruning_dim, pruning_norm)
        self._title = getattr(self.pruning_fn, "__name__", str(pruning_fn))
        self._use_global_unstructured = use_global_unstructured
        self._given: Parameters = parameters_to_prune or ()
        self._parameters_to_prune: Parameters = self._given
        self._original_layers: dict[int, _Layer] = {}
        self._amount = amount
        self._apply_pruning = apply_pruning
        self._make_pruning_permanent = make_pruning_permanent
        self._use_lottery_ticket_hypothesis = use_lottery_ticket_hypothesis
        self._resample_parameters = resample_parameters
        self._verbose = verbose
        self._prune_on_train_epoch_end = prune_on_train_epoch_end
        self._saved: SavedState | None = None  # of a run that is resumed

    def filter_parameters_to_prune(self, parameters_to_prune: Parameters = ()) -> Parameters:
        """Override it to leave some of the parameters out."""
        return parameters_to_prune

    def apply_pruning(self, amount: Amount) -> None:
        """Prune so much of what is not yet pruned."""
        before = [_pruned(*one) for one in self._parameters_to_prune]
        if self._use_global_unstructured:
            prune.global_unstructured(self._parameters_to_prune, self.pruning_fn, amount=amount)
        else:
            for module, name in self._parameters_to_prune:
                self.pruning_fn(module, name=name, amount=amount)
        if self._verbose:
            self._log_sparsity(before, [_pruned(*one) for one in self._parameters_to_prune], amount)

    def apply_lottery_ticket_hypothesis(self) -> None:
        """Set the parameters to what they were before training; what is pruned stays so."""
        for layer in self._original_layers.values():
            source = layer["data"]
            if self._resample_parameters:
                source = copy.deepcopy(source)
                _reset(source)
            for number, name in layer["names"]:
                module, _ = self._parameters_to_prune[number]
                own = _value(module, name)
                own.data = _value(source, name).data.to(own.device, copy=True)

    def make_pruning_permanent(self, module: nn.Module) -> None:
        """Leave plain weights in the module, with zeros where they were pruned."""
        for part, name in list(_pruned_parameters(module)):
            prune.remove(part, name)

    def setup(self, trainer: Trainer, pl_module: Module, stage: str) -> None:
        if stage != TrainerFn.FITTING:
            return
        found = self.sanitize_parameters_to_prune(pl_module, self._given, self._parameter_names)
        self._parameters_to_prune = self.filter_parameters_to_prune(found)
        self._saved = None
        self._original_layers = {}
        if self._use_lottery_ticket_hypothesis:
            for number, (module, name) in enumerate(self._parameters_to_prune):
                if id(module) not in self._original_layers:
                    self._original_layers[id(module)] = {"data": copy.deepcopy(module), "names": []}
                self._original_layers[id(module)]["names"].append((number, name))

    def on_fit_start(self, trainer: Trainer, pl_module: Module) -> None:
        if self._saved is not None:
            # The optimizers are there by now: pruning changes the order of a module's parameters.
            self._resume(pl_module, self._saved, str(trainer.ckpt_path))
            self._saved = None

    def on_train_epoch_end(self, trainer: Trainer, pl_module: Module) -> None:
        if self._prune_on_train_epoch_end:
            self._run_pruning(trainer.current_epoch)

    def on_validation_epoch_end(self, trainer: Trainer, pl_module: Module) -> None:
        if not (self._prune_on_train_epoch_end or trainer.sanity_checking) and trainer.state.fn == TrainerFn.FITTING:
            self._run_pruning(trainer.current_epoch)

    def on_train_end(self, trainer: Trainer, pl_module: Module) -> None:
        if self._make_pruning_permanent:
            self.make_pruning_permanent(pl_module)

    def on_save_checkpoint(self, trainer: Trainer, pl_module: Module, checkpoint: dict[str, Any]) -> None:
        names = {part: name for name, part in pl_module.named_modules()}
        pruned = {_joined(names[part], name): (part, name) for part, name in _pruned_parameters(pl_module)}
        saved = checkpoint.setdefault(_SAVED, {"masks": {}, "values": {}, "used": {}, "originals": {}})
        for path, (part, name) in pruned.items():
            saved["masks"][path], saved["values"][path] = getattr(part, f"{name}_mask"), getattr(part, f"{name}_orig")
            saved["used"][path] = getattr(part, name).detach()  # in the last forward pass, which pruning goes by
        for path, value in self._originals(pl_module):
            saved["originals"][path] = value.data
        if self._make_pruning_permanent:
            checkpoint["state_dict"] = dict(_without_masks(checkpoint["state_dict"], pruned))

    def on_load_checkpoint(self, trainer: Trainer, pl_module: Module, checkpoint: dict[str, Any]) -> None:
        if trainer.state.fn == TrainerFn.FITTING and _SAVED in checkpoint:
            self._saved = SavedState(self.state_key, checkpoint[_SAVED])

    @staticmethod
    def sanitize_parameters_to_prune(
        pl_module: Module, parameters_to_prune: Parameters = (), parameter_names: Sequence[str] = ()
    ) -> Parameters:
        """The parameters to prune: those given, if the model has them, or those of all layers under these names.

        Raises:
            SettingsError: the model does not have them.
        """
        layers = [part for part in pl_module.modules() if not isinstance(part, _CONTAINERS)]
        if not parameters_to_prune:
            names = parameter_names or ModelPruning.PARAMETER_NAMES
            return [(layer, name) for name in names for layer in layers if _has(layer, name)]
        given: object = parameters_to_prune
        if not isinstance(given, (list, tuple)) or not all(map(_is_pair, given)):
            raise SettingsError(
                f"parameters_to_prune is {described(given)}. Give a list of pairs of a layer and the name of its "
                "parameter, such as [(model.layer, 'weight')]."
            )
        for layer, name in parameters_to_prune:
            if not any(layer is part for part in pl_module.modules()):
                raise SettingsError(f"parameters_to_prune has a {layer}, which is no part of the model.")
            if not _has(layer, name):
                raise SettingsError(f"parameters_to_prune has {name!r} of a {layer}, which has no such parameter.")
        return parameters_to_prune

    @staticmethod
    def _is_pruning_method(method: Any) -> bool:
        return isinstance(method, type) and issubclass(method, prune.BasePruningMethod)

    def _run_pruning(self, epoch: int) -> None:
        amount = self._amount(epoch) if callable(self._amount) else self._amount
        if not _says(self._apply_pruning, epoch) or not amount:
            return
        self.apply_pruning(amount)
        if _says(self._use_lottery_ticket_hypothesis, epoch):
            self.apply_lottery_ticket_hypothesis()

    def _log_sparsity(self, before: list[tuple[int, int]], after: list[tuple[int, int]], amount: Amount) -> None:
        # Programs read these lines, as they are in Lightning, to follow how much is pruned.
        total = sum(size for _, size in after)
        old, new = (f"{n}/{total} ({_share(n, total)})" for n in (sum(n for n, _ in told) for told in (before, after)))
        rank_zero_info(f"Applied `{self._title}`. Pruned: {old} -> {new}")
        if self._verbose == 2:
            for (module, name), (zeros, size), (more, _) in zip(self._parameters_to_prune, before, after, strict=True):
                old, new = (f"{n} ({_share(n, size)})" for n in (zeros, more))
                rank_zero_info(
                    f"Applied `{self._title}` to `{module!r}.{name}` with amount={amount}. Pruned: {old} -> {new}"
                )

    def _originals(self, pl_module: Module) -> Iterator[tuple[str, Tensor]]:
        """The parameters as they were before training, by their place in the model."""
        paths = {id(part): path for path, part in pl_module.named_modules()}
        for key, layer in self._original_layers.items():
            for _, name in layer["names"]:
                yield _joined(paths[key], name), _value(layer["data"], name)

    def _resume(self, pl_module: Module, saved: SavedState, where: str) -> None:
        """Prune what was pruned in the run that is resumed."""
        masks, values, used, originals = (saved.part(key).tensors() for key in ("masks", "values", "used", "originals"))
        if not masks.keys() == values.keys() == used.keys():
            raise FormatError(f"{where} is malformed: it has masks and values of different parameters.")
        places = {_joined(path, name): (part, name) for path, part in pl_module.named_modules() for name in _own(part)}
        for path, tensor in (*masks.items(), *values.items(), *used.items(), *originals.items()):
            place = places.get(path)
            if place is None or _value(*place).shape != tensor.shape:
                raise MismatchError(
                    f"{where} has a pruned {path!r} of shape {tuple(tensor.shape)}, which fits no parameter of this "
                    "model. Resume with the model that the run was started with."
                )
        for path, value in self._originals(pl_module):
            if path in originals:
                value.data.copy_(originals[path])
        for path, mask in masks.items():
            part, name = places[path]
            own = _value(part, name)
            own.data.copy_(values[path])
            if not hasattr(part, f"{name}_mask"):  # another callback may have done it
                prune.custom_from_mask(part, name, mask.to(own.device))
                setattr(part, name, used[path].to(own.device, own.dtype))


def _pruning_function(given: Any, together: bool, dim: int | None, norm: int | None) -> Any:
    """What ``torch.nn.utils.prune`` prunes with: a method where all parameters are pruned together, else a function."""
    if ModelPruning._is_pruning_method(given):
        if not together:
            raise SettingsError(
                f"ModelPruning(pruning_fn={given.__name__}) is a pruning method, which prunes all parameters together. "
                "Leave out use_global_unstructured=False."
            )
        return given
    if not isinstance(given, str) or given.lower() not in _FUNCTIONS:
        raise SettingsError(
            f"ModelPruning(pruning_fn={given!r}) is none of {', '.join(_FUNCTIONS)} and no subclass of "
            "torch.nn.utils.prune.BasePruningMethod."
        )
    name = given.lower()
    if together and name in _GLOBAL:
        return _GLOBAL[name]
    options: dict[str, Any] = {}
    if name.endswith("_structured"):
        if dim is None:
            raise SettingsError(f"ModelPruning(pruning_fn={given!r}) needs pruning_dim, the dimension to prune along.")
        options["dim"] = dim
        if name == "ln_structured":
            if norm is None:
                raise SettingsError(f"ModelPruning(pruning_fn={given!r}) needs pruning_norm, such as 1.")
            options["n"] = norm
    if together:
        raise SettingsError(
            f"ModelPruning(pruning_fn={given!r}) prunes each parameter by itself. Set use_global_unstructured=False."
        )
    function = partial(_FUNCTIONS[name], **options)
    function.__name__ = name  # type: ignore[attr-defined]
    return function


def _check_amount(amount: Any) -> None:
    if isinstance(amount, bool) or not isinstance(amount, (int, float)):
        raise SettingsError(
            f"ModelPruning(amount={amount!r}) must be a fraction, a count of parameters, or a function of the epoch."
        )
    if amount < 0 or (isinstance(amount, float) and amount > 1):
        raise SettingsError(
            f"ModelPruning(amount={amount!r}) must be a float from 0 to 1, or a whole number from 0 on."
        )


def _says(given: bool | Callable[[int], bool], epoch: int) -> bool:
    return given(epoch) if callable(given) else given


def _reset(layer: nn.Module) -> None:
    method = getattr(layer, "reset_parameters", None)
    if not callable(method):
        raise SettingsError(
            f"ModelPruning(resample_parameters=True) draws new values by reset_parameters(), and "
            f"{type(layer).__name__} has none. Write one, or leave the layer out."
        )
    method()


def _is_pair(given: object) -> bool:
    return (
        isinstance(given, tuple) and len(given) == 2 and isinstance(given[0], nn.Module) and isinstance(given[1], str)
    )


def _joined(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


def _value(module: nn.Module, name: str) -> Tensor:
    """The parameter itself, pruned or not."""
    value: Tensor = getattr(module, f"{name}_orig" if f"{name}_orig" in module._parameters else name)
    return value


def _has(module: nn.Module, name: str) -> bool:
    return isinstance(getattr(module, name, None), nn.Parameter) or f"{name}_orig" in module._parameters


def _own(module: nn.Module) -> Iterable[str]:
    """The names of a module's own parameters, as they are without pruning."""
    return [name.removesuffix("_orig") if name.endswith("_orig") else name for name in module._parameters]


def _pruned(module: nn.Module, name: str) -> tuple[int, int]:
    """How many values of a parameter are pruned, of how many."""
    mask = getattr(module, f"{name}_mask", None)
    return (0 if mask is None else int((mask == 0).sum())), _value(module, name).numel()


def _pruned_parameters(module: nn.Module) -> Iterator[tuple[nn.Module, str]]:
    for part in module.modules():
        for hook in part._forward_pre_hooks.values():
            if isinstance(hook, prune.BasePruningMethod):
                yield part, hook._tensor_name


def _without_masks(weights: Mapping[str, Any], pruned: Iterable[str]) -> Iterator[tuple[str, Any]]:
    originals, masks = ({f"{path}_{what}": path for path in pruned} for what in ("orig", "mask"))
    for name, value in weights.items():
        if name in originals:
            path = originals[name]
            yield path, value.detach() * weights[f"{path}_mask"].to(value.dtype)
        elif name not in masks:
            yield name, value


def _share(pruned: int, of: int) -> str:
    return f"{pruned / of if of else 0:.2%}"
