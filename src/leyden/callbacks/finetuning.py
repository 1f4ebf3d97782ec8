"""BaseFinetuning and BackboneFinetuning: begin with a part of the model frozen, and let it train later."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Mapping
from typing import TYPE_CHECKING, Any, TypeAlias

from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.optim import Optimizer

from leyden.api.callback import Callback
from leyden.callbacks.saved_state import SavedState
from leyden.core.stage import TrainerFn
from leyden.core.warnings import warn
from leyden.errors import FormatError, MismatchError, ModuleError, SettingsError
from leyden.runtime.rank_zero import rank_zero_info

if TYPE_CHECKING:
    from leyden.api.module import Module
    from leyden.trainer import Trainer

Modules: TypeAlias = "nn.Module | Iterable[Modules]"


def multiplicative(epoch: int) -> float:
    """Twice the learning rate in each epoch."""
    return 2.0


class BaseFinetuning(Callback):
    """Base of callbacks that freeze parts of a model and let them train later.

    Override ``freeze_before_training``, which is called before ``configure_optimizers``, and ``finetune_function``,
    which is called at the start of each epoch. Give the optimizer the parameters that train alone:
    ``filter(lambda p: p.requires_grad, self.parameters())``. A resumed run has the parameter groups and the frozen
    parts of the save.
    """

    def __init__(self) -> None:
        self._internal_optimizer_metadata: dict[int, list[dict[str, Any]]] = {}
        self._frozen: list[str] = []  # parameters
        self._untracked: list[str] = []  # batch norms that do not follow the data
        self._resumed = False

    def freeze_before_training(self, pl_module: Module) -> None:
        """Freeze what is not to train from the beginning."""
        raise NotImplementedError(f"{type(self).__name__} must say what freeze_before_training() means.")

    def finetune_function(self, pl_module: Module, epoch: int, optimizer: Optimizer) -> None:
        """Let more of the model train in this epoch, where it is time; called for each optimizer."""
        raise NotImplementedError(f"{type(self).__name__} must say what finetune_function() means.")

    def setup(self, trainer: Trainer, pl_module: Module, stage: str) -> None:
        if stage == TrainerFn.FITTING:
            self._resumed = False
            self.freeze_before_training(pl_module)

    def on_fit_start(self, trainer: Trainer, pl_module: Module) -> None:
        if self._resumed:
            self._resume(trainer, pl_module)
            self._resumed = False
        else:
            self._internal_optimizer_metadata = {}
            self._note(trainer, pl_module)

    def on_train_epoch_start(self, trainer: Trainer, pl_module: Module) -> None:
        for optimizer in trainer.optimizers:
            self.finetune_function(pl_module, trainer.current_epoch, optimizer)
        self._note(trainer, pl_module)

    def state_dict(self) -> dict[str, Any]:
        """The parameter groups of the optimizers, by the names of the parameters, and what is frozen."""
        return {
            "internal_optimizer_metadata": self._internal_optimizer_metadata,
            "frozen": self._frozen,
            "untracked": self._untracked,
        }

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        saved = SavedState(self.state_key, state_dict)
        frozen, untracked = saved.texts("frozen"), saved.texts("untracked")
        metadata = state_dict.get("internal_optimizer_metadata")
        if not (isinstance(metadata, Mapping) and all(type(key) is int for key in metadata)):
            raise FormatError(f"The saved state of {self.state_key} has no parameter groups by optimizer.")
        for groups in metadata.values():
            listed = isinstance(groups, list) and all(isinstance(group, Mapping) for group in groups)
            if not listed or not all(_is_names(group.get("params")) for group in groups):
                raise FormatError(f"The saved state of {self.state_key} has a parameter group without names.")
        self._internal_optimizer_metadata = {key: [dict(group) for group in groups] for key, groups in metadata.items()}
        self._frozen, self._untracked, self._resumed = frozen, untracked, True

    @staticmethod
    def flatten_modules(modules: Modules) -> list[nn.Module]:
        """The layers that have parameters of their own, or no parts."""
        if not isinstance(modules, nn.Module):
            return [layer for part in modules for layer in BaseFinetuning.flatten_modules(part)]
        return [part for part in modules.modules() if part._parameters or not any(True for _ in part.children())]

    @staticmethod
    def filter_params(modules: Modules, train_bn: bool = True, requires_grad: bool = True) -> Generator[nn.Parameter]:
        """The parameters that train, or those that do not; those of batch norms only with ``train_bn``."""
        for layer in BaseFinetuning.flatten_modules(modules):
            if train_bn or not isinstance(layer, _BatchNorm):
                yield from (p for p in layer.parameters(recurse=False) if p.requires_grad == requires_grad)

    @staticmethod
    def make_trainable(modules: Modules) -> None:
        """Let the parameters train."""
        for layer in BaseFinetuning.flatten_modules(modules):
            _set_trainable(layer, True)

    @staticmethod
    def freeze_module(module: nn.Module) -> None:
        """Freeze the parameters that are this module's own."""
        _set_trainable(module, False)

    @staticmethod
    def freeze(modules: Modules, train_bn: bool = True) -> None:
        """Freeze the parameters; batch norms train on with ``train_bn``, else they do not follow the data either."""
        for layer in BaseFinetuning.flatten_modules(modules):
            _set_trainable(layer, train_bn and isinstance(layer, _BatchNorm))

    @staticmethod
    def filter_on_optimizer(optimizer: Optimizer, params: Iterable[nn.Parameter]) -> list[nn.Parameter]:
        """Those of the parameters that the optimizer does not have, and a warning if it has others."""
        had = {id(own) for group in optimizer.param_groups for own in group["params"]}
        given = list(params)
        new = [parameter for parameter in given if id(parameter) not in had]
        if len(new) < len(given):
            warn(
                f"{len(given) - len(new)} parameters to finetune are in a group of the optimizer already, and keep its "
                "learning rate. Give configure_optimizers() those alone that require gradients."
            )
        return new

    @staticmethod
    def unfreeze_and_add_param_group(
        modules: Modules,
        optimizer: Optimizer,
        lr: float | None = None,
        initial_denom_lr: float = 10.0,
        train_bn: bool = True,
    ) -> None:
        """Let modules train, as a new parameter group of the optimizer.

        Args:
            modules: what to train.
            optimizer: what gets the new group.
            lr: the learning rate of the group; None for that of the first group divided by ``initial_denom_lr``.
            initial_denom_lr: see there.
            train_bn: do batch norms train, too?
        """
        BaseFinetuning.make_trainable(modules)
        rate = optimizer.param_groups[0]["lr"] / initial_denom_lr if lr is None else lr
        found = BaseFinetuning.filter_params(modules, train_bn=train_bn, requires_grad=True)
        if new := BaseFinetuning.filter_on_optimizer(optimizer, found):
            optimizer.add_param_group({"params": new, "lr": rate})

    def _note(self, trainer: Trainer, pl_module: Module) -> None:
        """What a resumed run needs, by name."""
        names = {id(parameter): name for name, parameter in pl_module.named_parameters()}
        for number, optimizer in enumerate(trainer.optimizers):
            kept = self._internal_optimizer_metadata.setdefault(number, [])
            for group in optimizer.param_groups[len(kept) :]:
                params = [names[id(parameter)] for parameter in group["params"] if id(parameter) in names]
                kept.append({**group, "params": params})
        self._frozen = [name for name, parameter in pl_module.named_parameters() if not parameter.requires_grad]
        norms = ((name, part) for name, part in pl_module.named_modules() if isinstance(part, _BatchNorm))
        self._untracked = [name for name, part in norms if not part.track_running_stats]

    def _resume(self, trainer: Trainer, pl_module: Module) -> None:
        parameters, parts = dict(pl_module.named_parameters()), dict(pl_module.named_modules())
        groups = [group for own in self._internal_optimizer_metadata.values() for group in own]
        named = [name for group in groups for name in group["params"]]
        unknown = sorted({*named, *self._frozen} - parameters.keys() | set(self._untracked) - parts.keys())
        if unknown or len(set(named)) < len(named):
            raise MismatchError(
                f"{trainer.ckpt_path} has finetuned {unknown[0] if unknown else 'a parameter twice'}, which fits no "
                "part of this model. Resume with the model that the run was started with."
            )
        for name, parameter in parameters.items():
            parameter.requires_grad_(name not in self._frozen)
        for name, part in parts.items():
            if isinstance(part, _BatchNorm):
                part.track_running_stats = name not in self._untracked
        for number, optimizer in enumerate(trainer.optimizers):
            saved = [
                [parameters[name] for name in group["params"]]
                for group in self._internal_optimizer_metadata.get(number, [])
            ]
            for group, params in zip(optimizer.param_groups, saved, strict=False):
                group["params"] = params
            for params in saved[len(optimizer.param_groups) :]:
                optimizer.add_param_group({"params": params})  # with the settings of the save in a moment


class BackboneFinetuning(BaseFinetuning):
    """Train all but ``self.backbone`` of a model at first, and from an epoch on that, too, with a rising learning rate.

    Args:
        unfreeze_backbone_at_epoch: the epoch in which the backbone begins to train.
        lambda_func: by how much its learning rate is multiplied at the start of each epoch after that.
        backbone_initial_ratio_lr: its first learning rate, as a ratio of that of the rest.
        backbone_initial_lr: its first learning rate itself; None goes by the ratio.
        should_align: stop at the learning rate of the rest.
        initial_denom_lr: without a meaning beside the two above; kept for programs that give it.
        train_bn: give its batch norms to the optimizer, too, when it begins to train. They follow the data all along.
        verbose: log both learning rates in each epoch.
        rounding: with so many digits.
    """

    def __init__(
        self,
        unfreeze_backbone_at_epoch: int = 10,
        lambda_func: Callable[[int], float] = multiplicative,
        backbone_initial_ratio_lr: float = 10e-2,
        backbone_initial_lr: float | None = None,
        should_align: bool = True,
        initial_denom_lr: float = 10.0,
        train_bn: bool = True,
        verbose: bool = False,
        rounding: int = 12,
    ) -> None:
        super().__init__()
        if not callable(lambda_func):
            raise SettingsError(f"BackboneFinetuning(lambda_func={lambda_func!r}) must be a function of the epoch.")
        self.unfreeze_backbone_at_epoch = unfreeze_backbone_at_epoch
        self.lambda_func = lambda_func
        self.backbone_initial_ratio_lr = backbone_initial_ratio_lr
        self.backbone_initial_lr = backbone_initial_lr
        self.should_align = should_align
        self.initial_denom_lr = initial_denom_lr
        self.train_bn = train_bn
        self.verbose = verbose
        self.rounding = rounding
        self.previous_backbone_lr: float | None = None

    def state_dict(self) -> dict[str, Any]:
        return {**super().state_dict(), "previous_backbone_lr": self.previous_backbone_lr}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        rate = SavedState(self.state_key, state_dict).optional_number("previous_backbone_lr")
        super().load_state_dict(state_dict)
        self.previous_backbone_lr = None if rate is None else rate.double().item()

    def freeze_before_training(self, pl_module: Module) -> None:
        self.freeze(_backbone(pl_module))

    def finetune_function(self, pl_module: Module, epoch: int, optimizer: Optimizer) -> None:
        rate = optimizer.param_groups[0]["lr"]
        if epoch == self.unfreeze_backbone_at_epoch:
            given = self.backbone_initial_lr
            first = rate * self.backbone_initial_ratio_lr if given is None else given
            self.previous_backbone_lr = first
            self.unfreeze_and_add_param_group(
                _backbone(pl_module), optimizer, first, self.initial_denom_lr, train_bn=self.train_bn
            )
        elif epoch > self.unfreeze_backbone_at_epoch and self.previous_backbone_lr is not None:
            following = self.lambda_func(epoch + 1) * self.previous_backbone_lr
            aligned = min(following, rate) if self.should_align else following
            optimizer.param_groups[-1]["lr"] = self.previous_backbone_lr = aligned
        else:
            return
        if self.verbose:
            own = round(self.previous_backbone_lr, self.rounding)
            rank_zero_info(f"Learning rate: {round(rate, self.rounding)}, that of the backbone: {own}")


def _backbone(pl_module: Module) -> nn.Module:
    backbone = getattr(pl_module, "backbone", None)
    if not isinstance(backbone, nn.Module):
        raise ModuleError(
            f"{type(pl_module).__name__} has no self.backbone to finetune. Name the part of the model so that "
            "BackboneFinetuning is to freeze, or subclass BaseFinetuning."
        )
    return backbone


def _set_trainable(layer: nn.Module, trains: bool) -> None:
    if isinstance(layer, _BatchNorm):
        layer.track_running_stats = trains
    for parameter in layer.parameters(recurse=False):
        parameter.requires_grad = trains


def _is_names(given: object) -> bool:
    return isinstance(given, list) and all(isinstance(name, str) for name in given)
