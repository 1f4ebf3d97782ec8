from __future__ import annotations

import copy

import pytest
import torch
from tests.tiny import Tiny, batches, trainer
from torch.optim import SGD, Adam, AdamW
from torch.optim.lr_scheduler import StepLR

import leyden as L
from leyden.callbacks import EarlyStopping
from leyden.callbacks.saved_state import SavedState
from leyden.checkpoint.load import load
from leyden.checkpoint.objects import Unrestored
from leyden.checkpoint.save import save
from leyden.core.warnings import LeydenWarning
from leyden.errors import FormatError, MismatchError, TrustError
from leyden.loop.optimizers import SchedulerConfig
from leyden.snapshot import (
    callback_states,
    restore_callbacks,
    restore_gradients,
    restore_optimizers,
    restore_weights,
    resume_of,
    saved_state,
)


class Counting(L.Callback):
    """A callback with a state."""

    def state_dict(self):
        return {"count": 3}


class Scheduled(Tiny):
    def configure_optimizers(self):
        optimizer = SGD(self.parameters(), lr=0.1, momentum=0.9)
        return [optimizer], [StepLR(optimizer, 1)]


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A checkpoint of a finished run."""
    folder = tmp_path_factory.mktemp("run")
    run = trainer(folder, Counting())
    run.fit(Scheduled(), batches(2), batches(1))
    run.save_checkpoint(folder / "a.ckpt")
    return load(folder / "a.ckpt")


@pytest.fixture
def checkpoint(whole):
    return copy.deepcopy(whole)


def restore(checkpoint, kind=SGD, schedulers=1, groups=1, **arguments):
    """Give the states in the checkpoint to an optimizer of this kind, and to its schedulers; returns it."""
    parameters = list(Tiny().parameters())
    given = parameters if groups == 1 else [{"params": [one]} for one in parameters]
    optimizer = kind(given, lr=0.5, **arguments)
    configs = [SchedulerConfig(StepLR(optimizer, 1)) for _ in range(schedulers)]
    restore_optimizers(checkpoint, [optimizer], configs, "a.ckpt")
    return optimizer


def refused(error, call):
    with pytest.raises(error) as caught:
        call()
    message = str(caught.value)
    assert message.startswith("a.ckpt ")
    return message


def test_a_checkpoint_of_a_run_has_all_that_lightning_promises(checkpoint):
    assert checkpoint.keys() == {
        *("epoch", "global_step", "pytorch-lightning_version", "state_dict", "loops"),
        *("callbacks", "optimizer_states", "lr_schedulers", "leyden"),
    }
    assert (checkpoint["epoch"], checkpoint["global_step"]) == (1, 2)


def test_the_position_comes_back(checkpoint):
    state = saved_state(checkpoint, "a.ckpt")
    assert (state.epoch, state.step, state.batches) == (1, 2, 2)


def test_weights_alone_cannot_be_resumed_and_the_message_says_what_can_be_done_with_them(checkpoint):
    for name in ("leyden", "optimizer_states", "lr_schedulers", "callbacks"):
        del checkpoint[name]
    for call in (lambda: saved_state(checkpoint, "a.ckpt"), lambda: restore(checkpoint)):
        assert "load_from_checkpoint(), or save with save_weights_only=False" in refused(MismatchError, call)


@pytest.mark.parametrize("number", [99, None, "1", torch.ones(2)])
def test_a_training_state_of_another_format_is_refused_with_both_formats(checkpoint, number):
    checkpoint["leyden"]["format"] = number
    message = refused(MismatchError, lambda: saved_state(checkpoint, "a.ckpt"))
    assert f"format {number!r}" in message
    assert "reads format 2" in message


@pytest.mark.parametrize("name", ["state", "random", "data", "log", "validation_rows"])
def test_a_training_state_that_lacks_a_part_is_refused_by_name(checkpoint, name):
    del checkpoint["leyden"][name]
    assert f"lacks {name}." in refused(FormatError, lambda: saved_state(checkpoint, "a.ckpt"))


@pytest.mark.parametrize("own", [3, [], "x"])
def test_a_training_state_that_is_no_dictionary_is_refused(checkpoint, own):
    checkpoint["leyden"] = own
    assert "'leyden' is no dictionary" in refused(FormatError, lambda: saved_state(checkpoint, "a.ckpt"))


def test_a_malformed_position_is_refused_with_the_field_and_the_file(checkpoint):
    checkpoint["leyden"]["state"]["epoch"] = -1
    message = refused(FormatError, lambda: saved_state(checkpoint, "a.ckpt"))
    assert "epoch=-1" in message
    assert "another checkpoint" in message


# Optimizers and schedulers


def test_an_optimizer_gets_its_state_and_its_settings_back(checkpoint):
    optimizer = restore(checkpoint, momentum=0.5)
    assert optimizer.param_groups[0]["momentum"] == 0.9
    assert optimizer.param_groups[0]["lr"] == pytest.approx(0.01)
    assert len(optimizer.state) == 2


def test_the_state_of_an_optimizer_lies_in_no_file(tmp_path):
    def addresses(run):
        return [kept["momentum_buffer"].data_ptr() for kept in run.optimizers[0].state.values()]

    class Looking(L.Callback):
        def on_load_checkpoint(self, trainer, pl_module, checkpoint):
            self.seen = checkpoint["optimizer_states"]

    run, looking = trainer(tmp_path), Looking()
    run.fit(Scheduled(), batches(2), batches(1))
    run.save_checkpoint(tmp_path / "a.ckpt")
    resumed = trainer(tmp_path, looking, max_epochs=2)
    resumed.fit(Scheduled(), batches(2), batches(1), ckpt_path=tmp_path / "a.ckpt")
    assert all(address % 16 == 0 for address in addresses(resumed))
    seen = [kept["momentum_buffer"].data_ptr() for kept in looking.seen[0]["state"].values()]
    assert seen == addresses(resumed)  # as in Lightning, what a program has seen is what the optimizer goes on with


def test_a_scheduler_gets_its_state_back(checkpoint):
    optimizer = SGD(Tiny().parameters(), lr=0.5)
    scheduler = StepLR(optimizer, 7)
    restore_optimizers(checkpoint, [optimizer], [SchedulerConfig(scheduler)], "a.ckpt")
    assert (scheduler.last_epoch, scheduler.step_size) == (1, 1)


@pytest.mark.parametrize("kind", [Adam, AdamW])
def test_the_state_of_another_kind_of_optimizer_is_refused_with_what_is_missing(checkpoint, kind):
    message = refused(MismatchError, lambda: restore(checkpoint, kind))
    assert f"another kind of optimizer than {kind.__name__}: its settings lack " in message
    assert "betas" in message


def test_a_setting_that_an_optimizer_cannot_do_without_is_missed(checkpoint):
    del checkpoint["optimizer_states"][0]["param_groups"][0]["momentum"]
    message = refused(MismatchError, lambda: restore(checkpoint))
    assert "a state that SGD refuses: its settings lack momentum" in message


def test_a_setting_that_torch_has_added_since_is_no_other_kind_of_optimizer(checkpoint):
    del checkpoint["optimizer_states"][0]["param_groups"][0]["maximize"]
    assert restore(checkpoint).param_groups[0]["maximize"] is False


def test_a_state_that_is_refused_by_its_owner_leaves_all_as_they_were(checkpoint):
    class Refusing(StepLR):
        def load_state_dict(self, state):
            if state["step_size"] == 1:
                raise KeyError("not mine")
            super().load_state_dict(state)

    optimizer = SGD(Tiny().parameters(), lr=0.5)
    schedulers = [StepLR(optimizer, 7), Refusing(optimizer, 7)]
    checkpoint["lr_schedulers"] *= 2
    configs = [SchedulerConfig(one) for one in schedulers]
    message = refused(MismatchError, lambda: restore_optimizers(checkpoint, [optimizer], configs, "a.ckpt"))
    assert "a state that Refusing refuses: 'not mine'" in message
    assert (optimizer.param_groups[0]["lr"], len(optimizer.state)) == (0.5, 0)
    assert [(one.step_size, one.last_epoch) for one in schedulers] == [(7, 0), (7, 0)]


def test_a_state_that_would_fail_in_a_later_step_is_refused_before_any_is_given(checkpoint):
    checkpoint["lr_schedulers"][0]["gamma"] = "x"
    optimizer = SGD(Tiny().parameters(), lr=0.5)
    config = SchedulerConfig(StepLR(optimizer, 7))
    assert "gamma" in refused(FormatError, lambda: restore_optimizers(checkpoint, [optimizer], [config], "a.ckpt"))
    checkpoint["optimizer_states"][0]["param_groups"][0]["momentum"] = {"a": 1}
    assert "momentum" in refused(FormatError, lambda: restore(checkpoint))
    assert len(optimizer.state) == 0


def test_a_malformed_state_of_a_callback_is_named_with_the_file():
    class Strict(L.Callback):
        def load_state_dict(self, state):
            SavedState("Strict", state).count("n")

    with pytest.raises(FormatError, match=r"^a\.ckpt is malformed: The saved state of Strict has n=-1"):
        restore_callbacks({"callbacks": {Strict().state_key: {"n": -1}}}, [Strict()], "a.ckpt")
    restore_callbacks({"callbacks": {Strict().state_key: {"n": 1}}}, [Strict()], "a.ckpt")


def test_the_state_of_other_parameters_is_refused_with_how_many_there_are(checkpoint):
    message = refused(MismatchError, lambda: restore(checkpoint, groups=2))
    assert "over [2] parameters, and this run's has [1, 1]" in message


@pytest.mark.parametrize("schedulers", [0, 2])
def test_another_number_of_schedulers_is_refused(checkpoint, schedulers):
    message = refused(MismatchError, lambda: restore(checkpoint, schedulers=schedulers))
    assert f"the states of 1 learning-rate schedulers, and this run has {schedulers}" in message


def test_another_number_of_optimizers_is_refused(checkpoint):
    message = refused(MismatchError, lambda: restore_optimizers(checkpoint, [], [], "a.ckpt"))
    assert "the states of 1 optimizers, and this run has 0" in message


@pytest.mark.parametrize("name", ["optimizer_states", "lr_schedulers"])
@pytest.mark.parametrize("states", [None, {}, [3], "states"])
def test_states_that_are_no_list_of_dictionaries_are_refused(checkpoint, name, states):
    checkpoint[name] = states
    assert f"'{name}' are no list of states" in refused(FormatError, lambda: restore(checkpoint))


@pytest.mark.parametrize(
    "state",
    [
        {},
        *({"param_groups": groups, "state": {}} for groups in (3, [3], [{}], [{"params": 1}], [{"params": [[], "x"]}])),
        {"param_groups": [], "state": 3},
    ],
)
def test_an_optimizer_state_without_its_groups_is_refused(checkpoint, state):
    checkpoint["optimizer_states"] = [state]
    assert "lacks its groups of parameters" in refused(FormatError, lambda: restore(checkpoint))


# The rest


def test_weights_of_another_model_are_refused_and_leave_it_as_it_was(checkpoint):
    module = Tiny()
    module.layer = torch.nn.Linear(3, 1)
    before = module.layer.weight.clone()
    message = refused(MismatchError, lambda: restore_weights(checkpoint, module, "a.ckpt"))
    assert "layer.weight" in message
    assert torch.equal(module.layer.weight, before)


@pytest.mark.parametrize("weights", [None, 3, []])
def test_a_checkpoint_without_weights_is_none_of_a_module(checkpoint, weights):
    checkpoint["state_dict"] = weights
    assert "'state_dict'" in refused(FormatError, lambda: restore_weights(checkpoint, Tiny(), "a.ckpt"))


def test_the_state_of_each_callback_is_found_by_its_key(checkpoint):
    assert callback_states(checkpoint, [Counting()], "a.ckpt") == {"Counting": {"count": 3}}


def test_the_state_of_a_callback_that_is_gone_is_reported(checkpoint):
    with pytest.warns(LeydenWarning, match=r"a\.ckpt has the state of callbacks .*: Counting\. Add them"):
        callback_states(checkpoint, [], "a.ckpt")


def test_the_state_of_a_callback_is_found_under_its_class_as_lightning_once_kept_it():
    saved = {"callbacks": {"EarlyStopping": {"wait_count": 2}}}
    stopping = EarlyStopping("loss")
    assert callback_states(saved, [stopping], "a.ckpt") == {stopping.state_key: {"wait_count": 2}}


def test_the_state_of_a_callback_with_an_object_is_refused_where_it_would_be_used():
    saved = {"callbacks": {"Counting": {"count": Unrestored("their.Thing")}}}
    with pytest.raises(TrustError, match=r"a\.ckpt: the state of Counting has an object \(their\.Thing\)"):
        restore_callbacks(saved, [Counting()], "a.ckpt")


@pytest.mark.parametrize("saved", [[1], torch.ones(2), None])
def test_callbacks_that_are_no_dictionary_are_refused(checkpoint, saved):
    checkpoint["callbacks"] = saved
    assert "'callbacks' are no dictionary" in refused(FormatError, lambda: callback_states(checkpoint, [], "a.ckpt"))


def test_gradients_of_an_open_window_come_back(checkpoint):
    module = Tiny()
    checkpoint["leyden"]["gradients"] = {"layer.weight": torch.ones(1, 2)}
    restore_gradients(checkpoint, module, "a.ckpt")
    assert module.layer.weight.grad.tolist() == [[1.0, 1.0]]
    assert module.layer.bias.grad is None


@pytest.mark.parametrize(
    "gradients",
    [
        {"head": torch.ones(1)},
        {"layer.weight": torch.ones(3)},
        {"layer.weight": torch.ones(1, 2).double()},
        {"layer.bias": 1},
    ],
)
def test_gradients_of_another_model_are_refused_and_none_is_set(checkpoint, gradients):
    module = Tiny()
    checkpoint["leyden"]["gradients"] = {"layer.bias": torch.ones(1)} | gradients
    message = refused(MismatchError, lambda: restore_gradients(checkpoint, module, "a.ckpt"))
    assert "fits no parameter of this model" in message
    assert module.layer.bias.grad is None


def test_gradients_that_are_no_dictionary_are_refused(checkpoint):
    checkpoint["leyden"]["gradients"] = None
    assert "gradients" in refused(FormatError, lambda: restore_gradients(checkpoint, Tiny(), "a.ckpt"))


@pytest.mark.parametrize("rows", [None, 3, [-1], [1.0], [True], "1"])
def test_numbers_of_rows_that_are_no_counts_are_refused(checkpoint, rows):
    checkpoint["leyden"]["validation_rows"] = rows
    assert "validation rows" in refused(FormatError, lambda: resume_of(checkpoint, Tiny(), "a.ckpt"))


@pytest.mark.parametrize("name", ["random", "data", "log", "metrics"])
def test_malformed_states_of_data_log_and_random_numbers_are_refused_before_anything_runs(checkpoint, name):
    checkpoint["leyden"][name] = {"other": 1}
    assert " is malformed: " in refused(FormatError, lambda: resume_of(checkpoint, Tiny(), "a.ckpt"))


def test_reading_where_a_run_goes_on_leaves_the_random_numbers_alone(checkpoint):
    module, before = Tiny(), torch.get_rng_state()
    resume_of(checkpoint, module, "a.ckpt")
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize(
    "change",
    [
        lambda checkpoint: [checkpoint.pop(name) for name in ("leyden", "optimizer_states")],
        lambda checkpoint: checkpoint["leyden"]["state"].update(epoch=-1),
        lambda checkpoint: checkpoint["leyden"].update(random=3),
        lambda checkpoint: checkpoint["leyden"].update(log={}),
        lambda checkpoint: checkpoint["leyden"]["data"].update(loaders=1),
        lambda checkpoint: checkpoint["leyden"].update(gradients={"layer.weight": torch.ones(9)}),
    ],
    ids=["weights alone", "state", "random", "log", "data", "gradients"],
)
def test_a_run_that_cannot_be_resumed_leaves_the_model_as_it_was(checkpoint, change, tmp_path):
    change(checkpoint)
    save(checkpoint, tmp_path / "a.ckpt")
    model = Scheduled()
    before = copy.deepcopy(model.state_dict())
    assert not torch.equal(before["layer.weight"], checkpoint["state_dict"]["layer.weight"])
    with pytest.raises((FormatError, MismatchError), match="a.ckpt"):
        trainer(tmp_path, Counting()).fit(model, batches(2), batches(1), ckpt_path=tmp_path / "a.ckpt")
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
