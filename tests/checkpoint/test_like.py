from __future__ import annotations

import copy
import re
import warnings

import pytest
import torch
from torch import nn
from torch.optim import lr_scheduler

from leyden.checkpoint.like import check_optimizer, check_scheduler
from leyden.errors import FormatError, MismatchError

# A program's own optimizers may keep anything.


class Blocked(torch.optim.Optimizer):
    def __init__(self, params, lr=0.1):
        super().__init__(params, {"lr": lr, "mode": "fast", "extra": None, "pair": [1.0, None]})

    def step(self):
        for parameter in self.param_groups[0]["params"]:
            self.state[parameter] = {"absmax": torch.ones(7), "code": [torch.ones(2, 2)], "step": 1}


OPTIMIZERS = {
    "Adadelta": {}, "Adagrad": {}, "Adam": {}, "Adam with amsgrad": {"amsgrad": True},
    "AdamW": {"lr": torch.tensor(0.1)},
    "Adamax": {}, "ASGD": {}, "Adafactor": {}, "NAdam": {}, "RAdam": {}, "RMSprop": {"momentum": 0.9, "centered": True},
    "Rprop": {}, "SGD": {}, "SGD with momentum": {"momentum": 0.9}, "LBFGS": {}, "Muon": {}, "Blocked": {},
}  # fmt: skip


def optimizer(name, stepped):
    """An optimizer of this kind, fresh or after two steps."""
    torch.manual_seed(0)
    layers = [nn.Linear(2, 3, bias=False), nn.Linear(3, 3, bias=False)]
    parameters = [weight for layer in layers for weight in layer.parameters()]
    if name != "Muon":  # which takes matrices alone
        parameters.append(nn.Parameter(torch.ones(())))
        parameters.append(nn.Parameter(torch.ones(3)))
    kind = Blocked if name == "Blocked" else getattr(torch.optim, name.split()[0])
    made = kind(parameters, **OPTIMIZERS[name])

    def closure():
        made.zero_grad()
        loss = sum((weight**2).sum() for weight in parameters)
        loss.backward()
        return loss

    for _ in range(2 * stepped):
        closure()
        made.step(closure) if name == "LBFGS" else made.step()
    return made


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_what_an_optimizer_saves_is_what_it_takes(name):
    for saved in (optimizer(name, stepped=True), optimizer(name, stepped=False)):
        for own in (optimizer(name, stepped=False), optimizer(name, stepped=True)):
            check_optimizer(saved.state_dict(), own, "a.ckpt")


def test_settings_that_torch_itself_takes_in_another_type_are_taken():
    state = optimizer("Adam", stepped=True).state_dict()
    state["param_groups"][0].update(
        lr=torch.tensor(0.1), foreach=True, fused=False, weight_decay=1, betas=[0.5, 0.9], new="x"
    )
    check_optimizer(state, optimizer("Adam", stepped=False), "a.ckpt")
    state["param_groups"][0]["lr"] = 1
    check_optimizer(state, optimizer("AdamW", stepped=False), "a.ckpt")


WRONG_SETTINGS = [
    ("eps", {"a": 1}), ("eps", None), ("lr", "0.1"), ("lr", torch.ones(2)), ("lr", torch.ones(1, 1)), ("lr", True),
    ("lr", 10**400), ("betas", 0.9), ("betas", (0.9,)), ("betas", (0.9, "x")), ("amsgrad", 1), ("amsgrad", "yes"),
    ("foreach", [1]), ("maximize", torch.tensor(True)),
]  # fmt: skip


@pytest.mark.parametrize(("key", "value"), WRONG_SETTINGS, ids=str)
def test_a_setting_of_another_type_is_refused_by_name(key, value):
    state = optimizer("Adam", stepped=True).state_dict()
    state["param_groups"][0][key] = value
    with pytest.raises(FormatError, match=rf"^a\.ckpt is malformed: the setting {key} of Adam is .* should be like"):
        check_optimizer(state, optimizer("Adam", stepped=False), "a.ckpt")


WRONG_STATES = {
    "a smaller shape, which would be broadcast": ("Adam", "exp_avg", torch.ones(1), MismatchError, "shape"),
    "one number, which would be broadcast": ("Adam", "exp_avg", torch.ones(()), MismatchError, "shape"),
    "a row, which would be broadcast": ("Adam", "exp_avg_sq", torch.ones(1, 2), MismatchError, "shape"),
    "another shape": ("Adam", "exp_avg", torch.ones(9), MismatchError, "shape"),
    "no tensor": ("Adam", "exp_avg", 1.0, FormatError, "should be a tensor"),
    "none": ("Adam", "exp_avg_sq", None, FormatError, "should be a tensor"),
    "complex numbers": ("Adam", "exp_avg", torch.ones(3, 2, dtype=torch.complex64), FormatError, "complex"),
    "steps in text": ("Adam", "step", "3", FormatError, "should be a number"),
    "many steps": ("Adam", "step", torch.ones(3, 2), FormatError, "should be a number"),
    "a momentum of another shape": ("SGD with momentum", "momentum_buffer", torch.ones(2), MismatchError, "shape"),
    "an option of another shape": ("Adam with amsgrad", "max_exp_avg_sq", torch.ones(2), MismatchError, "shape"),
    "a factor of another shape": ("Adafactor", "row_var", torch.ones(3, 2), MismatchError, "shape"),
    "a factor that is no tensor": ("Adafactor", "col_var", [1.0], FormatError, "should be a tensor"),
    "steps of a factored one": ("Adafactor", "step", {}, FormatError, "should be a number"),
    "a vector of another length": ("LBFGS", "d", torch.ones(4), FormatError, "or 19 numbers"),
    "a vector of another length in a list": ("LBFGS", "old_dirs", [torch.ones(4)], FormatError, "or 19 numbers"),
}


@pytest.mark.parametrize("case", WRONG_STATES)
def test_a_state_that_an_optimizer_cannot_have_is_refused_for(case):
    name, key, value, error, reason = WRONG_STATES[case]
    state = copy.deepcopy(optimizer(name, stepped=True).state_dict())
    assert key in state["state"][0]
    state["state"][0][key] = value
    with pytest.raises(error, match=rf"^a\.ckpt.*{key} in the state of .*{reason}"):
        check_optimizer(state, optimizer(name, stepped=False), "a.ckpt")


@pytest.mark.parametrize("name", ["Adam", "ASGD", "Adafactor", "Adam with amsgrad", "RMSprop"])
def test_a_state_that_lacks_what_the_next_step_needs_is_refused_by_name(name):
    whole = optimizer(name, stepped=True).state_dict()
    for key in whole["state"][0]:
        state = copy.deepcopy(whole)
        del state["state"][0][key]
        if name == "Adafactor" and key == "step":
            continue
        with pytest.raises(MismatchError, match="lacks"):
            check_optimizer(state, optimizer(name, stepped=False), "a.ckpt")


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda state: state["state"].update({99: {}}), "values for parameter 99, which it does not list"),
        (lambda state: state["state"].update({0: []}), "no dictionary with text for keys"),
        (lambda state: state["state"].update({0: {1: 2}}), "no dictionary with text for keys"),
        (lambda state: state["param_groups"][0].update(params=[0, 0, 1, 2]), "lists a parameter twice"),
        (lambda state: state["param_groups"][0].update(params=["a"]), "lacks its groups"),
        (lambda state: state.update(state=[]), "lacks its groups"),
        (lambda state: state.pop("param_groups"), "lacks its groups"),
    ],
)
@pytest.mark.parametrize("name", ["Adam", "Blocked"])
def test_a_malformed_state_is_refused(change, reason, name):
    state = copy.deepcopy(optimizer(name, stepped=True).state_dict())
    change(state)
    with pytest.raises(FormatError, match=reason):
        check_optimizer(state, optimizer(name, stepped=False), "a.ckpt")


SCHEDULERS = {
    "StepLR": lambda o: lr_scheduler.StepLR(o, 2),
    "MultiStepLR": lambda o: lr_scheduler.MultiStepLR(o, [1, 3]),
    "ConstantLR": lr_scheduler.ConstantLR,
    "LinearLR": lr_scheduler.LinearLR,
    "ExponentialLR": lambda o: lr_scheduler.ExponentialLR(o, 0.9),
    "PolynomialLR": lr_scheduler.PolynomialLR,
    "CosineAnnealingLR": lambda o: lr_scheduler.CosineAnnealingLR(o, 5),
    "CosineAnnealingWarmRestarts": lambda o: lr_scheduler.CosineAnnealingWarmRestarts(o, 2),
    "ReduceLROnPlateau": lr_scheduler.ReduceLROnPlateau,
    "OneCycleLR": lambda o: lr_scheduler.OneCycleLR(o, 0.1, 10),
    "CyclicLR": lambda o: lr_scheduler.CyclicLR(o, 0.1, 0.2),
    "LambdaLR": lambda o: lr_scheduler.LambdaLR(o, Decay()),
    "LambdaLR of a function": lambda o: lr_scheduler.LambdaLR(o, lambda epoch: 0.5),
    "MultiplicativeLR": lambda o: lr_scheduler.MultiplicativeLR(o, lambda epoch: 0.5),
    "SequentialLR": lambda o: lr_scheduler.SequentialLR(
        o, [lr_scheduler.ConstantLR(o), lr_scheduler.StepLR(o, 1)], [2]
    ),
    "ChainedScheduler": lambda o: lr_scheduler.ChainedScheduler(
        [lr_scheduler.ConstantLR(o), lr_scheduler.StepLR(o, 1)]
    ),
    "Own": lambda o: Own(o),
}


class Decay:
    """A schedule with something of its own to remember."""

    rate = 0.9

    def __call__(self, epoch):
        self.rate = 0.5
        return self.rate**epoch


class Own(lr_scheduler.LRScheduler):
    def get_lr(self):
        return [0.1]


def scheduler(name, stepped):
    made = SCHEDULERS[name](torch.optim.SGD([nn.Parameter(torch.ones(2))], lr=0.1, momentum=0.9))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that no step of the optimizer came first
        for step in range(3 * stepped):
            made.step(torch.tensor(1.0 + step)) if name == "ReduceLROnPlateau" else made.step()
    return made


@pytest.mark.parametrize("name", SCHEDULERS)
def test_what_a_scheduler_saves_is_what_it_takes(name):
    for saved in (scheduler(name, stepped=True), scheduler(name, stepped=False)):
        check_scheduler(saved.state_dict(), scheduler(name, stepped=False), "a.ckpt")


@pytest.mark.parametrize(
    ("name", "key", "value"),
    [
        ("StepLR", "step_size", "2"), ("StepLR", "last_epoch", None), ("StepLR", "base_lrs", [0.1, 0.1]),
        ("StepLR", "base_lrs", ["x"]), ("StepLR", "_last_lr", 3), ("MultiStepLR", "milestones", {1: 1}),
        ("MultiStepLR", "milestones", [1]), ("ReduceLROnPlateau", "best", "inf"), ("ReduceLROnPlateau", "mode", 1),
        ("OneCycleLR", "_schedule_phases", [{}, {}]), ("OneCycleLR", "cycle_momentum", 2), ("StepLR", "step", 1),
        ("LambdaLR of a function", "lr_lambdas", [{"a": 1}]), ("LambdaLR", "lr_lambdas", [1]),
        ("StepLR", "optimizer", None), ("StepLR", "get_lr", 1), ("StepLR", "__class__", 1), ("StepLR", 3, 1),
        ("SequentialLR", "_milestones", []), ("SequentialLR", "_schedulers", [{}]),
    ],
    ids=str,
)  # fmt: skip
def test_a_state_that_a_scheduler_cannot_have_is_refused_by_name(name, key, value):
    state = copy.deepcopy(scheduler(name, stepped=True).state_dict())
    state[key] = value
    with pytest.raises(FormatError, match=rf"^a\.ckpt is malformed: .*{key}.*{name.split()[0]}|of .*{key}"):
        check_scheduler(state, scheduler(name, stepped=False), "a.ckpt")


def test_the_schedulers_inside_another_are_looked_at_too():
    state = copy.deepcopy(scheduler("SequentialLR", stepped=True).state_dict())
    state["_schedulers"][1]["optimizer"] = 1
    with pytest.raises(FormatError, match="the state of StepLR has 'optimizer'"):
        check_scheduler(state, scheduler("SequentialLR", stepped=False), "a.ckpt")


def test_the_state_of_another_kind_of_scheduler_is_refused_with_what_is_missing():
    state = scheduler("StepLR", stepped=True).state_dict()
    with pytest.raises(MismatchError, match=re.escape("another kind of scheduler than OneCycleLR: its state lacks")):
        check_scheduler(state, scheduler("OneCycleLR", stepped=False), "a.ckpt")


def test_a_value_that_torch_has_added_since_is_no_other_kind_of_scheduler():
    state = scheduler("StepLR", stepped=True).state_dict()
    check_scheduler({**state, "new": 1}, scheduler("StepLR", stepped=False), "a.ckpt")
    del state["_is_initial"]
    check_scheduler(state, scheduler("StepLR", stepped=False), "a.ckpt")


def test_a_scheduler_that_takes_its_state_in_its_own_way_is_left_to_it():
    class Free:
        def load_state_dict(self, state): ...

    class Freer(lr_scheduler.StepLR):
        def load_state_dict(self, state): ...

    check_scheduler({"x": 1}, Free(), "a.ckpt")
    check_scheduler({"x": 1}, Freer(torch.optim.SGD([nn.Parameter(torch.ones(2))]), 1), "a.ckpt")
