from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest
import torch
from tests.tiny import Tiny, batches, trainer
from torch import nn

import leyden as L
from leyden.core.warnings import LeydenWarning
from leyden.errors import DetachedError, ModuleError, SettingsError


def fitted(folder, module=None, **arguments):
    module = module or Tiny()
    run = trainer(folder, **arguments)
    run.fit(module, batches(2), batches(1))
    return module, run


# On its own


def test_a_module_is_an_ordinary_module_without_a_trainer():
    module = Tiny()
    assert module(torch.ones(3, 2)).shape == (3, 1)
    assert module.state_dict().keys() == {"layer.weight", "layer.bias"}
    assert (module.current_epoch, module.global_step, module.global_rank, module.local_rank) == (0, 0, 0, 0)
    assert (module.logger, module.loggers, module.on_gpu) == (None, [], False)


@pytest.mark.parametrize("ask", [lambda module: module.trainer, lambda module: module.optimizers()])
def test_what_only_a_trainer_has_is_refused_without_one(ask):
    with pytest.raises(DetachedError, match="of Tiny needs a running trainer, and none is attached"):
        ask(Tiny())


def test_logging_without_a_trainer_does_nothing_and_says_so():
    with pytest.warns(LeydenWarning, match=r"self\.log\(\) of Tiny does nothing"):
        Tiny().log("x", 1.0)
    with pytest.warns(LeydenWarning, match=r"self\.log_dict\(\) of Tiny does nothing"):
        Tiny().log_dict({"x": 1.0})


def test_printing_without_a_trainer_prints(capsys):
    Tiny().print("a", 1, sep="-")
    assert capsys.readouterr().out == "a-1\n"


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda module: module(1), r"has no forward\(\)"),
        (lambda module: module.training_step(1, 0), r"has no training_step\(\)\. Define training_step\(self, batch"),
        (lambda module: module.configure_optimizers(), r"has no configure_optimizers\(\).*or None"),
    ],
)
def test_a_method_that_is_missing_is_named_with_its_class(call, said):
    class Empty(L.Module):
        pass

    with pytest.raises(ModuleError, match=f"^Empty {said}"):
        call(Empty())


def test_freezing_stops_gradients_and_training_and_can_be_undone():
    module = Tiny()
    assert module.freeze() is module
    assert (module.training, [weight.requires_grad for weight in module.parameters()]) == (False, [False, False])
    assert module.unfreeze() is module
    assert (module.training, [weight.requires_grad for weight in module.parameters()]) == (True, [True, True])


def test_type_and_device_are_those_the_module_was_last_converted_to():
    module = Tiny()
    assert (module.dtype, module.device) == (torch.float32, torch.device("cpu"))
    module.double()
    assert module.dtype == torch.float64
    module.to("meta", torch.bfloat16)
    assert (module.dtype, module.device) == (torch.bfloat16, torch.device("meta"))


def test_type_and_device_are_known_without_any_parameter_and_inside_another_module():
    empty = L.Module()
    nn.Sequential(empty).half()
    assert empty.dtype == torch.float16


def test_a_module_made_under_another_default_type_has_it():
    torch.set_default_dtype(torch.float64)
    try:
        assert L.Module().dtype == torch.float64
    finally:
        torch.set_default_dtype(torch.float32)


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda module: pickle.loads(pickle.dumps(module))])
def test_a_copy_has_the_weights_and_not_the_trainer(tmp_path, copied):
    module, run = fitted(tmp_path)
    other = copied(module)
    assert torch.equal(other.layer.weight, module.layer.weight)
    assert module.trainer is run
    with pytest.raises(DetachedError):
        _ = other.trainer
    with pytest.warns(LeydenWarning, match="does nothing"):
        other.log("x", 1.0)


def test_a_copy_can_be_trained(tmp_path):
    module, _ = fitted(tmp_path)
    _, run = fitted(tmp_path, copy.deepcopy(module))
    assert run.global_step == 2


def test_loading_is_strict_unless_it_is_said_otherwise():
    module = L.Module()
    assert module.strict_loading
    module.strict_loading = False
    assert not module.strict_loading


def test_an_example_input_is_kept_where_it_is_set():
    module = L.Module()
    module.example_input_array = torch.ones(2)
    assert torch.equal(module.example_input_array, torch.ones(2))


# In a run


def test_the_trainer_and_what_it_counts_can_be_read_in_a_run(tmp_path):
    class Reading(Tiny):
        def training_step(self, batch, batch_idx):
            seen.append((self.trainer.max_epochs, self.current_epoch, self.global_step, self.logger))
            return super().training_step(batch, batch_idx)

    seen = []
    fitted(tmp_path, Reading(), max_epochs=2)
    assert seen == [(2, 0, 0, None), (2, 0, 1, None), (2, 1, 2, None), (2, 1, 3, None)]


def test_modules_inside_a_module_know_the_trainer_too(tmp_path):
    class Outer(Tiny):
        def __init__(self):
            super().__init__()
            self.inner = Tiny()

    module, run = fitted(tmp_path, Outer())
    assert module.inner.trainer is run


def test_one_optimizer_or_scheduler_stands_alone_and_several_in_a_list(tmp_path):
    class Two(Tiny):
        automatic_optimization = False

        def training_step(self, batch, batch_idx):
            pass

        def configure_optimizers(self):
            made = [torch.optim.SGD([weight], lr=0.1) for weight in self.parameters()]
            return made, [torch.optim.lr_scheduler.StepLR(optimizer, 1) for optimizer in made]

    module, run = fitted(tmp_path)
    assert (module.optimizers(), module.lr_schedulers()) == (run.optimizers[0], None)
    module, run = fitted(tmp_path, Two())
    assert module.optimizers() == run.optimizers
    assert [type(scheduler).__name__ for scheduler in module.lr_schedulers()] == ["StepLR", "StepLR"]


def test_methods_that_a_program_replaces_are_called_with_lightnings_arguments(tmp_path):
    class Replaced(Tiny):
        def backward(self, loss):
            calls.append(("backward", loss.requires_grad))
            super().backward(loss)

        def optimizer_step(self, epoch, batch_idx, optimizer, optimizer_closure=None):
            calls.append(("step", epoch, batch_idx, type(optimizer).__name__))
            super().optimizer_step(epoch, batch_idx, optimizer, optimizer_closure)

        def optimizer_zero_grad(self, epoch, batch_idx, optimizer):
            calls.append(("zero", epoch, batch_idx))
            super().optimizer_zero_grad(epoch, batch_idx, optimizer)

        def configure_gradient_clipping(self, optimizer, gradient_clip_val=None, gradient_clip_algorithm=None):
            calls.append(("clip", gradient_clip_val, gradient_clip_algorithm))
            super().configure_gradient_clipping(optimizer, gradient_clip_val, gradient_clip_algorithm)

        def lr_scheduler_step(self, scheduler, metric):
            calls.append(("schedule", metric))
            super().lr_scheduler_step(scheduler, metric)

        def configure_optimizers(self):
            optimizer = super().configure_optimizers()
            return [optimizer], [torch.optim.lr_scheduler.StepLR(optimizer, 1)]

    calls = []
    trainer(tmp_path, gradient_clip_val=0.5).fit(Replaced(), batches(1), batches(1))
    assert calls == [
        ("step", 0, 0, "SGD"),
        ("zero", 0, 0),
        ("backward", True),
        ("clip", 0.5, None),
        ("schedule", None),
    ]


@pytest.mark.parametrize("algorithm", ["l2", 3])
def test_clipping_by_an_unknown_algorithm_is_refused(algorithm):
    module = Tiny()
    with pytest.raises(SettingsError, match="gradient_clip_algorithm=.* is unknown. Use 'norm' or 'value'"):
        module.clip_gradients(module.configure_optimizers(), 1.0, algorithm)


def test_clipping_without_a_limit_does_nothing():
    module = Tiny()
    module.layer.weight.grad = torch.full((1, 2), 9.0)
    module.clip_gradients(module.configure_optimizers())
    assert module.layer.weight.grad.tolist() == [[9.0, 9.0]]
    module.clip_gradients(module.configure_optimizers(), 1.0, "VALUE")
    assert module.layer.weight.grad.tolist() == [[1.0, 1.0]]


def test_what_all_processes_have_is_gathered_in_any_nesting(tmp_path):
    module = Tiny()
    with pytest.raises(DetachedError):
        module.all_gather(torch.ones(2))
    module, _ = fitted(tmp_path, module)
    own = torch.ones(2, requires_grad=True)
    found = module.all_gather({"own": [own, 3], "rest": (2.5, True, np.arange(2.0)), "name": "tiny", "none": None})
    assert found["own"][0] is own
    assert [(n.item(), n.dtype) for n in (found["own"][1], *found["rest"][:2])] == [
        (3, torch.int32),
        (2.5, torch.float32),
        (1, torch.uint8),
    ]
    assert torch.equal(found["rest"][2], torch.tensor([0.0, 1.0], dtype=torch.float64))
    assert (found["name"], found["none"]) == ("tiny", None)


# Scripts


def test_every_property_of_a_module_is_kept_out_of_torchscript():
    owners = [base for base in L.Module.__mro__ if base.__module__.startswith("leyden.")]
    properties = {name for base in owners for name, value in vars(base).items() if isinstance(value, property)}
    assert properties == set(L.Module.__jit_unused_properties__)


@pytest.mark.filterwarnings("ignore:.*torch.jit")
def test_a_module_of_a_trainer_can_be_scripted(tmp_path):
    module, _ = fitted(tmp_path)
    script = torch.jit.script(module)
    assert torch.equal(script(torch.ones(3, 2)), module(torch.ones(3, 2)))
